"""The deadline of one call, which covers everything in it, and calls that may take longer than most.

Such a call, a task or one that no host abandons, is kept in a context variable, so no tool needs to know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import anyio

from calypso_mcp.concurrency import stop_at

Send = Callable[[float, float | None, str | None], Awaitable[None]]
#: Seconds that every call may take, even with a smaller `timeout_s`: it must get something done to report.
SHORTEST_CALL_S: Final = 10.0
#: What `timeout_s` is where a call leaves it out, and at most.
DEFAULT_CALL_S: Final = 45
LONGEST_CALL_S: Final = 300
#: Seconds for a call that takes no `timeout_s`. Common hosts give up a call after a minute.
CALL_S: Final = 50.0
#: Seconds beyond its time for a call that ends itself with what it has got so far.
REPORT_S: Final = 5.0


@dataclass(slots=True)
class LongCall:
    """A call that runs as a task, or for a person who waits at a terminal.

    Attributes:
        wait_s: Seconds that it may take instead of its `timeout_s`; None where that counts.
        progress: How far it is, in words.
        is_detached: Whether its request is answered, so that nothing more may be sent for it.
    """

    wait_s: float | None = None
    progress: str = ""
    is_detached: bool = False


_CURRENT: ContextVar[LongCall | None] = ContextVar("long_call", default=None)


@contextmanager
def running(call: LongCall) -> Generator[None]:
    """Run the block, and all that it starts, as part of `call`."""
    token = _CURRENT.set(call)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def allowed_s(timeout_s: float) -> float:
    """Return the seconds that a call with this `timeout_s` may take; 0 stays 0, and only looks."""
    call = _CURRENT.get()
    return timeout_s if call is None or call.wait_s is None or not timeout_s else call.wait_s


def relayed(send: Send) -> Send:
    """Return a function that records the progress of the current call, and sends it until it is detached."""
    call = _CURRENT.get()
    if call is None:
        return send

    async def take(share: float, total: float | None, message: str | None) -> None:
        call.progress = message or ""
        if not call.is_detached:
            await send(share, total, message)

    return take


class CallTime:
    """The time of one call. It runs from the moment this is made."""

    def __init__(self, timeout_s: float) -> None:
        """Start the clock of a call that may take so long; a task may take longer, see `LongCall`."""
        timeout_s = allowed_s(timeout_s)
        started = anyio.current_time()
        self._waits_until = started + timeout_s
        self._ends_at = started + max(timeout_s, SHORTEST_CALL_S)

    @property
    def wait_s(self) -> float:
        """Seconds left for waiting until things happen elsewhere."""
        return max(0.0, self._waits_until - anyio.current_time())

    @property
    def left_s(self) -> float:
        """Seconds left for everything else."""
        return max(0.0, self._ends_at - anyio.current_time())

    @contextmanager
    def limited(self) -> Generator[None]:
        """Run the block as long as there is time left.

        Raises:
            OutOfTime: There was not enough.
        """
        with stop_at(self._ends_at):
            yield


def limited_call(timeout_s: float | None) -> AbstractContextManager[None]:
    """Run one whole call within its time, all waits included; None for a call that takes no such argument.

    Raises:
        OutOfTime: The call did not end by itself.
    """
    seconds = CALL_S if timeout_s is None else max(allowed_s(timeout_s), SHORTEST_CALL_S) + REPORT_S
    return stop_at(anyio.current_time() + seconds, f"The call was not finished within {seconds:g} s.")
