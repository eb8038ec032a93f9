"""wait_for_bucket_sync through a real MCP client, in both protocol eras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp_types import TextResourceContents

from calypso_mcp.domain.callers.access import ScopeLimit
from tests.support.upload_rig import Rig, upload_rig


def never_done(rig: Rig) -> None:
    """Let every file look as if it were still being indexed."""

    def answer(request: httpx2.Request) -> httpx2.Response | None:
        path = request.url.path
        if request.method != "GET" or "/knowledge/" not in path:
            return None
        if "/files/" in path:
            body: dict[str, Any] = {"id": path.rpartition("/")[2], "status": "being-thought-about"}
        elif "/batches/" in path:
            items = [{"client_file_id": "a", "status": "indexing", "knowledgeId": "file_a"}]
            body = {"id": path.rpartition("/")[2], "status": "partially_active", "items": items}
        else:
            bucket = {
                "id": "bucket_x",
                "slug": "docs",
                "name": "Docs",
                "bucketStore": {"status": "syncing", "indexed_member_count": 3, "pending_member_count": 2},
            }
            body = {"team_id": "t", "buckets": [bucket]}
        return httpx2.Response(200, text=json.dumps(body))

    rig.wire.intercept = answer


async def test_a_file_a_task_and_a_batch_are_ready_when_searchable(rig: Rig):
    done = await rig.ok("upload_file", text="The moon is far away.", filename="m.md", wait=True)
    batch = await rig.ok("upload_batch", items=[{"text": "one"}, {"text": "two"}], wait=True)
    for arguments, ready in (
        ({"file_ids": [done["file_id"]]}, 1),
        ({"task_id": done["task_id"]}, 1),
        ({"batch_id": batch["batch_ids"][0]}, 2),
    ):
        stands = await rig.ok("wait_for_bucket_sync", timeout_s=0, **arguments)
        assert (stands["readiness"], stands["ready"], stands["pending"]) == ("ready", ready, 0)
        assert "search_bucket" in stands["next_step"]


async def test_waiting_takes_files_a_batch_a_bucket_or_the_only_bucket(rig: Rig):
    done = await rig.ok("upload_file", text="The moon is far away.", filename="m.md")
    batch = await rig.ok("upload_batch", items=[{"text": "one"}])
    for arguments in (
        {"file_ids": [done["file_id"], done["file_id"]]},
        {"batch_id": batch["batch_ids"][0]},
        {"bucket": "docs"},
        {},
    ):
        stands = await rig.ok("wait_for_bucket_sync", **arguments)
        assert stands["readiness"] == "ready"
        assert "call_again" not in stands


@pytest.mark.parametrize(("pending", "word"), [(0, "rebuilding"), (2, None)])
async def test_the_word_of_a_store_tells_why_a_bucket_is_not_ready_where_nothing_is_pending(
    tmp_path: Path, era: str, pending: int, word: str | None
):
    store = {"status": "Rebuilding \x1b[2J", "indexed_member_count": 3, "pending_member_count": pending}
    bucket = {"id": "bucket_x", "slug": "docs", "bucketStore": store}

    def answer(request: httpx2.Request) -> httpx2.Response | None:
        is_list = request.url.path.endswith("/buckets")
        return httpx2.Response(200, json={"team_id": "t", "buckets": [bucket]}) if is_list else None

    async with upload_rig(tmp_path / "data", era=era, is_plain=True) as rig:
        rig.wire.intercept = answer
        stands = await rig.ok("wait_for_bucket_sync", bucket="docs", timeout_s=0)
    assert (stands["readiness"], stands["ready"], stands["pending"]) == ("pending", 3, pending)
    assert stands.get("status") == word


async def test_failures_come_first_with_code_and_reason(rig: Rig, tmp_path: Path):
    (tmp_path / "allowed" / "broken.pdf").write_bytes(b"%PDF-1.7\nbroken")
    (tmp_path / "allowed" / "fine.md").write_text("fine")
    batch = await rig.ok("upload_batch", directory=".")
    stands = await rig.ok("wait_for_bucket_sync", batch_id=batch["batch_ids"][0])
    assert (stands["readiness"], stands["ready"], stands["failed"]) == ("failed", 1, 1)
    failed, _ = stands["items"]
    assert failed["code"]
    assert failed["reason"]
    status = await rig.ok("wait_for_bucket_sync", batch_id=batch["batch_ids"][0], timeout_s=0)
    assert failed["name"] == "broken.pdf"
    assert status["items"][0] == failed
    (ready,) = status["items"][1:]
    assert (ready.pop("id").startswith("file_"), ready) == (True, {"readiness": "ready", "name": "fine.md"})
    assert status["status"] == "partially_failed"


async def test_a_bucket_with_failed_sources_is_ready_nowhere(rig: Rig, tmp_path: Path):
    (tmp_path / "allowed" / "fine.md").write_text("fine")
    (tmp_path / "allowed" / "warned.md").write_bytes("Caf\u00e9s open at noon. ".encode() + b"\xff")
    for number in range(31):  # more than are named
        (tmp_path / "allowed" / f"broken-{number}.pdf").write_bytes(
            b"%PDF-1.7\nbroken " + str(number).encode()
        )
    done = await rig.ok("upload_batch", directory=".", wait=True)
    assert (done["readiness"], done["searchable"]) == ("failed", {"ready": 2, "failed": 31, "pending": 0})
    stands = await rig.ok("wait_for_bucket_sync", bucket="docs")
    assert (stands["readiness"], stands["ready"], stands["failed"]) == ("failed", 2, 31)
    assert (len(stands["items"]), stands.get("omitted")) == (30, 1)
    (listed,) = (await rig.ok("list_buckets"))["buckets"]
    (read,) = (await rig.client.read_resource("bucket://docs")).contents
    assert isinstance(read, TextResourceContents)
    for bucket in listed, json.loads(read.text):
        assert (bucket["readiness"], bucket["failed"]) == ("failed", 31)
        # What needs attention comes before what the bucket holds.
        assert list(bucket).index("failed") < list(bucket).index("sources")


async def test_files_are_named_and_not_only_their_ids(rig: Rig):
    done = await rig.ok("upload_file", text="The moon is far away.", filename="moon.md", wait=True)
    batch = await rig.ok("upload_batch", items=[{"text": "one", "filename": "one.md"}], wait=True)
    named = [{"readiness": "ready", "name": "moon.md", "id": done["file_id"]}]
    for tool, arguments in (
        ("wait_for_bucket_sync", {"file_ids": [done["file_id"]], "timeout_s": 0}),
        ("wait_for_bucket_sync", {"task_id": done["task_id"], "timeout_s": 0}),
        ("wait_for_bucket_sync", {"file_ids": [done["file_id"]]}),
    ):
        result = await rig.call(tool, **arguments)
        assert result.structured_content["items"] == named
        assert "moon.md" in result.content[0].text
    stands = await rig.ok("wait_for_bucket_sync", batch_id=batch["batch_ids"][0], timeout_s=0)
    assert [entry["name"] for entry in stands["items"]] == ["one.md"]


@pytest.mark.parametrize("named", [{"filename": "moon.md"}, {"title": "moon.md"}], ids=["name", "title"])
async def test_a_file_that_is_not_ready_is_named_as_well(named: dict[str, str], rig: Rig):
    def answer(request: httpx2.Request) -> httpx2.Response | None:
        if "/files/" not in request.url.path:
            return None
        return httpx2.Response(200, json={"id": "file_a", "status": "indexing", **named})

    rig.wire.intercept = answer
    for tool, arguments in (
        ("wait_for_bucket_sync", {"file_ids": ["file_a"], "timeout_s": 0}),
        ("wait_for_bucket_sync", {"file_ids": ["file_a"], "timeout_s": 0}),
    ):
        (item,) = (await rig.ok(tool, **arguments))["items"]
        assert (item["readiness"], item["name"], item["id"]) == ("pending", "moon.md", "file_a")


@pytest.mark.parametrize(
    ("arguments", "again"),
    [
        ({"file_ids": ["file_a", "file_b"]}, {"file_ids": ["file_a", "file_b"]}),
        ({"batch_id": "batch_a"}, {"batch_id": "batch_a"}),
        ({"bucket": "docs"}, {"bucket": "docs"}),
        ({}, {"bucket": "docs"}),
    ],
)
async def test_time_running_out_is_no_error_and_names_the_arguments_to_go_on_with(
    arguments: dict[str, Any], again: dict[str, Any], rig: Rig
):
    never_done(rig)
    stands = await rig.ok("wait_for_bucket_sync", **arguments, timeout_s=0)
    assert stands["readiness"] == "pending"
    assert stands["pending"] >= 1
    assert stands["call_again"] == again
    assert "call_again" in stands["next_step"]
    second = await rig.ok("wait_for_bucket_sync", **stands["call_again"], timeout_s=0)
    assert second["readiness"] == "pending"


async def test_an_unknown_status_word_means_not_yet(rig: Rig):
    never_done(rig)
    stands = await rig.ok("wait_for_bucket_sync", file_ids=["file_a"], timeout_s=0)
    assert stands["readiness"] == "pending"
    assert stands["items"][0]["readiness"] == "pending"
    assert "wait_for_bucket_sync" in stands["next_step"]


async def test_the_bucket_as_a_whole_is_counted_by_members(rig: Rig):
    never_done(rig)
    stands = await rig.ok("wait_for_bucket_sync", bucket="docs", timeout_s=0)
    assert (stands["ready"], stands["pending"], stands["failed"]) == (3, 2, 0)
    assert "items" not in stands


async def test_a_long_list_is_cut_and_says_so(rig: Rig):
    never_done(rig)
    stands = await rig.ok("wait_for_bucket_sync", file_ids=[f"file_{n}" for n in range(50)], timeout_s=0)
    assert stands["pending"] == 50
    assert len(stands["items"]) + stands["omitted"] == 50
    assert len(stands["call_again"]["file_ids"]) == 50


async def test_progress_tells_how_many_are_searchable(rig: Rig):
    await rig.ok("upload_batch", items=[{"text": "one"}, {"text": "two"}])
    rig.progress.clear()
    await rig.ok("wait_for_bucket_sync")
    assert rig.progress[-1][0] == pytest.approx(100)
    assert rig.progress[-1][2] == "indexing: 2 of 2 files"


async def test_waiting_can_be_cancelled(rig: Rig):
    never_done(rig)
    asked = anyio.Event()
    inner = rig.wire.intercept

    def note(request: httpx2.Request) -> httpx2.Response | None:
        asked.set()
        return inner(request)

    rig.wire.intercept = note
    with anyio.fail_after(30):
        async with anyio.create_task_group() as calls:
            calls.start_soon(lambda: rig.call("wait_for_bucket_sync", file_ids=["file_a"], timeout_s=300))
            await asked.wait()
            calls.cancel_scope.cancel()
    rig.wire.intercept = lambda _request: None
    assert (await rig.ok("list_buckets"))["total"] == 1


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("wait_for_bucket_sync", {"file_ids": ["a"], "task_id": "b", "timeout_s": 0}, "invalid_arguments"),
        ("wait_for_bucket_sync", {"task_id": "task_nowhere", "timeout_s": 0}, "task_not_found"),
        ("wait_for_bucket_sync", {"batch_id": "batch_nowhere", "timeout_s": 0}, "batch_not_found"),
        ("wait_for_bucket_sync", {"bucket": "docs", "batch_id": "b"}, "invalid_arguments"),
        ("wait_for_bucket_sync", {"bucket": "nowhere"}, "bucket_not_found"),
        ("wait_for_bucket_sync", {"batch_id": "batch_nowhere"}, "batch_not_found"),
        ("wait_for_bucket_sync", {"file_ids": ["a"], "timeout_s": 301}, "invalid_arguments"),
        ("wait_for_bucket_sync", {"file_ids": ["a"] * 1_001}, "invalid_arguments"),
    ],
)
async def test_bad_arguments_are_refused_with_what_to_do(
    tool: str, arguments: dict[str, Any], code: str, rig: Rig
):
    assert (await rig.refused(tool, **arguments))["code"] == code


async def test_a_file_that_does_not_exist_has_failed_and_hides_no_other(rig: Rig):
    done = await rig.ok("upload_file", text="The moon is far away.", filename="m.md")
    stands = await rig.ok("wait_for_bucket_sync", file_ids=[done["file_id"], "file_nowhere"])
    assert (stands["ready"], stands["failed"], stands["pending"]) == (1, 1, 0)
    assert stands["items"][0]["id"] == "file_nowhere"


async def test_files_are_awaited_by_their_names_too(rig: Rig):
    done = await rig.ok("upload_file", text="The moon is far away.", filename="far/moon.md")
    stands = await rig.ok("wait_for_bucket_sync", file_ids=["far/moon.md", "nowhere.md"])
    assert [item["id"] for item in stands["items"]] == ["nowhere.md", done["file_id"]]
    assert (stands["ready"], stands["failed"]) == (1, 1)
    before = len(rig.wire.seen)
    await rig.ok("wait_for_bucket_sync", file_ids=["nowhere.md"], timeout_s=0)
    once = len(rig.wire.seen) - before
    await rig.ok("wait_for_bucket_sync", file_ids=["nowhere.md"] * 50, timeout_s=0)
    assert len(rig.wire.seen) - before == 2 * once


async def test_under_a_limit_uploads_elsewhere_look_as_if_they_did_not_exist(tmp_path: Path, era: str):
    async with upload_rig(tmp_path / "data", era=era) as rig:
        for slug in ("mine", "theirs"):
            await rig.ok("create_bucket", name=slug, slug=slug)
        theirs = await rig.ok("upload_batch", items=[{"text": "hidden"}], bucket="theirs", wait=True)
        mine = await rig.ok("upload_batch", items=[{"text": "seen"}], bucket="mine", wait=True)
        hidden = await rig.ok("upload_file", text="hidden", bucket="theirs")
        seen = await rig.ok("upload_file", text="seen", bucket="mine")
    pin = {"pins": (ScopeLimit(buckets=frozenset({"mine"})),)}
    async with upload_rig(tmp_path / "data", era=era, decisions=pin) as rig:
        assert (await rig.ok("wait_for_bucket_sync", file_ids=[seen["file_id"]], timeout_s=0))[
            "readiness"
        ] == "ready"
        assert (await rig.ok("wait_for_bucket_sync", batch_id=mine["batch_ids"][0]))["readiness"] == "ready"
        for tool, name, there, absent in (
            ("wait_for_bucket_sync", "task_id", hidden["task_id"], "task_" + "0" * 24),
            ("read_source", "file_id", hidden["file_id"], "file_" + "0" * 24),
            ("remove_source", "file_id", hidden["file_id"], "file_" + "0" * 24),
            ("list_sources", "bucket", "theirs", "absent"),
            ("wait_for_bucket_sync", "batch_id", theirs["batch_ids"][0], "batch_" + "0" * 24),
            ("wait_for_bucket_sync", "bucket", "theirs", "absent"),
        ):
            real = await rig.refused(tool, **{name: there})
            imagined = await rig.refused(tool, **{name: absent})
            assert str(real).replace(there, absent) == str(imagined), (tool, name)
        real = await rig.call("wait_for_bucket_sync", file_ids=[hidden["file_id"]], timeout_s=0)
        imagined = await rig.call("wait_for_bucket_sync", file_ids=["file_" + "0" * 24], timeout_s=0)
        assert str(real.content).replace(hidden["file_id"], "file_" + "0" * 24) == str(imagined.content)


async def test_names_that_nothing_has_are_looked_for_a_few_at_a_time(rig: Rig):
    for number in range(4):
        await rig.ok("create_bucket", name=f"Bucket {number}")
    names = [f"folder/no such file {number}.md" for number in range(10)]
    stands = await rig.ok("wait_for_bucket_sync", file_ids=names)
    assert stands["failed"] == len(names)
    assert rig.wire.most_at_once <= 8
