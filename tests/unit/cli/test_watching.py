"""Which changes of a folder start a round. Folders and their changes are real; waits are bounded."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from calypso_mcp.cli import watching as watching_changes
from calypso_mcp.cli.watching import FolderWatch, is_remote, matter
from calypso_mcp.concurrency import run_in_background

BOUND_S = 30.0
MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /mnt/share nfs4 rw 0 0
//nas/My\\040Files /mnt/my\\040files cifs rw 0 0
/dev/sdb1 /mnt/share/local ext4 rw 0 0
odd
"""


@asynccontextmanager
async def watching(folder: Path, *, is_polled: bool = False) -> AsyncGenerator[FolderWatch]:
    def list_files() -> frozenset[str]:
        files = (path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))
        return frozenset(files)

    watch = FolderWatch(folder, list_files, is_polled=is_polled)
    async with run_in_background(watch.follow):
        await checkpoint()
        await watch.look()
        yield watch


def write_by_rename(folder: Path) -> None:
    (folder / "new").write_text("two")
    (folder / "new").replace(folder / "a.md")


def move_a_folder(folder: Path) -> None:
    (folder / "sub").rename(folder / "other")


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda folder: (folder / "a.md").write_text("two"),
    "written by rename": write_by_rename,
    "new": lambda folder: (folder / "b.md").write_text("b"),
    "deleted": lambda folder: (folder / "a.md").unlink(),
    "a folder renamed": move_a_folder,
}


@pytest.mark.parametrize("is_polled", [False, True], ids=["reported", "polled"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_starts_a_round(
    tmp_path: Path, change: Callable[[Path], object], is_polled: bool
) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.md", "sub/c.md"):
        (tmp_path / name).write_text("one")
        # Polling compares whole seconds.
        os.utime(tmp_path / name, (0, 0))
    async with watching(tmp_path, is_polled=is_polled) as watch:
        change(tmp_path)
        with anyio.fail_after(BOUND_S):
            await watch.wait(float("inf"))


async def test_a_file_that_grows_starts_one_round_when_it_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_changes, "_PAUSE_S", 1.0)
    is_written = False
    async with watching(tmp_path) as watch, anyio.create_task_group() as tasks:

        async def grow() -> None:
            nonlocal is_written
            for line in range(3):
                with (tmp_path / "a.md").open("a") as file:
                    file.write(f"line {line}\n")
                await watch._stirred.wait()
            is_written = True

        tasks.start_soon(grow)
        with anyio.fail_after(BOUND_S):
            await watch.wait(float("inf"))
        assert is_written


async def test_a_look_says_whether_the_folder_holds_files(tmp_path: Path) -> None:
    async with watching(tmp_path) as watch:
        assert not await watch.look()
        (tmp_path / "a.md").write_text("one")
        assert await watch.look()
        (tmp_path / "a.md").unlink()
        assert not await watch.look()
        # As long as it is empty: a later round must not take for granted what the first one doubted.
        assert not await watch.look()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("notes/a.md", True),
        ("notes", True),
        ("notes/a.md.swp", False),
        (".git/index", False),
        ("other", False),
        (".", False),
    ],
)
def test_what_a_sync_would_not_send_does_not_matter(changed: str, expected: bool) -> None:
    folder = Path("/watched")
    assert matter([str(folder / changed)], folder, {"notes/a.md", "b.md"}) is expected


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/home/ann", False),
        ("/mnt/share/team", True),
        ("/mnt/my files/team", True),
        ("/mnt/share/local/x", False),
        ("/mnt/shared", False),
    ],
)
def test_a_network_drive_is_known_by_its_mount(folder: str, expected: bool) -> None:
    assert is_remote(Path(folder), MOUNTS) is expected
    assert not is_remote(Path(folder), "")
