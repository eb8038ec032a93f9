"""Repeats failed attempts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from calypso_mcp.client.clock import Clock
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.errors import CalypsoError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """How failed attempts are repeated; `dice` are random numbers from 0 to 1 for the jitter."""

    policy: RetryPolicy
    clock: Clock
    dice: Callable[[], float]

    async def run(
        self,
        attempt: Callable[[], Awaitable[T]],
        *,
        is_final: Callable[[CalypsoError], bool] = lambda _error: False,
    ) -> T:
        """Return what `attempt` returns, after as many attempts as the policy allows.

        An error that `is_final` is not followed by another attempt, whatever the policy says.

        Raises:
            CalypsoError: The error of the last attempt.
        """
        failed = 0
        while True:
            try:
                return await attempt()
            except CalypsoError as error:
                failed += 1
                pause_s = self.policy.delay_s(
                    failed, retryable=error.retryable, retry_after_s=error.retry_after_s, jitter=self.dice()
                )
                if pause_s is None or is_final(error):
                    raise
            await self.clock.sleep(pause_s)
