"""The end of the process: orderly if that is quick, and within two seconds in any case.

A thread that reads a folder, a disk that hangs or a client that stopped reading must not keep a process
alive that was told to stop. Cutting them off loses nothing: the store and the record of sent files are made
to survive a crash at any moment.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

#: Seconds for an orderly end. Hosts kill a server that takes much longer than two.
_GRACE_S = 1.5
#: Seconds between two checks that the parent lives: together with the grace less than two.
_LOOK_S = 0.3
#: What a shell reports for a process ended by Ctrl-C.
INTERRUPTED = 130
#: Taken by the first call of `end_soon`.
_ending = threading.Lock()


def end_soon(code: int = 0) -> None:
    """End the process with `code` after the grace unless it ends by itself. Call from any thread.

    Later calls change nothing: what the first one says is why it ends.
    """
    if not _ending.acquire(blocking=False):
        return
    timer = threading.Timer(_GRACE_S, os._exit, (code,))
    timer.daemon = True
    timer.start()


@contextmanager
def signals_end(stop: Callable[[], object] | None = None) -> Generator[None]:
    """Let SIGINT start the grace at once in this block, and SIGTERM, too, if it is to call `stop`.

    Python-level handlers: they run although the event loop is busy or blocked in a write.
    """

    def on_term(_number: int, _frame: FrameType | None) -> None:
        end_soon()
        if stop is not None:
            stop()

    interrupt = signal.getsignal(signal.SIGINT)

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        end_soon(INTERRUPTED)
        if callable(interrupt):
            interrupt(number, frame)

    before = {signal.SIGINT: signal.signal(signal.SIGINT, on_interrupt)}
    if stop is not None and sys.platform != "win32":
        # A host may say "stop" by a signal instead of closing our input: end just as cleanly.
        before[signal.SIGTERM] = signal.signal(signal.SIGTERM, on_term)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def death_of_parent_ends(stop: Callable[[], object]) -> Generator[None]:
    """Let the death of the process that started this one call `stop` in this block, and start the grace.

    The end of the input reports it only if no other process holds the other end of the pipe. A signal of
    the kernel would come too early from a parent whose starting thread ends. Windows keeps the number of a
    parent that is gone, so there the input alone counts.
    """
    parent = os.getppid()
    over = threading.Event()

    def watch() -> None:
        while os.getppid() == parent:
            if over.wait(_LOOK_S):
                return
        end_soon()
        stop()

    if sys.platform != "win32":
        threading.Thread(target=watch, name="parent", daemon=True).start()
    try:
        yield
    finally:
        over.set()
