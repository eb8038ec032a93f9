"""The deadline of one call, which covers everything in it."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import anyio

from calypso_mcp.concurrency import stop_at
from calypso_mcp.server.calls.long_call import allowed_s, is_unhurried

#: Seconds that every call may take, even with a smaller `timeout_s`: it must get something done to report.
SHORTEST_CALL_S: Final = 10.0
#: What `timeout_s` is where a call leaves it out, and at most.
DEFAULT_CALL_S: Final = 45
LONGEST_CALL_S: Final = 300
#: Seconds for a call that takes no `timeout_s`. Common hosts give up a call after a minute.
CALL_S: Final = 50.0
#: Seconds beyond its time for a call that ends itself with what it has got so far.
REPORT_S: Final = 5.0


class CallTime:
    """The time of one call. It runs from the moment this is made."""

    def __init__(self, timeout_s: float) -> None:
        """Start the clock of a call that may take so long; a task may take longer, see `long_call`."""
        timeout_s = allowed_s(timeout_s)
        started = anyio.current_time()
        self._waits_until = started + timeout_s
        self._ends_at = math.inf if is_unhurried() else started + max(timeout_s, SHORTEST_CALL_S)

    @property
    def wait_s(self) -> float:
        """Seconds left for waiting until things happen elsewhere."""
        return max(0.0, self._waits_until - anyio.current_time())

    @property
    def left_s(self) -> float:
        """Seconds left for everything else."""
        return max(0.0, self._ends_at - anyio.current_time())

    @contextmanager
    def limited(self) -> Generator[None]:
        """Run the block as long as there is time left.

        Raises:
            OutOfTime: There was not enough.
        """
        with stop_at(self._ends_at):
            yield


@contextmanager
def limited_call(timeout_s: float | None) -> Generator[None]:
    """Run one whole call within its time, all waits included; None for a call that takes no such argument.

    Raises:
        OutOfTime: The call did not end by itself.
    """
    if timeout_s is None:
        seconds = CALL_S
    elif is_unhurried():
        seconds = math.inf
    else:
        seconds = max(allowed_s(timeout_s), SHORTEST_CALL_S) + REPORT_S
    with stop_at(anyio.current_time() + seconds, f"The call was not finished within {seconds:g} s."):
        yield
