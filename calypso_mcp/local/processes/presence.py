"""Which processes are alive: each holds a lock that ends with it, however it ends.

Leases alone would take their full time to notice a killed process; the lock says so at once. Where locks
do not work (some network file systems), a process counts as alive and its lease decides.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from calypso_mcp.local.identifiers import new_id
from calypso_mcp.local.processes.file_locks import is_same_file, try_lock

#: Windows does not delete open files.
_KEEPS_OPEN_FILES = os.name == "nt"


class Presence:
    """Shows by a locked file in a shared folder that this process is alive, and looks for others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1
        self.owner = new_id("worker")

    def enter(self) -> None:
        """Show that this process is alive. Blocks."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / self.owner
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try_lock(descriptor, waits=True)
            if is_same_file(path, descriptor):
                break
            # Another process looked at it before it was locked and took it for one left behind.
            os.close(descriptor)
        self._descriptor = descriptor

    def leave(self) -> None:
        """Remove this process's file. Blocks."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            (self._folder / self.owner).unlink(missing_ok=True)

    def is_gone(self, owner: str) -> bool:
        """Whether the process `owner` has ended. Blocks."""
        if owner == self.owner:
            return False
        path = self._folder / owner
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                return True
            except OSError:
                return False
            try:
                if not try_lock(descriptor):
                    return False
                if is_same_file(path, descriptor):
                    # While it is locked: an owner that is only just starting then sees that it is gone.
                    if not _KEEPS_OPEN_FILES:
                        path.unlink(missing_ok=True)
                    break
                # Its owner made it anew between opening and locking.
            finally:
                os.close(descriptor)
        if _KEEPS_OPEN_FILES:
            with contextlib.suppress(PermissionError):  # its owner has it open
                path.unlink(missing_ok=True)
        return True

    def is_another_alive(self) -> bool:
        """Whether another process is alive. Blocks."""
        return self._folder.is_dir() and any(not self.is_gone(path.name) for path in self._folder.iterdir())

    def forget_ended(self) -> None:
        """Remove the files of processes that were killed. Blocks."""
        for path in self._folder.iterdir():
            self.is_gone(path.name)
