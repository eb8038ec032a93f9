"""The compiled forms survive a process, and nothing but what this version compiled is ever searched with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hyperscan
import pytest

from calypso_mcp.server.files import secret_automaton
from calypso_mcp.server.files.secret_scan import Finding, find_secret
from tests.support.secret_samples import TOKENS

SECRET = b"words\n" + TOKENS["GitHub classic"]().encode()


def find(kept_at: Path | None) -> Finding | None:
    """Look as a new process does."""
    secret_automaton.make.cache_clear()
    return find_secret(lambda offset, length: SECRET[offset : offset + length], len(SECRET), kept_at)


def test_a_later_process_loads_what_an_earlier_one_compiled(tmp_path: Path):
    kept_at = tmp_path / "data" / "secret-forms"
    compiled = find(kept_at)
    written = kept_at.stat()

    # Compiling again would write the file again.
    assert find(kept_at) == compiled == Finding("GitHub token", 2)
    assert (kept_at.stat().st_ino, kept_at.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert [path.name for path in kept_at.parent.iterdir()] == ["secret-forms"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_the_owner_can_change_it(tmp_path: Path):
    kept_at = tmp_path / "data" / "secret-forms"
    find(kept_at)

    assert kept_at.stat().st_mode & 0o777 == 0o600
    assert kept_at.parent.stat().st_mode & 0o777 == 0o700


def test_a_damaged_file_is_made_anew_and_hides_no_secret(tmp_path: Path):
    kept_at = tmp_path / "secret-forms"
    find(kept_at)
    whole = kept_at.read_bytes()
    middle = len(whole) // 2
    with_one_bit_flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]

    for damaged in (b"", whole[:20], whole[:-1], with_one_bit_flipped, b"another file"):
        kept_at.write_bytes(damaged)
        assert find(kept_at) == Finding("GitHub token", 2)
        assert kept_at.read_bytes() == whole


def plant_writable_by_all(kept_at: Path, planted: bytes) -> None:
    kept_at.write_bytes(planted)
    kept_at.chmod(0o666)


def plant_writable_by_the_group(kept_at: Path, planted: bytes) -> None:
    kept_at.write_bytes(planted)
    kept_at.chmod(0o620)


def plant_a_link(kept_at: Path, planted: bytes) -> None:
    elsewhere = kept_at.with_name("elsewhere")
    elsewhere.write_bytes(planted)
    kept_at.symlink_to(elsewhere)


def plant_an_endless_device(kept_at: Path, _planted: bytes) -> None:
    kept_at.symlink_to("/dev/zero")


def plant_a_pipe(kept_at: Path, _planted: bytes) -> None:
    os.mkfifo(kept_at)


def plant_a_file_of_another_user(kept_at: Path, planted: bytes) -> None:
    kept_at.write_bytes(planted)
    os.chown(kept_at, 12_345, -1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such owners, modes and pipes")
@pytest.mark.parametrize(
    "plant",
    [
        plant_writable_by_all,
        plant_writable_by_the_group,
        plant_a_link,
        plant_an_endless_device,
        plant_a_pipe,
        pytest.param(
            plant_a_file_of_another_user,
            marks=pytest.mark.skipif(
                sys.platform == "win32" or os.geteuid() != 0, reason="only an administrator gives files away"
            ),
        ),
    ],
)
def test_forms_that_another_user_may_have_written_are_never_searched_with(
    tmp_path: Path, plant: Callable[[Path, bytes], None]
):
    """Their digest is right, and they find nothing."""
    database = hyperscan.Database()
    database.compile(expressions=[b"nothing like it"], ids=[0], flags=hyperscan.HS_FLAG_SOM_LEFTMOST)
    compiled = hyperscan.dumpb(database)
    plant(tmp_path / "secret-forms", secret_automaton._digest(compiled) + compiled)

    assert find(tmp_path / "secret-forms") == Finding("GitHub token", 2)


def test_the_forms_of_another_version_are_not_used(tmp_path: Path):
    kept_at = tmp_path / "secret-forms"
    code = (
        "import sys, pathlib, calypso_mcp.server.files.secret_forms as forms;"
        "forms.FORMS = forms.FORMS[:1];"
        "from calypso_mcp.server.files.secret_automaton import secret_automaton;"
        "secret_automaton(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(kept_at)], check=True)
    other = kept_at.read_bytes()

    assert find(kept_at) == Finding("GitHub token", 2)
    assert kept_at.read_bytes() != other


def test_a_folder_that_cannot_be_written_to_costs_time_only(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")

    assert find(tmp_path / "file" / "secret-forms") == find(None) == Finding("GitHub token", 2)
