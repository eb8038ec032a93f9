"""How long one tool call may take, everything in it counted."""

from __future__ import annotations

from typing import Final

import anyio

#: Seconds a call may take whatever it was given: it must get something done to have something to tell.
SHORTEST_CALL_S: Final = 10.0


class CallTime:
    """The time of one call. It runs from the moment this is made."""

    def __init__(self, timeout_s: float) -> None:
        """Start the clock.

        Args:
            timeout_s: What the caller allowed, in seconds.
        """
        started = anyio.current_time()
        self._waits_until = started + timeout_s
        self._ends_at = started + max(timeout_s, SHORTEST_CALL_S)

    @property
    def wait_s(self) -> float:
        """Seconds left for waiting until things happen elsewhere."""
        return max(0.0, self._waits_until - anyio.current_time())

    @property
    def left_s(self) -> float:
        """Seconds left for everything else."""
        return max(0.0, self._ends_at - anyio.current_time())

    def limited(self) -> anyio.CancelScope:
        """Return a scope, to be entered with `with`, that is left when the time is up."""
        return anyio.CancelScope(deadline=self._ends_at)
