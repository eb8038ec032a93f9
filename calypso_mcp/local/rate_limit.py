"""How many uploads may be created per second (seed: single upload)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from calypso_mcp.local.refusals import Refusal


class CreateWindow:
    """A sliding window of one second over the create requests of the team, single and batch alike."""

    def __init__(self, per_second: int | None, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._clock = clock
        self._admitted: deque[float] = deque()

    def admit(self) -> None:
        """Count one request.

        Raises:
            Refusal: There were as many as allowed within the last second (429).
        """
        if self._per_second is None:
            return
        now = self._clock()
        while self._admitted and self._admitted[0] <= now - 1.0:
            self._admitted.popleft()
        if len(self._admitted) >= self._per_second:
            raise Refusal(
                429,
                "rate_limited",
                f"At most {self._per_second} uploads may be created per second.",
                retryable=True,
                # Whole seconds are all that the header can say.
                headers={"Retry-After": "1"},
            )
        self._admitted.append(now)
