"""Watches a folder: gathers changes until they pause, and ignores what a sync would not notice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import anyio
from anyio import to_thread

from calypso_mcp.errors import CalypsoError

#: A save is often several steps (a new file, a rename, a deletion): the pause that ends them, and how long
#: steps that never pause are gathered, in seconds.
_PAUSE_S = 0.5
_LONGEST_S = 10.0
#: Milliseconds between reports: less than a pause, so that a growing file is reported without one.
_STEP_MS = 100
#: Milliseconds until the thread that waits for changes notices that it should stop.
_HEED_MS = 500
#: File systems that do not report what other machines change (`man 5 proc_mounts`, third column).
_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "drvfs", "vboxsf", "ceph", "glusterfs"}
) | {"fuse.sshfs", "fuse.rclone", "fuse.vmhgfs-fuse", "fuse.gvfsd-fuse", "fuse.s3fs", "davfs", "fuse.davfs2"}
_MOUNTS = Path("/proc/self/mounts")


@dataclass(slots=True)
class FolderWatch:
    """Says when a folder has changed.

    Attributes:
        folder: Absolute, without links.
        list_files: Returns the files that a sync would send, as paths below the folder; blocks.
        is_polled: Whether to look at every file now and then, because the system does not report changes.
    """

    folder: Path
    list_files: Callable[[], frozenset[str]]
    is_polled: bool = False
    _files: frozenset[str] = frozenset()
    _paths: set[str] = field(default_factory=set[str])
    _stirred: anyio.Event = field(default_factory=anyio.Event)

    async def follow(self) -> None:
        """Gather changes until cancelled. No change after the first step of this task is missed.

        Raises:
            CalypsoError: The system cannot report changes of this folder.
        """
        # Imported here because it takes 40 ms to load, and few processes watch.
        from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType] - of a type it does not use

        changes = awatch(
            self.folder,
            watch_filter=None,
            step=_STEP_MS,
            rust_timeout=_HEED_MS,
            force_polling=self.is_polled,
            ignore_permission_denied=True,
        )
        try:
            async for batch in changes:
                self._paths.update(path for _, path in batch)
                self._stirred.set()
        except OSError as problem:
            raise CalypsoError(
                f"Cannot follow changes in {self.folder}: {problem.strerror or problem}.",
                hint="Add --poll to poll the files instead.",
            ) from problem

    async def look(self) -> bool:
        """Take stock of the folder before a round; returns whether it holds files."""
        self._forget()
        self._files = await to_thread.run_sync(self.list_files)
        return bool(self._files)

    async def wait(self, at_most_s: float) -> None:
        """Return when the folder has changed since the last look, or `at_most_s` seconds are over."""
        with anyio.move_on_after(at_most_s):
            while not await self._has_changed():
                pass

    async def _has_changed(self) -> bool:
        """Wait for changes and then for a pause; returns whether a sync would notice any of them."""
        await self._stirred.wait()
        with anyio.move_on_after(_LONGEST_S):
            while self._stirred.is_set():
                self._stirred = anyio.Event()
                with anyio.move_on_after(_PAUSE_S):
                    await self._stirred.wait()
        paths, before = self._forget(), self._files
        self._files = now = await to_thread.run_sync(self.list_files)
        return before != now or matter(paths, self.folder, now)

    def _forget(self) -> set[str]:
        """Return the changes reported so far, and forget them."""
        self._stirred = anyio.Event()
        paths, self._paths = self._paths, set()
        return paths


def matter(changed: Iterable[str], folder: Path, files: Iterable[str]) -> bool:
    """Whether any of the `changed` paths is one of `files`, or a folder with one of them in it."""
    known = {"."}
    for file in files:
        path = PurePosixPath(file)
        known.update((file, *map(str, path.parents)))
    known.discard(".")
    return any(_relative_to(path, folder) in known for path in changed)


def _relative_to(path: str, folder: Path) -> str:
    try:
        return Path(path).relative_to(folder).as_posix()
    except ValueError:
        return path


def is_remote(folder: Path, mounts: str | None = None) -> bool:
    """Whether `folder` lies on a file system that does not report what other machines change.

    Args:
        folder: Absolute, without links.
        mounts: The table of mounts; the system's by default, empty on systems without one.
    """
    if mounts is None:
        mounts = _MOUNTS.read_text(errors="replace") if sys.platform == "linux" else ""
    kinds: dict[str, str] = {}
    for line in mounts.splitlines():
        _, place, kind, *_ = [*line.split(), "", "", ""]
        kinds[place.replace("\\040", " ")] = kind
    nearest = next((kinds[str(way)] for way in (folder, *folder.parents) if str(way) in kinds), "")
    return nearest in _REMOTE
