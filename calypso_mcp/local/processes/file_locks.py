"""Locks on open files that hold between processes and vanish with the process that holds them."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def try_lock(descriptor: int, *, waits: bool = False) -> bool:
    """Take the exclusive lock of an open file, and return whether it was taken; closing the file releases it.

    It is not taken where locks do not work, or if another process holds it and this one does not wait.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_LOCK if waits else msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def is_same_file(path: Path, descriptor: int) -> bool:
    """Whether the file that was opened by this name is still the one that has it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
