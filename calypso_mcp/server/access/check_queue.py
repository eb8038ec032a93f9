"""Queues checks of unknown credentials that cost a request to another server: a few run, a few wait.

Strangers can cause as many checks as they like. They must neither hold the places of callers who are known
nor spend the time of the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio

from calypso_mcp.errors import Busy, ConnectionFailed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CheckPolicy:
    """Bounds of one queue.

    Attributes:
        at_once: Checks under way at the same time.
        waiting: Checks that wait for their turn; more are turned away at once.
        pause_s: Seconds from the start of one check to the start of the next: each takes about 2 ms of the
            event loop, which all callers share.
        timeout_s: Seconds for one check.
    """

    at_once: int = 16
    waiting: int = 16
    pause_s: float = 0.04
    timeout_s: float = 15.0


class CheckQueue:
    """Runs checks within the bounds of a policy."""

    def __init__(self, policy: CheckPolicy | None = None) -> None:
        self._policy = policy or CheckPolicy()
        self._turns = anyio.Semaphore(self._policy.at_once)
        self._inside = 0
        self._next_start = 0.0

    async def run(self, check: Callable[[], Awaitable[T]]) -> T:
        """Return what `check` returns, when its turn comes.

        Raises:
            Busy: Too many wait already.
            ConnectionFailed: The check took too long.
        """
        if self._inside >= self._policy.at_once + self._policy.waiting:
            raise Busy("Too many credentials are being checked.")
        self._inside += 1
        try:
            async with self._turns:
                await self._pause()
                with anyio.move_on_after(self._policy.timeout_s):
                    return await check()
                raise ConnectionFailed("A credential could not be checked in time.")
        finally:
            self._inside -= 1

    async def _pause(self) -> None:
        now = time.monotonic()
        start = max(now, self._next_start)
        self._next_start = start + self._policy.pause_s
        await anyio.sleep(start - now)
