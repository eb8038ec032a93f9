"""The retry policy, driven by tenacity. The only module that knows the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from calypso_mcp.client.clock import Clock
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.errors import CalypsoError

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from tenacity.asyncio import AsyncRetrying


def retrying(policy: RetryPolicy, clock: Clock, dice: Callable[[], float]) -> AsyncRetrying:
    """Return a caller that repeats a coroutine function as `policy` says and raises its last error.

    Args:
        policy: What to repeat, how often and how patiently.
        clock: Whose sleep to use.
        dice: A random number from 0 to 1 for the jitter.
    """
    from tenacity.asyncio import AsyncRetrying

    def delay_s(state: RetryCallState) -> float | None:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, CalypsoError):
            return None
        return policy.delay_s(
            state.attempt_number,
            retryable=error.retryable,
            retry_after_s=error.retry_after_s,
            jitter=dice(),
        )

    return AsyncRetrying(
        retry=lambda state: delay_s(state) is not None,  # pyright: ignore[reportArgumentType] - a predicate is enough
        wait=lambda state: delay_s(state) or 0.0,
        sleep=clock.sleep,
        reraise=True,
    )
