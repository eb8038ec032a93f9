"""upload_file through a real MCP client down to the embedded backend, in both protocol eras."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp_types import TextResourceContents

from calypso_mcp.domain.callers.access import ScopeLimit
from tests.support.upload_rig import Rig, upload_rig


@pytest.fixture
def folder(folder: Path) -> Path:
    """The allowed folder, with a file."""
    (folder / "notes.md").write_text("# Notes\n\nThe moon is a quarter as wide as the earth.\n")
    return folder


def writes(rig: Rig) -> int:
    """Return how many requests sent something, apart from making the bucket."""
    return sum(1 for method, path in rig.wire.seen if method != "GET" and path != "/v1/knowledge/buckets")


async def test_a_file_becomes_searchable_with_one_call(rig: Rig):
    done = await rig.ok("upload_file", path="notes.md", wait=True, tags=["astronomy"], metadata={"id": 7})
    assert (done["outcome"], done["readiness"], done["bucket"]) == ("accepted", "ready", "docs")
    assert done["filename"] == "notes.md"
    found = await rig.ok("search_bucket", query="how wide is the moon")
    assert found["hits"][0]["file_id"] == done["file_id"]


async def test_the_same_content_again_is_a_replay_that_sends_no_bytes(rig: Rig, folder: Path):
    first = await rig.ok("upload_file", path="notes.md")
    sent = rig.wire.bytes_put
    assert sent == (folder / "notes.md").stat().st_size
    second = await rig.ok("upload_file", path=str(folder / "notes.md"), bucket="docs")
    assert second["outcome"] == "replayed"
    assert second["file_id"] == first["file_id"]
    assert "changed" not in second
    assert rig.wire.bytes_put == sent


async def test_a_file_in_a_folder_is_called_the_same_everywhere(rig: Rig, folder: Path):
    (folder / "zoo").mkdir()
    (folder / "zoo" / "bear.md").write_text("Bears sleep in winter.")
    await rig.ok("upload_batch", directory=".", bucket="docs", wait=True)
    sent = [
        await rig.ok("upload_file", path="zoo/bear.md"),  # there already, from its folder
        await rig.ok("upload_file", text="Cats sleep by day.", filename="zoo/cat.md", wait=True),
    ]
    names = ["zoo/bear.md", "zoo/cat.md"]
    assert [report["filename"] for report in sent] == names
    waited = await rig.ok("wait_for_bucket_sync", file_ids=[report["file_id"] for report in sent])
    assert [item["name"] for item in waited["items"]] == names
    listed = await rig.ok("list_sources", bucket="docs", query="zoo/")
    assert [source["name"] for source in listed["sources"]] == names
    found = await rig.ok("search_bucket", query="sleep")
    assert {hit["filename"] for hit in found["hits"]} == set(names)
    for report, name in zip(sent, names, strict=True):
        (read,) = (await rig.client.read_resource(f"bucket://docs/files/{report['file_id']}")).contents
        assert isinstance(read, TextResourceContents)
        assert json.loads(read.text)["filename"] == name


async def test_other_content_under_the_same_path_is_new_and_says_so(rig: Rig, folder: Path):
    first = await rig.ok("upload_file", path="notes.md")
    (folder / "notes.md").write_text("now something else")
    second = await rig.ok("upload_file", path="notes.md")
    assert second["outcome"] == "accepted"
    assert second["changed"] is True
    assert second["file_id"] != first["file_id"]


async def test_text_and_base64_are_uploaded_with_a_name_of_their_own(rig: Rig):
    text = await rig.ok("upload_file", text="Venus is the hottest planet.", title="Venus", wait=True)
    assert text["filename"].startswith("text-")
    assert text["filename"].endswith(".txt")
    again = await rig.ok("upload_file", text="Venus is the hottest planet.", title="Venus")
    assert (again["outcome"], again["filename"]) == ("replayed", text["filename"])
    page = base64.b64encode(b"<h1>Mars</h1><p>Mars is red.</p>").decode()
    html = await rig.ok("upload_file", content_base64=page, filename="mars.html", wait=True)
    assert html["readiness"] == "ready"


async def test_a_missing_bucket_is_made_on_request_and_the_next_call_is_a_replay(rig: Rig):
    made = await rig.ok("upload_file", path="notes.md", bucket="moon-facts", create_bucket=True)
    assert made["bucket"] == "moon-facts"
    again = await rig.ok("upload_file", path="notes.md", bucket="moon-facts", create_bucket=True)
    plain = await rig.ok("upload_file", path="notes.md", bucket="moon-facts")
    assert [again["outcome"], plain["outcome"]] == ["replayed", "replayed"]
    slugs = [bucket["slug"] for bucket in (await rig.ok("list_buckets"))["buckets"]]
    assert slugs == ["docs", "moon-facts"]


async def test_a_key_that_may_not_make_buckets_makes_them_by_uploading(rig: Rig):
    def forbid(request: httpx2.Request) -> httpx2.Response | None:
        if request.method == "POST" and request.url.path.endswith("/buckets"):
            return httpx2.Response(403, json={"error": {"code": "permission_denied", "message": "no"}})
        return None

    rig.wire.intercept = forbid
    made = await rig.ok("upload_file", path="notes.md", bucket="made-anyway", create_bucket=True, wait=True)
    assert (made["bucket"], made["readiness"]) == ("made-anyway", "ready")


async def test_a_file_that_cannot_be_indexed_says_why(rig: Rig, folder: Path):
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nno pages here")
    done = await rig.ok("upload_file", path="broken.pdf", wait=True)
    assert done["outcome"] == "accepted"
    assert done["readiness"] == "failed"
    assert done["code"]
    assert done["reason"]
    assert "add it again" in done["next_step"]


async def test_progress_is_reported_up_to_the_end(rig: Rig):
    await rig.ok("upload_file", path="notes.md", wait=True)
    values = [progress for progress, _, _ in rig.progress]
    assert values
    assert values == sorted(set(values))
    assert values[-1] == pytest.approx(100)


async def test_time_running_out_is_a_result_that_says_how_to_go_on(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("calypso_mcp.server.calls.call_time.SHORTEST_CALL_S", 0.0)
    done = await rig.ok("upload_file", path="notes.md", timeout_s=0)
    assert (done["outcome"], done["readiness"]) == ("pending", "pending")
    assert "same call again" in done["next_step"]
    monkeypatch.undo()
    assert (await rig.ok("upload_file", path="notes.md", timeout_s=0))["outcome"] in {"accepted", "replayed"}


async def test_not_waiting_names_the_call_that_waits(rig: Rig):
    done = await rig.ok("upload_file", path="notes.md", timeout_s=0)
    assert f"wait_for_bucket_sync with file_ids=['{done['file_id']}']" in done["next_step"]


def pipe(folder: Path) -> dict[str, Any]:
    os.mkfifo(folder / "pipe.md")
    return {"path": "pipe.md"}


def link_out(folder: Path) -> dict[str, Any]:
    (folder / "link.md").symlink_to(folder.parent / "outside.md")
    return {"path": "link.md"}


def linked_folder(folder: Path) -> dict[str, Any]:
    (folder / "linked").symlink_to(folder.parent)
    return {"path": "linked/outside.md"}


def large(folder: Path) -> dict[str, Any]:
    with (folder / "large.txt").open("wb") as file:
        file.truncate(26 * 1024 * 1024)
    return {"path": "large.txt"}


def empty(folder: Path) -> dict[str, Any]:
    (folder / "empty.md").touch()
    return {"path": "empty.md"}


def picture(folder: Path) -> dict[str, Any]:
    (folder / "picture.gif").write_bytes(b"GIF89a\x00\x00\x00")
    return {"path": "picture.gif"}


def secret_name(folder: Path) -> dict[str, Any]:
    (folder / ".env").write_text("x=1")
    return {"path": ".env"}


def secret_inside(folder: Path) -> dict[str, Any]:
    (folder / "setup.md").write_text("token:\n\nghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2)
    return {"path": "setup.md"}


def given(**arguments: Any) -> Callable[[Path], dict[str, Any]]:
    def prepare(_folder: Path) -> dict[str, Any]:
        return arguments

    return prepare


BAD_INPUT = {
    "no source": (given(), "no_source", "exactly one"),
    "two sources": (given(path="notes.md", text="x"), "several_sources", "exactly one"),
    "three sources": (
        given(path="notes.md", text="x", content_base64="eA=="),
        "several_sources",
        "exactly one",
    ),
    "unknown bucket": (given(path="notes.md", bucket="nope"), "bucket_not_found", "list_buckets"),
    "path outside": (given(path="/etc/passwd"), "path_not_allowed", "--allow-path"),
    "traversal": (given(path="../outside.md"), "path_not_allowed", "--allow-path"),
    "link out": (link_out, "not_a_file", "links are not followed"),
    "linked folder": (linked_folder, "path_not_allowed", "--allow-path"),
    "directory": (given(path="."), "is_a_folder", "upload_batch"),
    "pipe": (pipe, "not_a_file", "regular"),
    "device": (given(path="/dev/zero"), "path_not_allowed", "--allow-path"),
    "missing file": (given(path="nowhere.md"), "file_not_found", "spelling"),
    "pattern": (given(path="*.md"), "file_not_found", "include"),
    "empty file": (empty, "empty_file", "content"),
    "empty text": (given(text=""), "empty_file", "content"),
    "26 MB": (large, "file_too_large", "Split"),
    "picture": (picture, "unsupported_type", "text"),
    "secret by name": (secret_name, "secret_name", "--allow-secret-names"),
    "secret by content": (secret_inside, "secret_content", "CALYPSO_SCAN_SECRETS"),
    "secret in text": (given(text="glpat-" + "a1B2c3D4e5F6g7H8i9J0"), "secret_content", "--no-scan-secrets"),
    "21 tags": (given(path="notes.md", tags=["t"] * 21), "too_many_tags", "fewer"),
    "empty tag": (given(path="notes.md", tags=[" "]), "invalid_tags", "Leave"),
    "9 KB metadata": (given(path="notes.md", metadata={"k": "v" * 9_000}), "metadata_too_large", "Shorten"),
    "bad base64": (given(content_base64="not base64!", filename="a.md"), "invalid_base64", "text argument"),
    "base64 with line breaks": (
        given(content_base64="YWJj\nZGVm", filename="a.md"),
        "invalid_base64",
        "line breaks",
    ),
    "base64 as a data URL": (
        given(content_base64="data:text/plain;base64,YWJj", filename="a.md"),
        "invalid_base64",
        "data: prefix",
    ),
    "base64 without padding": (given(content_base64="YWI", filename="a.md"), "invalid_base64", "padding"),
    "base64 over 1 MiB": (
        given(content_base64=base64.b64encode(b"x" * (1_048_576 + 3)).decode(), filename="a.md"),
        "content_too_large",
        "path",
    ),
    "base64 without a name": (given(content_base64="YWJj"), "invalid_filename", "filename"),
    "name with folders": (given(text="x", filename="../a.md"), "invalid_filename", "without folders"),
    "overlong name": (given(text="x", filename="a" * 300), "invalid_filename", "shorter"),
    "new bucket named by an id": (
        given(text="x", bucket="bucket_0123456789abcdef", create_bucket=True),
        "invalid_name",
        "list_buckets",
    ),
    "misspelt argument": (given(path="notes.md", filenam="x.md"), "invalid_arguments", "takes"),
    "wrong type": (given(path={"a": 7}), "invalid_arguments", "correct arguments"),
    "too long a wait": (given(path="notes.md", timeout_s=301), "invalid_arguments", "correct arguments"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")
@pytest.mark.parametrize(("prepare", "code", "hint"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
async def test_bad_input_is_refused_before_anything_is_sent_and_says_what_to_do(
    prepare: Any, code: str, hint: str, rig: Rig, folder: Path
):
    error = await rig.refused("upload_file", **{"bucket": "docs", **prepare(folder)})
    assert error["code"] == code
    assert hint in error["next_step"]
    assert error["retryable"] is False
    assert "a1B2c3" not in str(error)
    assert writes(rig) == 0


async def test_a_bucket_is_required_where_there_are_several(rig: Rig):
    await rig.ok("create_bucket", name="Other", slug="other")
    error = await rig.refused("upload_file", path="notes.md")
    assert error["code"] == "bucket_required"
    assert "list_buckets: docs" in error["next_step"]


async def test_a_bucket_is_required_where_there_is_none(folder: Path, tmp_path: Path, era: str):
    async with upload_rig(tmp_path / "data", folder, era=era) as rig:
        error = await rig.refused("upload_file", path="notes.md")
        assert error["code"] == "bucket_required"
        assert "create_bucket" in error["next_step"]


async def test_a_wrong_key_is_named_as_the_cause(folder: Path, tmp_path: Path, era: str):
    async with upload_rig(tmp_path / "data", folder, era=era, api_key="sk_wrong") as rig:
        error = await rig.refused("upload_file", path="notes.md", bucket="docs")
        assert error["code"] == "invalid_api_key"
        assert "CALYPSO_API_KEY" in error["next_step"]
        assert "sk_wrong" not in str(error)


async def test_a_server_that_is_down_is_named_as_the_cause(rig: Rig):
    def down(request: httpx2.Request) -> httpx2.Response | None:
        raise httpx2.ConnectError("refused", request=request)

    rig.wire.intercept = down
    error = await rig.refused("upload_file", path="notes.md", bucket="docs")
    assert error["code"] == "connection_failed"
    assert error["retryable"] is True


@pytest.mark.parametrize("part", ["/buckets", "/upload-session"])
async def test_a_server_that_answers_garbage_is_named_as_the_cause(part: str, rig: Rig):
    await rig.ok("wait_for_bucket_sync", bucket="docs")  # forgets what it knew of the buckets

    def garbage(request: httpx2.Request) -> httpx2.Response | None:
        return httpx2.Response(200, text="<html>hotel wifi</html>") if part in request.url.path else None

    rig.wire.intercept = garbage
    error = await rig.refused("upload_file", path="notes.md", bucket="docs")
    assert error["code"] == "unexpected_response"


async def test_without_allowed_folders_paths_are_off_and_text_still_works(tmp_path: Path, era: str):
    async with upload_rig(tmp_path / "data", era=era) as rig:
        error = await rig.refused("upload_file", path="/etc/hostname", bucket="d", create_bucket=True)
        assert error["code"] == "local_paths_off"
        assert "text" in error["next_step"]
        done = await rig.ok("upload_file", text="hello", bucket="d", create_bucket=True)
        assert done["outcome"] == "accepted"


async def test_the_operator_can_allow_what_is_refused_by_default(folder: Path, tmp_path: Path, era: str):
    allowed = {"allow_secret_names": True, "scan_secrets": False, "reads": None}
    async with upload_rig(tmp_path / "data", folder, era=era, file_policy=allowed) as rig:
        for prepare in (secret_name, secret_inside, picture):
            done = await rig.ok("upload_file", **prepare(folder), bucket="d", create_bucket=True)
            assert done["outcome"] == "accepted"


async def test_under_a_limit_no_bucket_is_made_and_none_outside_is_found(
    folder: Path, tmp_path: Path, era: str
):
    async with upload_rig(tmp_path / "data", folder, era=era) as rig:
        for slug in ("mine", "theirs"):
            await rig.ok("create_bucket", name=slug, slug=slug)
    pin = {"pins": (ScopeLimit(buckets=frozenset({"mine"})),)}
    async with upload_rig(tmp_path / "data", folder, era=era, decisions=pin) as rig:
        assert (await rig.ok("upload_file", path="notes.md"))["bucket"] == "mine"
        there = await rig.refused("upload_file", path="notes.md", bucket="theirs")
        absent = await rig.refused("upload_file", path="notes.md", bucket="absent")
        assert str(there).replace("theirs", "absent") == str(absent)
        there = await rig.refused("upload_file", path="notes.md", bucket="theirs", create_bucket=True)
        absent = await rig.refused("upload_file", path="notes.md", bucket="absent", create_bucket=True)
        assert str(there).replace("theirs", "absent") == str(absent)


async def test_a_file_that_changes_after_its_check_is_not_sent(rig: Rig, folder: Path):
    def swap(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path.endswith("/buckets") and not rig.wire.count("POST", "/upload-session"):
            (folder / "notes.md").write_text("something else entirely")
        return None

    await rig.ok("upload_file", text="warm up", bucket="docs")
    rig.wire.seen.clear()
    rig.wire.intercept = swap
    error = await rig.refused("upload_file", path="notes.md", bucket="new-one", create_bucket=True)
    assert error["code"] == "file_changed"
    assert error["retryable"] is True
    assert rig.wire.count("PUT", "/upload/") == 0


async def test_a_cancelled_call_stops_and_leaves_nothing_open(rig: Rig):
    reached = anyio.Event()

    inner = rig.wire._inner

    class Hanging(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method == "PUT":
                reached.set()
                await anyio.sleep_forever()
            return await inner.handle_async_request(request)

    rig.wire._inner = Hanging()
    async with anyio.create_task_group() as calls:
        calls.start_soon(lambda: rig.call("upload_file", path="notes.md"))
        with anyio.fail_after(30):
            await reached.wait()
        calls.cancel_scope.cancel()
    rig.wire._inner = inner
    assert (await rig.ok("upload_file", path="notes.md"))["outcome"] == "accepted"


async def test_a_bucket_that_is_made_gets_a_slug_and_keeps_its_name(rig: Rig):
    items = [{"text": "one"}, {"text": "two"}]
    for tool, arguments in (("upload_file", {"text": "x"}), ("upload_batch", {"items": items})):
        for named in ("Support Handbook", "support-handbook", "support handbook"):
            done = await rig.ok(tool, bucket=named, create_bucket=True, **arguments)
            assert done["bucket"] == "support-handbook"
    listed = (await rig.ok("list_buckets", query="support"))["buckets"]
    assert [(entry["slug"], entry["name"]) for entry in listed] == [("support-handbook", "Support Handbook")]


async def test_an_error_about_a_bucket_names_those_that_can_be_used(rig: Rig):
    await rig.ok("create_bucket", name="Price lists", slug="prices")
    for arguments in ({"bucket": "nope"}, {}):
        error = await rig.refused("upload_file", text="x", **arguments)
        assert "prices ('Price lists')" in error["next_step"]
