"""A bucket kept equal to a folder."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.commands.processes import run, running
from tests.support.pdfs import encrypted_pdf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nEvery employee has 27 days of annual leave.\n")
    (folder / "canteen.md").write_text("# Canteen\n\nThe canteen opens at eleven.\n")
    return folder


def sync(folder: Path, *flags: str):
    place = ("--bucket", "notes", "--create-bucket", "--data-dir", str(folder.parent / "data"))
    return run("sync", str(folder), *place, *flags)


def held(folder: Path) -> list[str]:
    listed = run("list", "notes", "--json", "--data-dir", str(folder.parent / "data"))
    assert listed.returncode == 0, listed.stderr
    return [source["name"] for source in json.loads(listed.stdout)]


def found(folder: Path, query: str) -> str:
    return run("search", query, "--data-dir", str(folder.parent / "data")).stdout


def test_what_changes_in_the_folder_changes_in_the_bucket(folder: Path) -> None:
    first = sync(folder)
    assert first.returncode == 0, first.stderr
    assert held(folder) == ["canteen.md", "leave.md"]
    (folder / "leave.md").write_text("# Leave\n\nEvery employee has 31 days of annual leave.\n")
    (folder / "new.md").write_text("# New\n\nThe shuttle leaves at noon.\n")
    (folder / "canteen.md").unlink()
    second = sync(folder)
    assert second.returncode == 0, second.stderr
    assert held(folder) == ["canteen.md", "leave.md", "new.md"]
    assert "31 days" in found(folder, "annual leave")
    assert "27 days" not in found(folder, "annual leave")
    third = sync(folder, "--remove-missing")
    assert third.returncode == 0, third.stderr
    assert held(folder) == ["leave.md", "new.md"]
    assert sync(folder, "--remove-missing").returncode == 0
    assert held(folder) == ["leave.md", "new.md"]


def test_files_that_cannot_be_read_are_named_each_time_and_fail_the_first_round_only(folder: Path) -> None:
    (folder / "photo.html").write_text("<html><body><img src='photo.png'></body></html>")
    (folder / "locked.pdf").write_bytes(encrypted_pdf(["Behind a password."]))
    rounds = [sync(folder) for _ in range(2)]
    assert [done.returncode for done in rounds] == [1, 0]
    for done in rounds:
        assert "locked.pdf: The PDF is protected by a password" in done.stdout
        assert "photo.html: The file contains no text" in done.stdout


@pytest.mark.parametrize("left", [".hidden", "debug.pem", None])
def test_a_folder_without_files_removes_nothing_and_fails(folder: Path, left: str | None) -> None:
    """Its drive may not be connected, and nobody watches a nightly job."""
    sync(folder)
    for file in folder.iterdir():
        file.unlink()
    if left is not None:
        (folder / left).write_text("")
    done = sync(folder, "--remove-missing")
    assert (done.returncode, "nothing is removed" in done.stdout) == (1, True)
    assert "Is its drive connected?" in done.stdout
    assert held(folder) == ["canteen.md", "leave.md"]
    assert sync(folder).returncode == 0


@pytest.mark.parametrize("pattern", [("--include", "*.txt"), ("--exclude", "*.md")])
def test_a_pattern_that_chooses_no_file_removes_nothing_and_is_named(
    folder: Path, pattern: tuple[str, str]
) -> None:
    sync(folder)
    done = sync(folder, "--remove-missing", *pattern)
    assert done.returncode == 1
    assert "nothing is removed" in done.stdout
    assert "Is its drive connected? Check --include and --exclude." in done.stdout
    assert held(folder) == ["canteen.md", "leave.md"]


def test_a_dry_run_changes_nothing(folder: Path) -> None:
    sync(folder)
    (folder / "leave.md").unlink()
    tried = sync(folder, "--remove-missing", "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert held(folder) == ["canteen.md", "leave.md"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run("sync", str(tmp_path / "none"), "--bucket", "notes")
    assert done.returncode == 2
    assert "There is no folder at" in done.stderr
    (tmp_path / "leave.md").write_text("Leave")
    done = run("sync", str(tmp_path / "leave.md"), "--bucket", "notes")
    assert (done.returncode, "It is a file" in done.stderr) == (2, True)


def next_round(process: subprocess.Popen[str]) -> str:
    """Return the next line about rounds without its time; the test's own limit bounds the wait."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr.read() if process.stderr else ""
    return line.rstrip().partition("  ")[2]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_watched_folder_is_followed_until_a_signal(folder: Path, sent: signal.Signals, code: int) -> None:
    data = ("--data-dir", str(folder.parent / "data"))
    place = ("--bucket", "notes", "--create-bucket", *data)
    with running("sync", str(folder), *place, "--watch", "--remove-missing") as process:
        assert next_round(process) == "new bucket: notes (searched by calypso-agent)"
        assert next_round(process) == "2 uploaded"
        (folder / "debug.tmp").write_text("# Leave\n\nEvery employee has 31 days of annual leave.\n")
        (folder / "debug.tmp").replace(folder / "leave.md")
        assert next_round(process) == "1 uploaded, 1 unchanged"
        assert "31 days" in found(folder, "annual leave")
        (folder / "canteen.md").unlink()
        assert next_round(process) == "1 unchanged, 1 removed"
        (folder / "leave.md").unlink()
        assert process.stdout is not None
        assert "nothing is removed" in process.stdout.readline()
        process.send_signal(sent)
        assert process.wait(20) == code
    assert held(folder) == ["leave.md"]


def test_a_watch_ends_where_its_folder_does(folder: Path) -> None:
    place = ("--bucket", "notes", "--create-bucket", "--data-dir", str(folder.parent / "data"))
    with running("sync", str(folder), *place, "--watch") as process:
        assert next_round(process) == "new bucket: notes (searched by calypso-agent)"
        assert next_round(process) == "2 uploaded"
        folder.rename(folder.parent / "moved")
        assert process.wait(20) == 1
        assert process.stderr is not None
        [complaint] = process.stderr.read().splitlines()
        assert "is gone" in complaint


def test_a_watch_that_cannot_succeed_ends_at_once(folder: Path) -> None:
    done = run(
        "sync", str(folder), "--bucket", "absent", "--watch", "--data-dir", str(folder.parent / "data")
    )
    assert done.returncode == 1
    assert "absent" in done.stderr
