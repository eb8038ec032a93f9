"""A call that may take longer than most: a task, or a call that no host abandons.

The call is kept in a context variable, so no tool needs to know whether it runs as a task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

Send = Callable[[float, float | None, str | None], Awaitable[None]]


@dataclass(slots=True)
class LongCall:
    """A call that runs as a task, or for a person who waits at a terminal.

    Attributes:
        wait_s: Seconds that it may take; None where its arguments say so themselves.
        progress: How far it is, in words.
        is_detached: Whether its request is answered, so that nothing more may be sent for it.
        is_unhurried: Whether no host abandons it, so that `timeout_s` bounds only the waits for the API to
            index files.
    """

    wait_s: float | None = None
    progress: str = ""
    is_detached: bool = False
    is_unhurried: bool = False


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


def is_unhurried() -> bool:
    """Whether the current call may take as long as its own work takes."""
    call = _CURRENT.get()
    return call is not None and call.is_unhurried


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
