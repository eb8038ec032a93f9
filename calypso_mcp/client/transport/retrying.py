"""Repeats failed attempts: the only module that knows tenacity."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from calypso_mcp.client.clock import Clock
from calypso_mcp.domain.retry import RetryPolicy, is_retryable_status
from calypso_mcp.errors import ApiError, CalypsoError

if TYPE_CHECKING:
    from tenacity import RetryCallState

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
        # Nearly every first attempt succeeds, and importing tenacity takes longer than many attempts.
        try:
            return await attempt()
        except CalypsoError as error:
            pause_s = self._pause_s(1, error, is_final)
            if pause_s is None:
                raise
        from tenacity.asyncio import AsyncRetrying

        def pause_after(state: RetryCallState) -> float | None:
            error = state.outcome.exception() if state.outcome else None
            return self._pause_s(1 + state.attempt_number, error, is_final)

        await self.clock.sleep(pause_s)
        result: T = await AsyncRetrying(
            retry=lambda state: pause_after(state) is not None,
            wait=lambda state: pause_after(state) or 0.0,
            sleep=self.clock.sleep,
        )(attempt)
        return result

    def _pause_s(
        self, attempt: int, error: BaseException | None, is_final: Callable[[CalypsoError], bool]
    ) -> float | None:
        """Return the seconds to wait after failed attempt number `attempt`; None to give up."""
        if not isinstance(error, CalypsoError) or is_final(error):
            return None
        # The API may call a 4xx retryable: its cause may pass, but hardly while we wait.
        if isinstance(error, ApiError) and not is_retryable_status(error.status):
            return None
        return self.policy.delay_s(
            attempt, retryable=error.retryable, retry_after_s=error.retry_after_s, jitter=self.dice()
        )
