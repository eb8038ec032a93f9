from __future__ import annotations

import errno
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from calypso_mcp.assembly.own_secrets import kept_secret
from calypso_mcp.errors import ConfigError


def test_a_secret_is_made_once_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "api-key"
    numbers = count()
    assert kept_secret(path, lambda: f"secret-{next(numbers)}") == "secret-0"
    assert kept_secret(path, lambda: f"secret-{next(numbers)}") == "secret-0"
    assert [entry.name for entry in path.parent.iterdir()] == ["api-key"]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_processes_that_start_together_agree_on_one_secret(tmp_path: Path) -> None:
    numbers = count()
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(kept_secret, tmp_path / "s", lambda: f"secret-{next(numbers)}") for _ in range(8)
        ]
        assert len({answer.result() for answer in asked}) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["s"]


def test_a_folder_that_cannot_be_written_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"--data-dir \(CALYPSO_DATA_DIR\)"):
        kept_secret(tmp_path / "file" / "data" / "key", lambda: "secret")


@pytest.mark.parametrize("content", [b"\n", b"\xff\xfe\x00"])
def test_an_empty_or_damaged_file_is_no_secret(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigError, match="is empty"):
        kept_secret(tmp_path / "key", lambda: "secret")


def test_a_file_system_without_hard_links_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")  # what exFAT says on Linux

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "symlink", refuse)
    assert kept_secret(tmp_path / "s", lambda: "secret") == "secret"


def test_a_file_that_a_power_cut_left_empty_gets_a_secret(tmp_path: Path) -> None:
    (tmp_path / "key").touch(mode=0o600)
    assert kept_secret(tmp_path / "key", lambda: "secret") == "secret"
    assert kept_secret(tmp_path / "key", lambda: "another") == "secret"
