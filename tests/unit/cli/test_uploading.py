from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from mcp import Client
from mcp_types import CallToolRequest, CallToolResult

from calypso_mcp.cli.calls import uploading
from calypso_mcp.cli.calls.mcp_session import Session, open_session, settings_flags
from calypso_mcp.cli.calls.uploading import Sources, calls_for, upload, wait_until_searchable
from calypso_mcp.cli.printing.outcomes import has_failures
from calypso_mcp.errors import ConfigError
from calypso_mcp.settings import load_settings


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
    [result] = await upload(_session(ScriptedClient()), replace(sources, folders=()), {}, _quiet)
    assert result["counts"] == {"failed": 2}
    assert all("Permission denied" in outcome["reason"] for outcome in result["outcomes"])
    assert has_failures([result])


def test_the_files_of_outcomes_are_found_again_on_disk(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    inside, beside = tmp_path / "folder" / "a.md", tmp_path / "b.md"
    inside.write_text("a")
    beside.write_text("b")
    sources = Sources.of([tmp_path / "folder", beside])
    outcomes: list[dict[str, Any]] = [{"path": "a.md"}, {"path": str(beside)}, {"path": "gone.md"}]
    assert sources.paths_of(outcomes) == [inside, beside]


def test_settings_reach_the_child_process_as_the_flags_they_came_from() -> None:
    flags = {"backend": "embedded", "scan_secrets": False, "read_only": True, "buckets": ["a", "b"]}
    assert settings_flags(flags) == [
        *("--backend", "embedded"),
        "--no-scan-secrets",
        "--read-only",
        *("--bucket", "a", "--bucket", "b"),
    ]


class ScriptedClient:
    """Stands where an MCP client and its session stand: answers calls from a script, keeps what was asked."""

    def __init__(self, *results: dict[str, Any]) -> None:
        self._results = list(results)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.session = self

    async def send_request(self, request: CallToolRequest, *_: Any, **__: Any) -> CallToolResult:
        self.asked.append((request.params.name, request.params.arguments or {}))
        return CallToolResult(content=[], structured_content=self._results.pop(0))


async def _quiet(progress: float, total: float | None, message: str | None) -> None:
    """Show nothing."""


def _session(client: ScriptedClient) -> Session:
    return Session(cast("Client", client))


async def test_an_upload_that_ran_out_of_time_is_continued_by_the_same_call(tmp_path: Path) -> None:
    client = ScriptedClient(
        {"counts": {"pending": 3}, "progress": "uploading: 1 of 3 files"},
        {"counts": {"accepted": 2, "replayed": 1}, "readiness": "pending"},
        {"counts": {"replayed": 3}, "readiness": "ready"},
    )
    [result] = await upload(_session(client), Sources.of([tmp_path]), {"bucket": "b", "wait": True}, _quiet)
    assert result["counts"] == {"accepted": 3}
    assert len(client.asked) == 3
    assert all(call == client.asked[0] for call in client.asked)


async def test_what_several_calls_sent_counts_as_uploaded(
    tmp_path: Path,
) -> None:
    changed = {"path": "a.md", "outcome": "accepted", "changed": True}
    unlisted = {"path": "c.md", "outcome": "accepted"}
    client = ScriptedClient(
        {
            "counts": {"accepted": 3, "replayed": 5, "removed": 1},
            "created": "handbook",
            "outcomes": [changed, unlisted, {"path": "old.md", "outcome": "replayed"}],
            "readiness": "pending",
        },
        {
            "counts": {"failed": 1, "replayed": 7},
            "omitted": 5,
            "outcomes": [
                {"path": "b.md", "outcome": "failed", "reason": "It is damaged."},
                {"path": "a.md", "outcome": "replayed"},
                {"path": "old.md", "outcome": "replayed"},
            ],
            "readiness": "failed",
        },
    )
    [result] = await upload(_session(client), Sources.of([tmp_path]), {"bucket": "b", "wait": True}, _quiet)
    assert result["counts"] == {"accepted": 2, "replayed": 5, "removed": 1, "failed": 1}
    assert result["created"] == "handbook"
    words = [outcome["outcome"] for outcome in result["outcomes"]]
    assert (words, result["omitted"]) == (["failed", "accepted", "replayed", "accepted"], 4)
    assert changed in result["outcomes"]
    assert unlisted in result["outcomes"]


async def test_a_call_of_the_command_line_that_waited_in_vain_is_repeated_and_reports_its_files_as_uploaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.md").write_text(f"# Rule {number}\n\nIt applies on day {number}.\n")
    monkeypatch.setattr(uploading, "_CALL_S", 0.0)
    monkeypatch.setattr(uploading, "_BY_A_PERSON", {"confirm": True, "timeout_s": 0})
    settings = load_settings(
        {"backend": "embedded", "data_dir": str(tmp_path / "data"), "allow_paths": [str(folder)]}
    )
    common = {"bucket": "b", "create_bucket": True, "wait": True}
    async with open_session(settings) as session:
        [first] = await upload(session, Sources.of([folder]), common, _quiet)
        [second] = await upload(session, Sources.of([folder]), common, _quiet)
    assert (first["counts"], first["readiness"]) == ({"accepted": 5}, "ready")
    assert second["counts"] == {"replayed": 5}


async def test_files_that_stay_pending_without_running_out_of_time_end_the_upload(tmp_path: Path) -> None:
    pending = {"counts": {"accepted": 1, "pending": 1}}
    client = ScriptedClient(pending, pending)
    [result] = await upload(_session(client), Sources.of([tmp_path]), {"bucket": "b"}, _quiet)
    assert result["counts"]["pending"] == 1


async def test_waiting_for_what_cannot_be_asked_about_ends(tmp_path: Path) -> None:
    nameless = {"counts": {"replayed": 1}, "readiness": "pending", "searchable": {"ready": 0, "pending": 1}}
    client = ScriptedClient(nameless, nameless)
    [result] = await upload(_session(client), Sources.of([tmp_path]), {"bucket": "b", "wait": True}, _quiet)
    assert result == nameless


async def test_waiting_goes_on_while_more_becomes_searchable(tmp_path: Path) -> None:
    steps = [
        {
            "counts": {"replayed": 3},
            "readiness": "pending",
            "searchable": {"ready": 3 - left, "pending": left},
        }
        for left in (3, 2, 1)
    ]
    ready = {"counts": {"replayed": 3}, "readiness": "ready", "searchable": {"ready": 3, "pending": 0}}
    client = ScriptedClient(*steps, ready)
    [result] = await upload(_session(client), Sources.of([tmp_path]), {"bucket": "b", "wait": True}, _quiet)
    assert result == ready


async def test_waiting_asks_again_while_there_is_time() -> None:
    client = ScriptedClient({"readiness": "pending"}, {"readiness": "ready"})
    result = await wait_until_searchable(_session(client), {"bucket": "b"}, 900, _quiet)
    assert result["readiness"] == "ready"
    assert [arguments["timeout_s"] for _, arguments in client.asked] == [300, 300]


async def test_waiting_ends_with_what_is_known_when_the_time_is_up() -> None:
    client = ScriptedClient({"readiness": "pending"})
    assert await wait_until_searchable(_session(client), {"bucket": "b"}, 20, _quiet) == {
        "readiness": "pending"
    }
    assert client.asked[0][1]["timeout_s"] in {19, 20}
