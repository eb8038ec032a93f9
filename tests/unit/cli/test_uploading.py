from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from mcp import Client

from calypso_mcp.cli.calls.mcp_session import Session, settings_flags
from calypso_mcp.cli.calls.uploading import Sources, calls_for, upload
from calypso_mcp.cli.printing.outcomes import has_failures
from calypso_mcp.errors import ConfigError


def test_each_folder_is_one_call_and_all_files_are_one(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    for name in ("x.md", "y.md"):
        (tmp_path / name).write_text("text")
    sources = Sources.of([tmp_path / name for name in ("a", "x.md", "b", "y.md", "a")])
    assert list(calls_for(sources, {"bucket": "handbook", "include": ["*.md"]})) == [
        {"bucket": "handbook", "include": ["*.md"], "directory": str(tmp_path / "a")},
        {"bucket": "handbook", "include": ["*.md"], "directory": str(tmp_path / "b")},
        {"bucket": "handbook", "paths": [str(tmp_path / "x.md"), str(tmp_path / "y.md")]},
    ]
    assert sources.allowed == (tmp_path / "a", tmp_path / "b", tmp_path)


def test_a_name_that_looks_like_the_home_of_a_user_that_does_not_exist_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("~$report.docx").write_text("lock")
    assert Sources.of([Path("~$report.docx")]).files == (tmp_path / "~$report.docx",)


def test_a_path_with_nothing_there_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file or folder"):
        Sources.of([tmp_path / "absent"])
    with pytest.raises(ConfigError, match="no file or folder") as caught:
        Sources.of([tmp_path / "*.md"])
    assert "--include" in caught.value.hint


async def test_what_cannot_be_read_is_one_failure_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked" / "a.md").write_text("a")

    def refuse(path: Path) -> Iterator[Path]:
        if path.name == "locked":  # the tests may run as root, who may read everything
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return iter([])

    monkeypatch.setattr(Path, "iterdir", refuse)
    sources = Sources.of([tmp_path / "good", tmp_path / "locked", tmp_path / "locked" / "a.md"])
    assert sources.folders == (tmp_path / "good",)
    assert sources.allowed == (tmp_path / "good",)
    [result] = await upload(Session(cast("Client", None)), replace(sources, folders=()), {}, None)
    assert result["counts"] == {"failed": 2}
    assert all("Permission denied" in outcome["reason"] for outcome in result["outcomes"])
    assert has_failures([result])


def test_settings_reach_the_child_process_as_the_flags_they_came_from() -> None:
    flags = {"backend": "embedded", "scan_secrets": False, "read_only": True, "buckets": ["a", "b"]}
    assert settings_flags(flags) == [
        *("--backend", "embedded"),
        "--no-scan-secrets",
        "--read-only",
        *("--bucket", "a", "--bucket", "b"),
    ]
