from __future__ import annotations

import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from calypso_mcp.cli.backend import kept_key
from calypso_mcp.errors import ConfigError


def test_a_key_is_made_once_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first, path = kept_key(folder)
    second, _ = kept_key(folder)
    assert first.get_secret_value() == second.get_secret_value()
    assert first.get_secret_value().startswith("sk_local_")
    assert [entry.name for entry in folder.iterdir()] == ["api-key"]
    if sys.platform != "win32":
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = {key.get_secret_value() for key, _ in pool.map(kept_key, [tmp_path / "data"] * 8)}
    assert len(keys) == 1


def test_a_folder_that_cannot_be_written_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"--data-dir \(CALYPSO_DATA_DIR\)"):
        kept_key(tmp_path / "file" / "data")
