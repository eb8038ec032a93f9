"""Repeating what failed: the only module that knows tenacity."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from calypso_mcp.client.clock import Clock
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.errors import CalypsoError

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """How failed attempts are repeated.

    Attributes:
        policy: What to repeat, how often and how patiently.
        clock: Whose sleep to use.
        dice: Random numbers from 0 to 1 for the jitter.
    """

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

        Args:
            attempt: Called for each attempt.
            is_final: Whether an error must not be repeated, whatever the policy says.

        Raises:
            CalypsoError: The error of the last attempt.
        """
        # Nearly every attempt succeeds, and the machinery costs more than one of them.
        try:
            return await attempt()
        except CalypsoError as error:
            if is_final(error) or not error.retryable:
                raise
            first: CalypsoError | None = error
        from tenacity.asyncio import AsyncRetrying

        async def attempt_again() -> T:
            nonlocal first
            if first is not None:
                error, first = first, None
                raise error
            return await attempt()

        def delay_s(state: RetryCallState) -> float | None:
            error = state.outcome.exception() if state.outcome else None
            if not isinstance(error, CalypsoError) or is_final(error):
                return None
            return self.policy.delay_s(
                state.attempt_number,
                retryable=error.retryable,
                retry_after_s=error.retry_after_s,
                jitter=self.dice(),
            )

        retrying = AsyncRetrying(
            stop=lambda state: delay_s(state) is None,
            wait=lambda state: delay_s(state) or 0.0,
            sleep=self.clock.sleep,
            reraise=True,
        )
        result: T = await retrying(attempt_again)
        return result
