"""upload_batch through a real MCP client down to the embedded backend, in both protocol eras."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from collections import Counter
from pathlib import Path
from threading import Barrier, BrokenBarrierError, get_ident
from typing import Any
from zipfile import ZipFile

import anyio
import httpx2
import pytest

from calypso_mcp.domain.callers.access import ScopeLimit
from calypso_mcp.domain.files.file_formats import ReadableFormats
from calypso_mcp.server.files.folder_walk import WalkResult, walk
from tests.support.mcp_answers import facts, text
from tests.support.upload_rig import Rig, embedded_formats, upload_rig

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")


def fill(folder: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)


def outcomes(done: dict[str, Any]) -> dict[str, str]:
    return {outcome["path"]: outcome["outcome"] for outcome in done["outcomes"]}


def skipped_of(done: dict[str, Any]) -> dict[str, int]:
    return {kind["code"]: kind["count"] for kind in done.get("skipped", [])}


def adds_up(done: dict[str, Any]) -> None:
    """Check that every input is counted once and every listed outcome is among those counted."""
    assert sum(done["counts"].values()) == done["total"]
    skipped = sum(skipped_of(done).values())
    assert len(done.get("outcomes", [])) + done.get("omitted", 0) + skipped == done["total"]
    assert skipped == done["counts"].get("skipped", 0)


async def test_the_bucket_is_waited_for_where_a_batch_does_not_hold_all_files(rig: Rig, folder: Path):
    fill(folder, {"moon.md": "The moon is far away.", "sun.md": "The sun is hot."})
    new = await rig.ok("upload_batch", directory=str(folder))
    assert "with batch_id=" in new["next_step"]
    fill(folder, {"mars.md": "Mars is red.", "venus.md": "Venus is bright."})
    more = await rig.ok("upload_batch", directory=str(folder))
    assert more["counts"] == {"accepted": 2, "replayed": 2}
    assert "with bucket='docs'" in more["next_step"]


async def test_a_folder_becomes_searchable_with_one_call(rig: Rig, folder: Path):
    fill(folder, {"moon.md": "The moon is far away.", "sub/sun.md": "The sun is hot.", ".env": "x"})
    done = await rig.ok("upload_batch", directory=str(folder), wait=True, tags=["sky"])
    adds_up(done)
    assert done["counts"] == {"skipped": 1, "accepted": 2}
    assert (done["readiness"], done["searchable"]) == ("ready", {"ready": 2, "failed": 0, "pending": 0})
    assert outcomes(done) == {"moon.md": "accepted", "sub/sun.md": "accepted"}
    found = await rig.ok("search_bucket", query="hot sun")
    assert found["hits"][0]["filename"] == "sub/sun.md"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not take these names")
async def test_names_that_cannot_be_sent_are_reported_in_readable_form(rig: Rig, folder: Path):
    fill(folder, {"a.md": "x", "new\nline.md": "x", "back\\slash.md": "x"})
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.md")).write_text("x")
    done = await rig.ok("upload_batch", directory=".")
    assert done["counts"] == {"skipped": 3, "accepted": 1}
    (unusable,) = done["skipped"]
    assert (unusable["code"], unusable["count"]) == ("unusable_name", 3)
    for path in unusable["examples"]:
        path.encode()
        assert "\n" not in path


async def test_a_dry_run_tells_everything_and_sends_nothing(rig: Rig, folder: Path):
    fill(folder, {"a.md": "12345", "b.md": "123", "c.log": "x", ".gitignore": "*.log\n", "e.md": ""})
    rig.wire.seen.clear()
    done = await rig.ok("upload_batch", directory=".", dry_run=True, bucket="new-one", create_bucket=True)
    adds_up(done)
    assert done["dry_run"] is True
    assert done["counts"] == {"skipped": 3, "would_send": 2}
    assert done["bytes"] == 8
    assert skipped_of(done) == {"ignore_file": 1, "ignored": 1, "empty_file": 1}
    assert all(method == "GET" for method, _ in rig.wire.seen)
    assert "without dry_run" in done["next_step"]


async def test_a_dry_run_says_what_is_there_already(rig: Rig, folder: Path):
    fill(folder, {"a.md": "one", "b.md": "two", "c.md": "three"})
    await rig.ok("upload_batch", directory=".", wait=True)
    (folder / "b.md").write_text("changed")
    (folder / "d.md").write_text("new")
    rig.wire.seen.clear()
    done = await rig.ok("upload_batch", directory=".", dry_run=True)
    adds_up(done)
    assert outcomes(done) == {
        "b.md": "would_send",
        "d.md": "would_send",
        "a.md": "replayed",
        "c.md": "replayed",
    }
    assert "Files that another program sent may be there already" in done["next_step"]
    assert all(method == "GET" for method, _ in rig.wire.seen)
    await rig.ok("upload_batch", directory=".")
    settled = await rig.ok("upload_batch", directory=".", dry_run=True)
    assert settled["counts"] == {"replayed": 4}
    assert settled["next_step"] == "Nothing would be sent. Everything is there already."
    elsewhere = await rig.ok("upload_batch", directory=".", bucket="other", create_bucket=True, dry_run=True)
    assert elsewhere["counts"] == {"would_send": 4}


async def test_of_many_unchanged_files_a_few_are_named(rig: Rig, folder: Path):
    fill(folder, {f"{number:02}.md": f"Text {number}." for number in range(30)})
    await rig.ok("upload_batch", directory=".", wait=True)
    fill(folder, {"17.md": "Other text."})
    for more in ({"dry_run": True}, {}):
        result = await rig.call("upload_batch", directory=".", **more)
        adds_up(result.structured_content)
        first, *rest = result.structured_content["outcomes"]
        assert (first["path"], [outcome["path"] for outcome in rest]) == (
            "17.md",
            ["00.md", "01.md", "02.md", "03.md", "04.md"],
        )
        assert "\nand 24 more, counted above" in result.content[0].text
        assert len(result.content[0].text) < 600


@pytest.mark.parametrize(("more", "word"), [({"dry_run": True}, "would_send"), ({}, "accepted")])
async def test_of_many_files_that_need_nothing_a_few_are_named(
    more: dict[str, Any], word: str, rig: Rig, folder: Path
):
    fill(folder, {f"{number:03}.md": f"Text {number}." for number in range(150)} | {".env": "x"})
    result = await rig.call("upload_batch", directory=".", **more)
    adds_up(result.structured_content)
    assert result.structured_content["counts"] == {word: 150, "skipped": 1}
    assert len(result.structured_content["outcomes"]) == 20
    assert "\nand 130 more, counted above" in result.content[0].text
    assert len(result.content[0].text) < 1_200


async def test_a_dry_run_takes_no_file_for_there_that_the_api_has_lost(rig: Rig, folder: Path):
    fill(folder, {"a.md": "one", "b.md": "two"})
    await rig.ok("upload_batch", directory=".", wait=True)

    def answer(status: int, *parts: str) -> None:
        rig.wire.intercept = lambda request: (
            httpx2.Response(status) if any(part in request.url.path for part in parts) else None
        )

    answer(404, "/batches/", "/sources")
    assert (await rig.ok("upload_batch", directory=".", dry_run=True))["counts"] == {"replayed": 2}
    answer(404, "/batches/", "/sources", "/files/")
    assert (await rig.ok("upload_batch", directory=".", dry_run=True))["counts"] == {"would_send": 2}
    answer(503, "/batches/", "/sources")
    assert (await rig.ok("upload_batch", directory=".", dry_run=True))["counts"] == {"would_send": 2}


async def test_a_batch_that_is_all_there_and_searchable_asks_for_no_waiting(rig: Rig, folder: Path):
    fill(folder, {"a.md": "one", "b.md": "two"})
    await rig.ok("upload_batch", directory=".", wait=True)
    again = await rig.ok("upload_batch", directory=".")
    assert (again["counts"], again["readiness"]) == ({"replayed": 2}, "ready")
    assert again["searchable"] == {"ready": 2, "failed": 0, "pending": 0}
    assert again["next_step"] == "The bucket already held everything. Search it with search_bucket."
    fill(folder, {"secret.md": "glpat-a1B2c3D4e5F6g7H8i9J0\n"})
    mixed = await rig.ok("upload_batch", directory=".")
    assert mixed["counts"] == {"replayed": 2, "rejected": 1}
    assert mixed["next_step"] == "Search it with search_bucket. Then fix what failed or was rejected."


async def test_a_batch_that_is_there_but_not_searchable_yet_says_to_wait(rig: Rig, folder: Path):
    content = {"a.md": "one", "b.md": "two"}
    fill(folder, content)
    await rig.ok("upload_batch", directory=".", wait=True)

    def indexing(request: httpx2.Request) -> httpx2.Response | None:
        if "/batches/" not in request.url.path:
            return None
        batch_id = request.url.path.rpartition("/")[2]
        return httpx2.Response(200, json={"id": batch_id, "status": "indexing", "items": []})

    bucket = (await rig.ok("list_buckets"))["buckets"][0]["slug"]
    stored = (await rig.ok("list_sources", bucket=bucket))["sources"]
    listed = [
        {
            "id": source["file_id"],
            "status": "indexing",
            "filename": source["name"],
            "name": source["name"],
            "identity": source["name"],
            "size_bytes": len(content[source["name"]]),
            "sha256": hashlib.sha256(content[source["name"]].encode()).hexdigest(),
        }
        for source in stored
    ]

    def asked(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path.endswith("/sources"):
            return httpx2.Response(200, json={"total": len(listed), "sources": listed})
        if "/files/" not in request.url.path or request.method != "GET":
            return indexing(request)
        file_id = request.url.path.rpartition("/")[2]
        return httpx2.Response(200, json={"id": file_id, "status": "indexing"})

    rig.wire.intercept = asked
    again = await rig.ok("upload_batch", directory=".")
    assert (again["counts"], again["readiness"]) == ({"replayed": 2}, "pending")
    assert "wait_for_bucket_sync" in again["next_step"]


async def test_what_needs_attention_comes_first_and_the_rest_takes_a_short_line_each(rig: Rig, folder: Path):
    long = "/".join(["a folder with a rather long name"] * 4)
    fill(folder, {f"{number:02}.md": f"text {number}" for number in range(4)})
    fill(folder, {f"{long}/deep.md": "down here", f"{long}/kept.md": "as it was"})
    await rig.ok("upload_batch", directory=".", wait=True)
    fill(folder, {"00.md": "another text", f"{long}/new.md": "a new one", ".gitignore": "noise/\n*.log\n"})
    fill(folder, {f"{number}.log": "x" for number in range(470)})
    fill(folder, {"secret.md": "words\nglpat-a1B2c3D4e5F6g7H8i9J0\n"})
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nbroken")
    result = await rig.call("upload_batch", directory=".", wait=True)
    done = result.structured_content
    adds_up(done)
    assert [(outcome["path"], outcome["outcome"]) for outcome in done["outcomes"]][:4] == [
        ("broken.pdf", "failed"),
        ("secret.md", "rejected"),
        ("00.md", "accepted"),
        (f"{long}/new.md", "accepted"),
    ]
    assert all(set(outcome) == {"path", "outcome"} for outcome in done["outcomes"][3:])
    (ignored,) = (kind for kind in done["skipped"] if kind["code"] == "ignored")
    assert (ignored["count"], len(ignored["examples"])) == (470, 5)

    text = result.content[0].text
    starts = (
        "next_step: ",
        "failed ",
        "rejected ",
        "accepted, changed 00.md",
        "accepted …",
        "replayed 01.md",
    )
    places = [*(text.index(f"\n{start}") for start in starts), text.index("470 ignored")]
    assert places == sorted(places)
    lines = text.splitlines()
    quiet = [line for line in lines if line.startswith(("accepted ", "accepted, ", "replayed "))]
    assert len(quiet) == 7
    assert max(map(len, quiet)) < 80
    assert any(line.endswith("/new.md") for line in quiet)
    assert len(text) < 2_500


async def test_the_same_call_again_replays_everything_and_sends_no_bytes(rig: Rig, folder: Path):
    fill(folder, {f"{number}.md": f"text {number}" for number in range(5)})
    first = await rig.ok("upload_batch", directory=".")
    sent = rig.wire.bytes_put
    second = await rig.ok("upload_batch", directory=str(folder))
    assert (first["counts"], second["counts"]) == ({"accepted": 5}, {"replayed": 5})
    assert rig.wire.bytes_put == sent
    assert (await rig.ok("list_buckets"))["buckets"][0]["sources"]["file"] == 5


async def test_a_changed_file_is_sent_as_new_content_and_says_so(rig: Rig, folder: Path):
    fill(folder, {"a.md": "one", "b.md": "two"})
    await rig.ok("upload_batch", directory=".")
    (folder / "b.md").write_text("three")
    done = await rig.ok("upload_batch", directory=".")
    changed = {outcome["path"]: outcome.get("changed") for outcome in done["outcomes"]}
    assert changed == {"a.md": None, "b.md": True}
    assert outcomes(done)["b.md"] == "accepted"


async def test_paths_have_one_outcome_each_in_spite_of_bad_ones(rig: Rig, folder: Path):
    fill(folder, {"a.md": "good", "empty.md": "", "sub/b.md": "good too", ".env": "x"})
    os.mkfifo(folder / "pipe")
    (folder / "link.md").symlink_to(folder.parent / "outside.md")
    bad = ["/etc/passwd", "../outside.md", "pipe", "link.md", "nowhere.md", "sub", "empty.md", ".env"]
    done = await rig.ok("upload_batch", paths=["a.md", *bad, "sub/b.md"], wait=True)
    adds_up(done)
    assert done["counts"] == {"rejected": 8, "accepted": 2}
    codes = {outcome["path"]: outcome.get("code") for outcome in done["outcomes"]}
    assert codes == {
        "/etc/passwd": "path_not_allowed",
        "../outside.md": "path_not_allowed",
        "pipe": "not_a_file",
        "link.md": "not_a_file",
        "nowhere.md": "file_not_found",
        "sub": "is_a_folder",
        "empty.md": "empty_file",
        ".env": "secret_name",
        "a.md": None,
        "sub/b.md": None,
    }
    rejected = [outcome for outcome in done["outcomes"] if outcome["outcome"] == "rejected"]
    assert all(
        outcome["reason"] and outcome["retryable"] is False and outcome["code"] in done["hints"]
        for outcome in rejected
    )


async def test_items_bring_their_own_source_name_and_bucket(rig: Rig, folder: Path):
    await rig.ok("create_bucket", name="Other", slug="other")
    fill(folder, {"a.md": "from a file"})
    items = [
        {"path": "a.md", "title": "A"},
        {"text": "from a text", "filename": "t.txt", "bucket": "other", "tags": ["own"]},
        {"content_base64": base64.b64encode(b"from base64").decode(), "filename": "b.txt"},
        {"text": "nowhere to go", "bucket": "absent"},
        {"text": "a", "path": "a.md"},
        {},
        {"text": "x", "tags": ["t"] * 21},
        {"content_base64": "???", "filename": "c.txt"},
    ]
    done = await rig.ok("upload_batch", items=items, bucket="docs", tags=["shared"], wait=True)
    adds_up(done)
    assert done["counts"] == {"rejected": 5, "accepted": 3}
    assert [outcome.get("code") for outcome in done["outcomes"] if outcome["outcome"] == "rejected"] == [
        "bucket_not_found",
        "several_sources",
        "no_source",
        "too_many_tags",
        "invalid_base64",
    ]
    buckets = {
        outcome["path"]: outcome.get("bucket")
        for outcome in done["outcomes"]
        if outcome["outcome"] == "accepted"
    }
    assert buckets == {"a.md": "docs", "t.txt": "other", "b.txt": "docs"}


async def test_a_folder_with_nothing_to_send_is_a_result(rig: Rig, folder: Path):
    fill(folder, {"e.md": "", "p.gif": "\x00\x01"})
    done = await rig.ok("upload_batch", directory=".", wait=True)
    assert done["counts"] == {"skipped": 2}
    assert skipped_of(done) == {"empty_file": 1, "unsupported_type": 1}
    assert done["next_step"].startswith("Nothing was sent")


async def test_each_file_has_the_hint_of_its_own_kind_and_no_hint_is_shown_twice(rig: Rig, folder: Path):
    (folder / "film.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42")
    with ZipFile(folder / "old.zip", "w") as archive:
        archive.writestr("a.txt", "in an archive")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nbroken")
    (folder / "notes.pdf").write_bytes(b"%PDF-1.7\nbroken, too")
    (folder / "empty.docx").write_bytes(b"PK\x03\x04 no document")
    fill(folder, {"good.md": "good"})
    result = await rig.client.call_tool("upload_batch", {"directory": ".", "bucket": "docs", "wait": True})
    hints = facts(result)["hints"]
    assert "subtitles" in hints["unsupported_type (.mp4)"]
    assert "Unpack" in hints["unsupported_type (.zip)"]
    assert text(result).count(hints["broken"]) == 1


async def test_a_file_that_failed_is_there_once_however_often_its_folder_is_sent(rig: Rig, folder: Path):
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nbroken")
    fill(folder, {"good.md": "good"})
    for counts in ({"failed": 1, "accepted": 1}, {"replayed": 2}, {"replayed": 2}):
        done = await rig.ok("upload_batch", directory=".", wait=True)
        assert done["counts"] == counts
        assert done["searchable"] == {"ready": 1, "failed": 1, "pending": 0}
        assert (done["outcomes"][0]["path"], done["outcomes"][0]["code"]) == ("broken.pdf", "broken")
        assert done["next_step"] == "Search it with search_bucket. Then fix what failed or was rejected."
    [held] = (await rig.ok("list_sources", state="failed"))["sources"]
    assert held["name"] == "broken.pdf"
    fill(folder, {"broken.pdf": "now a text"})
    await rig.ok("upload_batch", directory=".", wait=True)
    assert [source["state"] for source in (await rig.ok("list_sources"))["sources"]] == ["ready"] * 2
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nbroken again")
    await rig.ok("upload_batch", directory=".", wait=True)
    stands = {source["state"] for source in (await rig.ok("list_sources", query="broken"))["sources"]}
    assert stands == {"ready", "failed"}, "what was searchable stays until something better is"


async def test_a_secret_in_a_file_keeps_that_file_back_and_no_other(rig: Rig, folder: Path):
    token = "a1B2c3D4e5F6g7H8i9J0"
    fill(folder, {"a.md": "fine", "b.md": f"words\nglpat-{token}\n"})
    done = await rig.ok("upload_batch", directory=".")
    assert outcomes(done) == {"b.md": "rejected", "a.md": "accepted"}
    assert done["outcomes"][0]["code"] == "secret_content"
    assert "line 2" in done["outcomes"][0]["reason"]
    assert token not in str(done)


async def test_a_file_that_cannot_be_indexed_has_failed_with_the_reason(rig: Rig, folder: Path):
    fill(folder, {"a.md": "fine"})
    (folder / "b.pdf").write_bytes(b"%PDF-1.7\nbroken")
    done = await rig.ok("upload_batch", directory=".", wait=True)
    adds_up(done)
    assert done["counts"] == {"failed": 1, "accepted": 1}
    assert done["searchable"] == {"ready": 1, "failed": 1, "pending": 0}
    assert done["outcomes"][0]["path"] == "b.pdf"
    assert done["outcomes"][0]["reason"]
    assert done["outcomes"][0]["retryable"] is False


async def test_many_skips_leave_room_for_what_matters(rig: Rig, folder: Path):
    fill(folder, {f"skip{number}.log": "x" for number in range(100)})
    fill(folder, {".gitignore": "*.log\n", "a.md": "fine"})
    result = await rig.call("upload_batch", directory=".")
    done = result.structured_content
    adds_up(done)
    assert outcomes(done)["a.md"] == "accepted"
    assert len(done["outcomes"]) == 1
    assert len(result.content[0].text) < 1_000


async def test_of_a_large_folder_the_changed_file_is_named_first_and_says_so(rig: Rig, folder: Path):
    fill(folder, {f"{number:02}.md": f"text {number}" for number in range(60)})
    first = await rig.ok("upload_batch", directory=".")
    fill(folder, {"59.md": "another text"})
    second = await rig.ok("upload_batch", directory=".")

    for done, named in (first, 20), (second, 6):
        adds_up(done)
        assert len(outcomes(done)) == named
    assert [outcome["path"] for outcome in second["outcomes"] if outcome.get("changed")] == ["59.md"]
    assert second["outcomes"][0]["path"] == "59.md"
    assert second["counts"] == {"accepted": 1, "replayed": 59}


NAMES = [f"{number}.md" for number in range(4)]
SOURCES: dict[str, Any] = {"directory": ".", "paths": NAMES, "items": [{"path": name} for name in NAMES]}


@pytest.mark.parametrize("kind", SOURCES)
async def test_time_running_out_leaves_every_input_pending_and_the_next_call_finishes(
    rig: Rig, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    fill(folder, {name: f"text {name}" for name in NAMES})
    arguments = {kind: SOURCES[kind], "wait": True}
    with monkeypatch.context() as hurried:
        hurried.setattr("calypso_mcp.server.calls.call_time.SHORTEST_CALL_S", 0.0)
        cut = await rig.ok("upload_batch", **arguments, timeout_s=0)
    adds_up(cut)
    # The content of the folder is not known yet.
    assert list(outcomes(cut)) == (["."] if kind == "directory" else NAMES)
    assert set(outcomes(cut).values()) == {"pending"}
    assert "same arguments" in cut["next_step"]
    assert all(outcome["retryable"] for outcome in cut["outcomes"])
    done = await rig.ok("upload_batch", **arguments)
    adds_up(done)
    assert done["searchable"]["ready"] == 4


@pytest.mark.parametrize("kind", SOURCES)
async def test_what_there_was_no_time_to_look_at_is_pending_and_the_next_call_sends_it(
    rig: Rig, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    fill(folder, {name: f"text {name}" for name in NAMES})
    arguments = {kind: SOURCES[kind]}
    with monkeypatch.context() as hurried:
        hurried.setattr("calypso_mcp.server.batches.batch_inputs._SHARE_TO_LOOK", 0.0)
        tried = await rig.ok("upload_batch", **arguments, dry_run=True)
        cut = await rig.ok("upload_batch", **arguments, wait=True)
    for done in tried, cut:
        adds_up(done)
        assert done["counts"] == {"pending": 4}
        assert {outcome["code"] for outcome in done["outcomes"]} == {"out_of_time"}
    assert "same arguments" in cut["next_step"]
    done = await rig.ok("upload_batch", **arguments, wait=True)
    assert (done["counts"], done["readiness"]) == ({"accepted": 4}, "ready")


async def test_a_file_that_changes_after_its_check_has_failed_and_a_retry_helps(rig: Rig, folder: Path):
    fill(folder, {"a.md": "one", "b.md": "two"})

    def swap(request: httpx2.Request) -> httpx2.Response | None:
        if request.method == "POST" and request.url.path.endswith("/buckets"):
            (folder / "b.md").write_text("something else entirely")
        return None

    rig.wire.intercept = swap
    arguments = {"directory": ".", "bucket": "new-one", "create_bucket": True}
    done = await rig.ok("upload_batch", **arguments)
    adds_up(done)
    assert done["counts"] == {"failed": 1, "accepted": 1}
    failed = done["outcomes"][0]
    assert (failed["path"], failed["code"], failed["retryable"]) == ("b.md", "file_changed", True)
    done = await rig.ok("upload_batch", **arguments)
    assert done["counts"] == {"accepted": 1, "replayed": 1}


async def test_files_of_one_name_are_cited_by_their_paths(rig: Rig, folder: Path):
    fill(folder, {"a/README.md": "Descale the machine on Monday.", "b/README.md": "Descale it on Friday."})
    await rig.ok("upload_batch", directory=".", bucket="docs", create_bucket=True, wait=True)
    found = await rig.ok("search_bucket", query="descale")
    assert {hit["filename"] for hit in found["hits"]} == {"a/README.md", "b/README.md"}
    answered = await rig.ok("ask_agent", question="When is it descaled, on Monday or Friday?")
    assert {citation["filename"] for citation in answered["citations"]} == {"a/README.md", "b/README.md"}


@pytest.mark.parametrize("moment", ["before its check", "after its check"])
async def test_a_file_that_is_gone_before_it_is_sent_is_left_out(
    rig: Rig, folder: Path, monkeypatch: pytest.MonkeyPatch, moment: str
):
    fill(folder, {"a.md": "one", "b.md": "two"})

    def walk_first(*given: Any) -> WalkResult:
        found = walk(*given)
        (folder / "b.md").unlink()
        return found

    def unlink(request: httpx2.Request) -> httpx2.Response | None:
        if request.method == "POST" and request.url.path.endswith("/buckets"):
            (folder / "b.md").unlink()
        return None

    if moment == "before its check":
        monkeypatch.setattr("calypso_mcp.server.batches.batch_inputs.walk", walk_first)
    else:
        rig.wire.intercept = unlink
    done = await rig.ok("upload_batch", directory=".", bucket="new-one", create_bucket=True)
    adds_up(done)
    assert done["counts"] == {"accepted": 1, "skipped": 1}
    assert skipped_of(done) == {"file_not_found": 1}


async def test_cancelling_stops_at_once_and_the_next_call_continues(rig: Rig, folder: Path):
    fill(folder, {f"{number:02}.md": f"text {number}" for number in range(20)})
    inner = rig.wire._inner
    stuck = anyio.Event()

    class Stuck(httpx2.AsyncBaseTransport):
        """Lets five files through and hangs on the others."""

        begun = arrived = 0

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method != "PUT":
                return await inner.handle_async_request(request)
            self.begun += 1
            if self.begun > 5:
                await anyio.sleep_forever()
            answer = await inner.handle_async_request(request)
            self.arrived += 1
            if self.arrived == 5:
                stuck.set()
            return answer

    rig.wire._inner = Stuck()
    async with anyio.create_task_group() as calls:
        calls.start_soon(lambda: rig.call("upload_batch", directory="."))
        with anyio.fail_after(30):
            await stuck.wait()
        calls.cancel_scope.cancel()
    rig.wire._inner = inner
    sent = rig.wire.bytes_put
    done = await rig.ok("upload_batch", directory=".", wait=True)
    adds_up(done)
    assert done["searchable"] == {"ready": 20, "failed": 0, "pending": 0}
    assert rig.wire.bytes_put - sent < sum(len(f"text {number}") for number in range(20))
    assert (await rig.ok("list_buckets"))["buckets"][0]["sources"]["file"] == 20


async def test_some_files_fail_and_the_next_call_sends_only_those(rig: Rig, folder: Path):
    fill(folder, {f"{number:02}.md": f"text {number:02}" for number in range(12)})
    broken: set[str] = set()

    def refuse_some(request: httpx2.Request) -> httpx2.Response | None:
        if request.method == "PUT" and (request.url.path in broken or len(broken) < 3):
            broken.add(request.url.path)
            return httpx2.Response(503)
        return None

    rig.wire.intercept = refuse_some
    first = await rig.ok("upload_batch", directory=".")
    adds_up(first)
    assert first["counts"] == {"failed": 3, "accepted": 9}
    assert all(outcome["retryable"] for outcome in first["outcomes"] if outcome["outcome"] == "failed")
    rig.wire.intercept = lambda _request: None
    sent = rig.wire.bytes_put
    second = await rig.ok("upload_batch", directory=".", wait=True)
    adds_up(second)
    assert second["counts"] == {"accepted": 3, "replayed": 9}
    assert second["searchable"]["ready"] == 12
    assert rig.wire.bytes_put - sent == 3 * len("text 00")


async def test_250_files_have_one_outcome_each_and_the_second_call_uploads_nothing(rig: Rig, folder: Path):
    """Several API batches; some files ignored, some unusable, some that cannot be indexed."""
    fill(folder, {f"part{number % 5}/{number:03}.md": f"chapter {number}" for number in range(212)})
    fill(folder, {f"logs/{number}.log": "noise" for number in range(15)})
    fill(folder, {f"empty{number}.md": "" for number in range(5)})
    fill(folder, {".gitignore": "*.log\n", ".env": "PASSWORD=1", "sub/id_rsa": "x"})
    for number in range(10):
        (folder / f"picture{number}.gif").write_bytes(b"GIF89a\x00\x00")
    for number in range(5):
        (folder / f"broken{number}.pdf").write_bytes(b"%PDF-1.7\nbroken " + str(number).encode())
    first = await rig.ok("upload_batch", directory=".", wait=True)
    adds_up(first)
    assert first["total"] == 250
    assert first["counts"] == {"failed": 5, "skipped": 33, "accepted": 212}
    assert skipped_of(first) == {
        "ignored": 15,
        "unsupported_type": 10,
        "empty_file": 5,
        "secret_name": 2,
        "ignore_file": 1,
    }
    assert first["searchable"] == {"ready": 212, "failed": 5, "pending": 0}
    assert len(first["batch_ids"]) >= 3
    assert {outcome["path"] for outcome in first["outcomes"][:5]} == {
        f"broken{number}.pdf" for number in range(5)
    }
    (bucket,) = (await rig.ok("list_buckets"))["buckets"]
    (folder / "broken0.pdf").unlink()
    for number in range(1, 5):
        (folder / f"broken{number}.pdf").unlink()
    settled = await rig.ok("upload_batch", directory=".", wait=True)
    sent = rig.wire.bytes_put
    second = await rig.ok("upload_batch", directory=".", wait=True)
    adds_up(settled)
    adds_up(second)
    assert second["counts"] == {"skipped": 33, "replayed": 212}
    assert rig.wire.bytes_put == sent
    assert bucket["sources"]["file"] == 217


def given(**arguments: Any) -> dict[str, Any]:
    return arguments


BAD_INPUT = {
    "no source": (given(), "no_source", "exactly one"),
    "two sources": (given(directory=".", paths=["a.md"]), "several_sources", "exactly one"),
    "no paths": (given(paths=[]), "no_source", "something in it"),
    "no items": (given(items=[]), "no_source", "something in it"),
    "folder outside": (given(directory="/etc"), "path_not_allowed", "--allow-path"),
    "folder above": (given(directory=".."), "path_not_allowed", "--allow-path"),
    "folder that is a file": (given(directory="a.md"), "is_a_file", "upload_file"),
    "missing folder": (given(directory="nowhere"), "folder_not_found", "starts at"),
    "pattern": (given(directory="hr/*.md"), "folder_not_found", "include"),
    "linked folder": (given(directory="linked"), "path_not_allowed", "--allow-path"),
    "secret folder": (given(directory=".ssh"), "secret_name", "--allow-secret-names"),
    "unknown bucket": (given(directory=".", bucket="nope"), "bucket_not_found", "create_bucket"),
    "bad pattern": (given(directory=".", include=["!"]), "invalid_pattern", ".gitignore"),
    "21 tags": (given(directory=".", tags=["t"] * 21), "too_many_tags", "fewer"),
    "9 KB metadata": (given(directory=".", metadata={"k": "v" * 9_000}), "metadata_too_large", "Shorten"),
    "misspelt argument": (given(directory=".", dry_rum=True), "invalid_arguments", "takes"),
    "misspelt item field": (given(items=[{"text": "x", "tasg": "y"}]), "invalid_arguments", "in items[]"),
}


@pytest.mark.parametrize(("arguments", "code", "hint"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
async def test_a_call_that_cannot_work_is_refused_before_anything_is_sent(
    arguments: dict[str, Any], code: str, hint: str, rig: Rig, folder: Path
):
    fill(folder, {"a.md": "x"})
    (folder / "linked").symlink_to(folder.parent)
    (folder / ".ssh").mkdir()
    error = await rig.refused("upload_batch", **{"bucket": "docs", **arguments})
    assert error["code"] == code
    assert hint in error["next_step"]
    assert rig.wire.count("POST", "upload-session") == 0


async def test_too_many_files_are_refused_with_what_to_do(folder: Path, tmp_path: Path, era: str):
    fill(folder, {f"{number}.md": "x" for number in range(6)})
    few = {"max_files": 5}
    async with upload_rig(tmp_path / "data", folder, era=era, file_policy=few) as rig:
        error = await rig.refused("upload_batch", directory=".", bucket="docs", create_bucket=True)
        assert error["code"] == "too_many_files"
        assert "include" in error["next_step"]


@pytest.mark.parametrize("down", [True, False], ids=["down", "garbage"])
async def test_a_backend_that_fails_is_the_outcome_of_every_file(down: bool, rig: Rig, folder: Path):
    fill(folder, {"a.md": "x", "b.md": "y"})
    await rig.ok("upload_batch", directory=".", dry_run=True)

    def broken(request: httpx2.Request) -> httpx2.Response | None:
        if request.method == "GET":
            return None
        if down:
            raise httpx2.ConnectError("refused", request=request)
        return httpx2.Response(200, text="<html>hotel wifi</html>")

    rig.wire.intercept = broken
    done = await rig.ok("upload_batch", directory=".", bucket="docs")
    adds_up(done)
    assert done["counts"] == {"failed": 2}
    assert {outcome["code"] for outcome in done["outcomes"]} == {
        "connection_failed" if down else "unexpected_response"
    }
    assert done["next_step"].startswith("Nothing was sent")


async def test_a_wrong_key_is_named_as_the_cause(folder: Path, tmp_path: Path, era: str):
    fill(folder, {"a.md": "x"})
    async with upload_rig(tmp_path / "data", folder, era=era, api_key="sk_wrong") as rig:
        error = await rig.refused("upload_batch", directory=".", bucket="docs")
        assert error["code"] == "invalid_api_key"
        assert "CALYPSO_API_KEY" in error["next_step"]


async def test_without_allowed_folders_only_items_with_content_work(tmp_path: Path, era: str):
    async with upload_rig(tmp_path / "data", era=era) as rig:
        for arguments in ({"directory": "/tmp"}, {"paths": ["/etc/hostname"]}):
            error = await rig.refused("upload_batch", bucket="d", create_bucket=True, **arguments)
            assert error["code"] == "local_paths_off"
        items = [{"text": "one", "filename": "1.txt"}, {"path": "/etc/hostname"}]
        done = await rig.ok("upload_batch", items=items, bucket="d", create_bucket=True)
        assert outcomes(done) == {"/etc/hostname": "rejected", "1.txt": "accepted"}


async def test_under_a_limit_items_for_other_buckets_are_rejected_alike(
    folder: Path, tmp_path: Path, era: str
):
    async with upload_rig(tmp_path / "data", folder, era=era) as rig:
        for slug in ("mine", "theirs"):
            await rig.ok("create_bucket", name=slug, slug=slug)
    pin = {"pins": (ScopeLimit(buckets=frozenset({"mine"})),)}
    async with upload_rig(tmp_path / "data", folder, era=era, decisions=pin) as rig:
        items = [{"text": "a", "bucket": name, "filename": "x.txt"} for name in ("theirs", "absent", "mine")]
        for create in (False, True):
            done = await rig.ok("upload_batch", items=items, create_bucket=create)
            theirs, absent = done["outcomes"][:2]
            assert str(theirs).replace("theirs", "absent") == str(absent)
            assert theirs["outcome"] == "rejected"


async def test_progress_runs_through_the_phases_to_the_end(rig: Rig, folder: Path):
    fill(folder, {f"{number}.md": f"text {number}" for number in range(3)})
    await rig.ok("upload_batch", directory=".", wait=True)
    values = [progress for progress, _, _ in rig.progress]
    assert values == sorted(set(values))
    assert values[-1] == pytest.approx(100)
    assert rig.progress[-1][2] == "indexing: 3 of 3 files"


async def test_a_bucket_that_cannot_be_made_costs_only_the_items_that_name_it(rig: Rig):
    def refuse(request: httpx2.Request) -> httpx2.Response | None:
        makes = request.method == "POST" and request.url.path.endswith("/knowledge/buckets")
        if makes and b'"broken"' in request.read():
            return httpx2.Response(500, json={"error": {"code": "boom", "message": "No."}})
        return None

    rig.wire.intercept = refuse
    items = [{"text": f"Into {slug}.", "bucket": slug} for slug in ("docs", "broken", "fresh")]
    done = await rig.ok("upload_batch", items=items, create_bucket=True)
    adds_up(done)
    assert done["counts"] == {"failed": 1, "accepted": 2}
    failed = done["outcomes"][0]
    assert (failed["path"], failed["code"], failed["retryable"]) == ("items[1]", "boom", True)


async def test_progress_ends_with_every_file_counted_though_a_batch_was_refused(rig: Rig, folder: Path):
    fill(folder, {f"{number}.md": f"File {number}." for number in range(150)})

    def refuse(request: httpx2.Request) -> httpx2.Response | None:
        creates = request.method == "POST" and request.url.path.endswith("files:batch/upload-session")
        return httpx2.Response(400) if creates and b'"0.md"' in request.read() else None

    rig.wire.intercept = refuse
    done = await rig.ok("upload_batch", directory=str(folder), wait=False)
    adds_up(done)
    assert done["counts"]["failed"] + done["counts"]["accepted"] == 150
    told = [progress for progress, _, _ in rig.progress]
    assert told == sorted(set(told))
    assert rig.progress[-1] == (100.0, 100.0, "finalizing: 150 of 150 files")


async def test_where_nothing_arrived_nothing_is_called_ready(rig: Rig, folder: Path):
    fill(folder, {"a.md": "Never stored."})
    rig.wire.intercept = lambda request: httpx2.Response(403) if request.method == "PUT" else None
    done = await rig.ok("upload_batch", directory=str(folder), wait=True)
    assert done["counts"] == {"failed": 1}
    assert "readiness" not in done


async def test_files_that_take_long_are_looked_at_two_at_a_time(tmp_path: Path, folder: Path, era: str):
    fill(folder, {f"{number}.md": f"Note {number}." for number in range(12)})
    meeting = Barrier(2)
    meetings = 0

    def reads() -> ReadableFormats:
        nonlocal meetings
        try:
            meeting.wait(0.1)
        except BrokenBarrierError:  # no other thread came
            meeting.reset()
        else:
            meetings += 1
        return embedded_formats()

    async with upload_rig(tmp_path / "data", folder, era=era, file_policy={"reads": reads}) as rig:
        await rig.ok("upload_batch", directory=".", dry_run=True, bucket="new", create_bucket=True)
    assert meetings >= 2


async def test_files_are_looked_at_by_one_thread_while_they_take_no_time(
    tmp_path: Path, folder: Path, era: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("calypso_mcp.server.batches.batch_inputs._TURN_S", 60)
    fill(folder, {f"{number}.md": f"Note {number}." for number in range(200)})
    looks: Counter[int] = Counter()

    def reads() -> ReadableFormats:
        looks[get_ident()] += 1
        return embedded_formats()

    async with upload_rig(tmp_path / "data", folder, era=era, file_policy={"reads": reads}) as rig:
        await rig.ok("upload_batch", directory=".", dry_run=True, bucket="new", create_bucket=True)
    assert list(looks.values()) == [200]
