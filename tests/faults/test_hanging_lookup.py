"""An API that takes a question and never answers: every call comes back in its time, and can be continued."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from calypso_mcp.server.calls.call_time import SHORTEST_CALL_S
from tests.support.fault_proxy import fault_proxy
from tests.support.fault_script import FINALIZE_BATCH, PUT, Hang, Kind, On, Script
from tests.support.faulty_calypso import API_KEY, BUCKET, content, faulty_calypso, knowledge_counts
from tests.support.faulty_server import faulty_server
from tests.support.mcp_child import hosted_child
from tests.support.served_app import serving

LIST_BUCKETS = Kind("GET", r"/v1/knowledge/buckets")
GET_BATCH = Kind("GET", r"/v1/knowledge/batches/.+")
FOLDER_FILES = 3
#: Seconds a call may take beyond its time on a machine under load. The requests alone would take minutes.
MARGIN_S = 15.0


def folder_of(parent: Path) -> Path:
    folder = parent / "documents"
    folder.mkdir()
    for number in range(FOLDER_FILES):
        (folder / f"note-{number}.md").write_bytes(content(number, 400))
    return folder


def calls_on(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return every way to upload and to wait, by name."""
    note = str(folder / "note-0.md")
    to = {"bucket": BUCKET}
    return {
        "file": ("upload_file", {**to, "path": note, "wait": True}),
        "directory": ("upload_batch", {**to, "directory": str(folder), "wait": True}),
        "paths": ("upload_batch", {**to, "paths": [note]}),
        "items": ("upload_batch", {**to, "items": [{"text": "one"}, {"text": "two", "bucket": BUCKET}]}),
        "bucket": ("wait_for_bucket_sync", to),
        "only bucket": ("wait_for_bucket_sync", {}),
    }


async def test_a_bucket_lookup_that_hangs_leaves_every_call_its_time_and_its_arguments_to_continue(
    tmp_path: Path,
) -> None:
    folder, script = folder_of(tmp_path), Script()
    seen: dict[str, dict[str, Any]] = {}
    async with (
        faulty_calypso(tmp_path / "data", script) as calypso,
        serving(calypso.app) as port,
        fault_proxy(port, script) as proxy,
        hosted_child(folder, f"{proxy.origin}/v1", API_KEY) as child,
    ):
        await child.call("create_bucket", name=BUCKET)

        async def call(name: str, tool: str, arguments: dict[str, Any], timeout_s: int) -> None:
            seen[name] = await child.call(tool, **arguments, timeout_s=timeout_s)

        async def call_all(timeout_s: int) -> None:
            async with anyio.create_task_group() as calls:
                for name, (tool, arguments) in calls_on(folder).items():
                    calls.start_soon(call, name, tool, arguments, timeout_s)

        script.add(On(LIST_BUCKETS, Hang(times=999)))
        with anyio.fail_after(SHORTEST_CALL_S + MARGIN_S):
            await call_all(timeout_s=1)
        cut_short = dict(seen)
        script.clear()
        await call_all(timeout_s=60)
        stored = await knowledge_counts(None, f"{proxy.origin}/v1", API_KEY)

    for name in ("directory", "paths", "items"):
        done = cut_short[name]
        assert sum(done["counts"].values()) == done["total"] == done["counts"]["pending"]
        assert {outcome["code"] for outcome in done["outcomes"]} == {"out_of_time"}
        assert all(outcome["retryable"] for outcome in done["outcomes"])
        assert "same arguments" in done["next_step"]
    assert [outcome["path"] for outcome in cut_short["directory"]["outcomes"]] == [str(folder)]
    alone = cut_short["file"]
    assert (alone["outcome"], alone["code"], alone["bucket"]) == ("pending", "out_of_time", BUCKET)
    assert "same call again" in alone["next_step"]
    for name, again in (("bucket", {"bucket": BUCKET}), ("only bucket", {})):
        assert (cut_short[name]["readiness"], cut_short[name]["call_again"]) == ("pending", again)
        assert cut_short[name]["trouble"]
    # And what was cut short is what it would have been, once the API answers again.
    assert seen["directory"]["total"] == FOLDER_FILES
    assert seen["directory"]["readiness"] == seen["file"]["readiness"] == "ready"
    assert seen["bucket"]["readiness"] == seen["only bucket"]["readiness"] == "ready"
    assert sum(stored.values()) >= FOLDER_FILES + 2


@pytest.mark.parametrize("kind", [PUT, FINALIZE_BATCH, GET_BATCH], ids=["bytes", "finalize", "readiness"])
async def test_a_call_that_hangs_later_on_comes_back_in_its_time_and_the_next_one_finishes(
    tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calypso_mcp.server.calls.call_time.SHORTEST_CALL_S", 0.0)
    folder, script = folder_of(tmp_path), Script(On(kind, Hang(times=999)))
    async with faulty_server(tmp_path, folder, script) as (calypso, agent):

        async def upload(timeout_s: int) -> dict[str, Any]:
            arguments = {"directory": str(folder), "bucket": BUCKET, "create_bucket": True, "wait": True}
            with anyio.fail_after(timeout_s + MARGIN_S):
                result = await agent.call_tool("upload_batch", {**arguments, "timeout_s": timeout_s})
            assert not result.is_error, result.content
            return result.structured_content or {}

        first = await upload(timeout_s=3)
        script.clear()
        second = await upload(timeout_s=60)
        stored = await calypso.stored()

    assert sum(first["counts"].values()) == first["total"]
    assert first["counts"].keys() <= {"pending", "accepted"}
    assert first.get("readiness", "pending") == "pending"
    assert "again" in first["next_step"] or "wait_for_bucket_sync" in first["next_step"]
    assert (second["readiness"], second["searchable"]["ready"]) == ("ready", FOLDER_FILES)
    assert sum(stored.values()) == FOLDER_FILES
