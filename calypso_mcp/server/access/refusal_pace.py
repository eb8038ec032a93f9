"""Delays refusals of callers without a valid credential: a few come at once, a flood after a pause.

Every answer takes time of the event loop, which known callers share. A caller that floods the server waits
for each answer before the next request on that connection, so a pause slows the flood alone.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import SystemRandom

import anyio


@dataclass(frozen=True, slots=True)
class PacePolicy:
    """When refusals wait.

    Attributes:
        at_once: Refusals of any second that are answered at once.
        pause_s: Seconds that the rest waits on average: from half of it to half as much again, so that those
            who came together do not come back together.
        waiting: Refusals that wait at the same time; more are answered at once, to bound memory.
    """

    at_once: int = 50
    pause_s: float = 2.0
    waiting: int = 5_000


#: For answers of the page to strangers: it consists of about 30 files, which one visit asks for at once.
PAGE_PACE = PacePolicy(at_once=100)


class RefusalPace:
    """Counts the refusals of one server."""

    def __init__(
        self,
        policy: PacePolicy | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._policy = policy or PacePolicy()
        self._clock = clock
        self._sleep = sleep
        self._second = 0.0
        self._refused = 0
        self._waiting = 0

    async def wait(self) -> None:
        """Return when a stranger may be refused."""
        now = self._clock()
        if now - self._second >= 1.0:
            self._second, self._refused = now, 0
        self._refused += 1
        if self._refused <= self._policy.at_once or self._waiting >= self._policy.waiting:
            return
        self._waiting += 1
        try:
            await self._sleep(self._policy.pause_s * SystemRandom().uniform(0.5, 1.5))
        finally:
            self._waiting -= 1
