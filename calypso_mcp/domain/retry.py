"""Whether to repeat a failed attempt, and after how long. Pure: the caller supplies random numbers and time.

Broken connections, 408, 429 and most 5xx are repeated, because they may be temporary. Every other answer
would be the same again. A wait that the server asks for is kept up to a cap; beyond it the caller gets the
error, because only the caller knows what else to do with the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_REQUEST_TIMEOUT: Final = 408
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERRORS: Final = range(500, 600)
#: "Not implemented" and "insufficient storage": the next attempt would reach the same program, or disk.
_LASTING: Final = frozenset({501, 507})

#: A day: no call waits that long, and JSON has no number for the infinity that many digits are read as.
_LONGEST_WAIT_S: Final = 86_400.0

#: Beyond this exponent every delay has reached its cap, and a larger exponent could overflow.
_LARGEST_EXPONENT: Final = 32


def is_retryable_status(status: int) -> bool:
    """Return whether the same request may succeed after an answer with this HTTP status."""
    if status in {_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS}:
        return True
    return status in _SERVER_ERRORS and status not in _LASTING


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently to repeat one request.

    Attributes:
        attempts: Attempts in all, the first included.
        base_s: Longest wait before the second attempt, in seconds.
        factor: Growth of the wait from one attempt to the next.
        cap_s: Longest wait we choose ourselves, in seconds.
        retry_after_cap_s: Longest wait a server may ask of us, in seconds.
    """

    attempts: int = 5
    base_s: float = 0.5
    factor: float = 2.0
    cap_s: float = 8.0
    retry_after_cap_s: float = 20.0

    def delay_s(
        self, attempt: int, *, retryable: bool, retry_after_s: float | None = None, jitter: float = 1.0
    ) -> float | None:
        """Return the seconds to wait after failed attempt number `attempt`, or None to give up.

        Args:
            attempt: The attempt that failed, counted from 1.
            retryable: Whether this kind of failure may be temporary.
            retry_after_s: The wait that the server asked for, in seconds.
            jitter: A random number from 0 to 1. The wait lies between half of the exponential one and all
                of it, so that clients that failed together do not come back together.
        """
        if not retryable or attempt >= self.attempts:
            return None
        if retry_after_s is not None:
            # Never earlier than asked; the jitter only ever adds, up to a tenth of a second.
            wait = retry_after_s + 0.1 * jitter
            return wait if retry_after_s <= self.retry_after_cap_s else None
        exponent = min(attempt - 1, _LARGEST_EXPONENT)
        return min(self.cap_s, self.base_s * self.factor**exponent) * (0.5 + 0.5 * jitter)


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return the seconds a `Retry-After` header asks for, at most a day; None if it is absent or unreadable.

    Args:
        value: The header: seconds (whole or fractional) or an HTTP date.
        now: The current time, with its zone.
    """
    if value is None:
        return None
    text = value.strip()
    if text.replace(".", "", 1).isdecimal() and text.isascii():
        return min(float(text), _LONGEST_WAIT_S)
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(max(0.0, (when - now).total_seconds()), _LONGEST_WAIT_S)
