"""How many requests may start in any window of time, as a pure value machine.

The team's limit is counted where the requests arrive, and only the server knows when that was. What the
client does know is that a request has arrived by the time its answer is there. So a request takes part in
the window from its start until one window after its *answer*: whatever the network did to it, the server
saw it no later than that. The limit then holds at the server exactly, without a safety margin.
"""

from __future__ import annotations

from collections import deque


class SlidingWindow:
    """At most `limit` requests in any `window_s` seconds. Times come from the caller, never going back."""

    def __init__(self, limit: int, window_s: float = 1.0) -> None:
        #: May change while requests are counted.
        self.limit = limit
        self._window_s = window_s
        self._under_way = 0
        self._answered: deque[float] = deque()

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until one more may start: 0 for at once, None for "after the next answer"."""
        while self._answered and self._answered[0] + self._window_s <= now:
            self._answered.popleft()
        too_many = self._under_way + len(self._answered) - self.limit
        if too_many < 0:
            return 0.0
        if too_many >= len(self._answered):
            return None
        return self._answered[too_many] + self._window_s - now

    def start(self) -> None:
        """Count a request as under way."""
        self._under_way += 1

    def answer(self, now: float) -> None:
        """Count a request that was under way as answered, or as given up, at `now`."""
        self._under_way -= 1
        self._answered.append(now)
