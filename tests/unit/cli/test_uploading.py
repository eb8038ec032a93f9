from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calypso_mcp.cli.mcp_session import settings_flags
from calypso_mcp.cli.uploading import Sources, Tally, calls_for
from calypso_mcp.errors import ConfigError


def test_each_folder_is_one_call_and_all_files_are_one(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    for name in ("x.md", "y.md"):
        (tmp_path / name).write_text("text")
    sources = Sources.of([tmp_path / name for name in ("a", "x.md", "b", "y.md", "a")])
    assert list(calls_for(sources, {"bucket": "handbook"})) == [
        {"bucket": "handbook", "directory": str(tmp_path / "a")},
        {"bucket": "handbook", "directory": str(tmp_path / "b")},
        {"bucket": "handbook", "paths": [str(tmp_path / "x.md"), str(tmp_path / "y.md")]},
    ]
    assert sources.allow_flags() == [
        part
        for folder in (tmp_path / "a", tmp_path / "b", tmp_path)
        for part in ("--allow-path", str(folder))
    ]


def test_a_path_with_nothing_there_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file or folder"):
        Sources.of([tmp_path / "absent"])


def test_the_files_of_outcomes_are_found_again_on_disk(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    inside, beside = tmp_path / "folder" / "a.md", tmp_path / "b.md"
    inside.write_text("a")
    beside.write_text("b")
    sources = Sources.of([tmp_path / "folder", beside])
    outcomes: list[dict[str, Any]] = [{"path": "a.md"}, {"path": str(beside)}, {"path": "gone.md"}]
    assert sources.paths_of(outcomes) == [inside, beside]


def test_waiting_covers_every_batch_once() -> None:
    tally = Tally()
    tally.add({"outcomes": [{"status": "accepted", "file_id": "f1"}], "batch_ids": ["b1", "b2"]})
    tally.add({"outcomes": [{"status": "failed"}], "batch_ids": ["b2"]})
    assert len(tally.outcomes) == 2
    assert len(tally.arrived) == 1
    assert tally.wait_targets() == [{"batch_id": "b1"}, {"batch_id": "b2"}]


def test_settings_reach_the_child_process_as_the_flags_they_came_from() -> None:
    flags = {"backend": "embedded", "scan_secrets": False, "read_only": True, "buckets": ["a", "b"]}
    assert settings_flags(flags) == [
        *("--backend", "embedded"),
        "--no-scan-secrets",
        "--read-only",
        *("--bucket", "a", "--bucket", "b"),
    ]
