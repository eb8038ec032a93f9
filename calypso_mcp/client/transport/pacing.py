"""Keeps create requests below the team's limit (seed: 5 per second per team)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from calypso_mcp.client.clock import SYSTEM_CLOCK, Clock
from calypso_mcp.domain.limits import CREATES_PER_SECOND
from calypso_mcp.domain.pacing import SlidingWindow


class CreatePacer:
    """Lets at most `per_second` create requests reach the server in any second, first come, first served.

    One pacer serves everything in the process that uses the same API key. A caller that is cancelled
    while it waits takes no turn.
    """

    def __init__(self, per_second: int = CREATES_PER_SECOND, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._window = SlidingWindow(per_second)
        self._clock = clock
        self._queue = anyio.Lock()
        self._answered = anyio.Event()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for a turn, and hold it until the request made inside has been answered."""
        async with self._queue:
            await self._wait()
            self._window.start()
        try:
            yield
        finally:
            self._window.answer(self._clock.now())
            self._answered.set()

    async def _wait(self) -> None:
        while (wait_s := self._window.wait_s(self._clock.now())) != 0:
            if wait_s is not None:
                await self._clock.sleep(wait_s)
                continue
            self._answered = anyio.Event()
            await self._answered.wait()
