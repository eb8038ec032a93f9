"""Locks on open files that hold between processes and vanish with the process that holds them."""

from __future__ import annotations

import sys


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file if nobody else has it; closing the file releases it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
