"""Folders as a walk sees them: their entries, without ever following a link."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from calypso_mcp.errors import ContentError
from calypso_mcp.server.files.local_files import FilePolicy, open_folder, regular_file_at
from calypso_mcp.server.files.windows_files import is_reparse_point


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in a folder and what is known of it without opening it: nothing where it is out of reach."""

    name: str
    is_folder: bool = False
    is_file: bool = False
    is_link: bool = False
    size_bytes: int = 0
    is_known: bool = True


class DescriptorFolder:
    """An open folder held by a descriptor, which cannot be swapped for another one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def entries(self) -> list[Entry]:
        """Return what is in it, ordered by name, so that every run sees the same order."""
        return _entries(self._descriptor)

    def enter(self, name: str) -> DescriptorFolder:
        """Open a folder inside it; OSError where it is gone, a link or unreadable."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        return DescriptorFolder(os.open(name, flags, dir_fd=self._descriptor))

    def read(self, name: str, limit: int) -> bytes:
        """Return up to `limit` bytes of a regular file inside it; OSError or ContentError otherwise."""
        descriptor, _ = regular_file_at(self._descriptor, name, name)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(limit)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)


class PathFolder:
    """The same, held by its path, for Windows. Each file is checked again by its handle when it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> list[Entry]:
        """Return what is in it, ordered by name."""
        return _entries(self._path)

    def enter(self, name: str) -> PathFolder:
        """Open a folder inside it."""
        inner = self._path / name
        status = inner.lstat()
        if not stat.S_ISDIR(status.st_mode) or is_reparse_point(status):
            raise NotADirectoryError(name)
        return PathFolder(inner)

    def read(self, name: str, limit: int) -> bytes:
        """Return up to `limit` bytes of a regular file inside it."""
        inner = self._path / name
        status = inner.lstat()
        if not stat.S_ISREG(status.st_mode) or is_reparse_point(status):
            raise ContentError(f"{name!r} is not a regular file.")
        with inner.open("rb") as file:
            return file.read(limit)

    def close(self) -> None:
        """Nothing is held."""


Folder = DescriptorFolder | PathFolder


@contextmanager
def opened(path: str, policy: FilePolicy) -> Generator[tuple[int, tuple[str, ...], Folder]]:
    """Open the folder at `path`; yields its allowed root's index, its parts below that, and the folder.

    Raises:
        ContentError: As for `open_folder`.
    """
    with open_folder(path, policy) as (placement, descriptor):
        if sys.platform == "win32":
            folder: Folder = PathFolder(Path(policy.roots[placement.root].resolved, *placement.parts))
        else:
            folder = DescriptorFolder(os.dup(descriptor))
        with closing(folder):
            yield placement.root, placement.parts, folder


def _entries(where: int | Path) -> list[Entry]:
    with os.scandir(where) as found:
        entries = [_entry(item) for item in found]
    return sorted(entries, key=lambda entry: entry.name)


def _entry(item: os.DirEntry[str]) -> Entry:
    try:
        status = item.stat(follow_symlinks=False)
    except OSError:  # gone since, or in a folder that may be listed but not entered
        return Entry(item.name, is_known=False)
    is_link = stat.S_ISLNK(status.st_mode) or is_reparse_point(status)
    return Entry(
        item.name,
        is_folder=stat.S_ISDIR(status.st_mode) and not is_link,
        is_file=stat.S_ISREG(status.st_mode) and not is_link,
        is_link=is_link,
        size_bytes=status.st_size,
    )
