"""The process's stdin and stdout as a wire that nothing else in the process can touch.

A daemon thread reads, because a blocked read cannot be cancelled and must not keep the process alive.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from io import FileIO
from typing import BinaryIO

import anyio
from anyio import from_thread, to_thread
from anyio.lowlevel import EventLoopToken, current_token
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

#: Longest message accepted, in bytes: more is answered with an error instead of held in memory.
MOST_BYTES = 10 * 1024 * 1024
#: What is kept of a longer one from either end, enough to find its id.
_KEPT_BYTES = 4096
_STDIN, _STDOUT, _STDERR = 0, 1, 2


class TooLong(Exception):
    """A line above `MOST_BYTES`, of which only the ends were kept."""

    def __init__(self, head: bytes, tail: bytes) -> None:
        super().__init__(f"more than {MOST_BYTES} bytes")
        self.head = head
        self.tail = tail


@contextmanager
def claimed() -> Generator[tuple[BinaryIO, FileIO]]:
    """Take stdin and stdout away from the rest of the process and give them back at the end.

    Meanwhile descriptor 0 is empty and 1 leads to stderr, so that a stray print, ours or a child's, cannot
    break the protocol.
    """
    sys.stdout.flush()
    wire_in, wire_out = os.dup(_STDIN), os.dup(_STDOUT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _STDIN)
    os.close(nothing)
    os.dup2(_STDERR, _STDOUT)
    try:
        # The reading thread may still be inside its descriptor, so that one is never closed.
        yield os.fdopen(wire_in, "rb", closefd=False), FileIO(wire_out, "wb", closefd=False)
    finally:
        sys.stdout.flush()
        os.dup2(wire_in, _STDIN)
        os.dup2(wire_out, _STDOUT)


def watch_end(descriptor: int, on_end: Callable[[], None]) -> None:
    """Call `on_end` from a thread of its own once all programs that could write to `descriptor` are gone.

    Reading stands still while a client takes no answers, so the end of its input would go unseen.
    """
    if sys.platform == "win32":
        return
    hung_up = select.poll()
    hung_up.register(descriptor, 0)  # the end is reported whatever is asked for

    def wait() -> None:
        hung_up.poll()
        on_end()

    threading.Thread(target=wait, name="end-of-stdin", daemon=True).start()


def lines_of(source: BinaryIO) -> MemoryObjectReceiveStream[bytes | TooLong]:
    """Return the lines of `source` as they come; the stream ends where `source` does."""
    send, receive = anyio.create_memory_object_stream[bytes | TooLong]()
    token = current_token()

    def read() -> None:
        try:
            while (line := _read_line(source)) is not None:
                from_thread.run(send.send, line, token=token)
            from_thread.run_sync(send.close, token=token)
        except (OSError, ValueError, RuntimeError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            # The server or the event loop has ended, so the stream has no reader.
            _close_quietly(send, token)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return receive


async def write_line(target: FileIO, line: bytes) -> None:
    """Write `line` and its end, without holding up the event loop.

    Raises:
        OSError: The client no longer reads.
    """
    await to_thread.run_sync(_write, target, line, abandon_on_cancel=True)


def _write(target: FileIO, line: bytes) -> None:
    rest = memoryview(line + b"\n")
    while rest:
        rest = rest[target.write(rest) or 0 :]


def _read_line(source: BinaryIO) -> bytes | TooLong | None:
    line = source.readline(MOST_BYTES + 1)
    if not line:
        return None
    if len(line) <= MOST_BYTES or line.endswith(b"\n"):
        return line
    head, tail = line[:_KEPT_BYTES], line[-_KEPT_BYTES:]
    while not tail.endswith(b"\n") and (more := source.readline(MOST_BYTES)):
        tail = (tail + more)[-_KEPT_BYTES:]
    return TooLong(head, tail)


def _close_quietly(stream: MemoryObjectSendStream[bytes | TooLong], token: EventLoopToken) -> None:
    try:
        from_thread.run_sync(stream.close, token=token)
    except RuntimeError:
        return
