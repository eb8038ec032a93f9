"""A clock for tests of speed, on a machine that has other work as well."""

from __future__ import annotations

import time
from pathlib import Path

#: Of the thread that reads it, on Linux: nanoseconds it computed, nanoseconds it waited for a CPU, its turns.
_SCHEDULED = Path("/proc/thread-self/schedstat")


def own_time() -> float:
    """Return seconds that pass while this thread computes or waits, but not while it waits for a CPU.

    Only differences count. Where the system does not tell, it is the time of the clock on the wall.
    """
    try:
        waited_ns = int(_SCHEDULED.read_text(encoding="ascii").split()[1])
    except OSError:
        waited_ns = 0
    return time.perf_counter() - waited_ns / 1e9
