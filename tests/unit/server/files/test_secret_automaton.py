"""The compiled forms survive a process, and nothing but what this version compiled is ever searched with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
