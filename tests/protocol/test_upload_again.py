"""Uploading a folder again after something changed: only what is new is sent, whatever came between."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client import Client

from calypso_mcp.assembly.server import running_server
from calypso_mcp.settings import settings_from
from tests.support.pdfs import encrypted_pdf, text_pdf
from tests.support.upload_rig import BOUND_S, Rig, upload_rig


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The allowed folder, empty."""
    inside = tmp_path / "allowed"
    inside.mkdir()
    return inside


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """What outlives a server."""
    return tmp_path / "data"


def fill(folder: Path, count: int) -> None:
    for number in range(count):
        path = folder / ("odd" if number % 2 else "even") / f"note-{number:03}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Note {number} of the folder.")


async def upload(rig: Rig, directory: Path, **arguments: Any) -> dict[str, Any]:
    """Upload the folder and check that every input is accounted for."""
    rig.wire.seen.clear()
    arguments = {"bucket": "docs", "create_bucket": True, **arguments}
    done = await rig.ok("upload_batch", directory=str(directory), **arguments)
    assert sum(done["counts"].values()) == done["total"]
    return done


def creates(rig: Rig) -> int:
    return sum(1 for method, path in rig.wire.seen if method == "POST" and path.endswith("/upload-session"))


def puts(rig: Rig) -> int:
    return rig.wire.count("PUT", "/upload/")


def changed(done: dict[str, Any]) -> list[str]:
    return [outcome["path"] for outcome in done["outcomes"] if outcome.get("changed")]


async def knowledge_files(rig: Rig) -> list[str]:
    """Return the names of all knowledge files, one for each file."""
    buckets = (await rig.calypso.buckets.list()).buckets
    ids = [file_id for bucket in buckets for file_id in bucket.file_ids]
    return sorted([(await rig.calypso.files.get(entry)).filename or "" for entry in ids])


def mark(data_dir: Path, filename: str, status: str) -> None:
    """Let a knowledge file, the one alive by this name, fail or be deleted."""
    alive = "filename = ? AND status NOT IN ('failed', 'deleted')"
    with closing(sqlite3.connect(data_dir / "calypso.db")) as database, database:
        database.execute(f"UPDATE files SET status = ? WHERE {alive}", (status, filename))
        assert database.execute("SELECT changes()").fetchone() == (1,)


class Losing(httpx2.AsyncBaseTransport):
    """Lets every finalize request take effect and loses the answer."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._inner.handle_async_request(request)
        if request.url.path.endswith("/finalize"):
            raise httpx2.ReadError("lost", request=request)
        return answer


async def test_of_120_files_only_the_one_that_changed_is_sent_and_says_so(
    folder: Path, data_dir: Path
) -> None:
    fill(folder, 120)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        assert (await upload(rig, folder))["counts"] == {"accepted": 120}
        for number in (41, 42):
            (folder / "odd" / "note-041.md").write_text(f"Something else: {number}.")
            done = await upload(rig, folder)
            assert done["counts"] == {"accepted": 1, "replayed": 119}
            assert changed(done) == ["odd/note-041.md"]
            assert (creates(rig), puts(rig)) == (1, 1)
        assert len(await knowledge_files(rig)) == 122


async def test_a_new_server_on_the_same_data_folder_knows_what_the_old_one_sent(
    folder: Path, data_dir: Path
) -> None:
    fill(folder, 3)
    flags = {"backend": "embedded", "data_dir": str(data_dir), "allow_paths": [str(folder)]}
    arguments = {"directory": str(folder), "bucket": "docs", "create_bucket": True}
    seen: list[dict[str, Any]] = []
    for content in ("Note 1 of the folder.", "Changed.", "Changed."):
        (folder / "odd" / "note-001.md").write_text(content)
        async with running_server(settings_from(flags, {})) as server, Client(server) as agent:
            with anyio.fail_after(BOUND_S):
                result = await agent.call_tool("upload_batch", arguments)
            assert not result.is_error, result.content
            seen.append(result.structured_content or {})
    assert [call["counts"] for call in seen] == [
        {"accepted": 3},
        {"accepted": 1, "replayed": 2},
        {"replayed": 3},
    ]
    assert [changed(call) for call in seen] == [[], ["odd/note-001.md"], []]


async def test_a_file_that_is_added_is_sent_alone(folder: Path, data_dir: Path) -> None:
    fill(folder, 101)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        await upload(rig, folder)
        (folder / "a new one.md").write_text("Not there before.")
        done = await upload(rig, folder)
        assert (done["counts"], changed(done)) == ({"accepted": 1, "replayed": 101}, [])
        assert (creates(rig), puts(rig)) == (1, 1)
        assert len(await knowledge_files(rig)) == 102


async def test_250_files_again_cost_two_questions_for_each_batch_and_no_create_request(
    folder: Path, data_dir: Path
) -> None:
    fill(folder, 250)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        await upload(rig, folder)
        batches = creates(rig)
        assert puts(rig) == 250
        done = await upload(rig, folder)
        assert done["counts"] == {"replayed": 250}
        assert (creates(rig), puts(rig), rig.wire.count("POST", "")) == (0, 0, 0)
        # What is there, and whether it is searchable.
        assert rig.wire.count("GET", "/batches/") == 2 * batches
        assert len(rig.wire.seen) <= 2 * batches + 2  # and the list of buckets
        assert len({outcome["path"] for outcome in done["outcomes"]}) + done["omitted"] == 250


async def test_waiting_is_for_the_files_of_the_call_and_not_for_what_else_their_batch_once_held(
    folder: Path, data_dir: Path
) -> None:
    fill(folder, 3)
    (folder / "never.md").write_text("These bytes never arrive.")
    size = str((folder / "never.md").stat().st_size)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:

        def refuse(request: httpx2.Request) -> httpx2.Response | None:
            is_never = request.method == "PUT" and request.headers.get("Content-Length") == size
            return httpx2.Response(403) if is_never else None

        rig.wire.intercept = refuse
        first = await rig.ok("upload_batch", directory=str(folder), bucket="docs", create_bucket=True)
        assert first["counts"] == {"failed": 1, "accepted": 3}
        # That batch will never be done, but the bucket is.
        assert "bucket='docs'" in first["next_step"]
        assert (await rig.ok("wait_for_bucket_sync", bucket="docs"))["readiness"] == "ready"
        (folder / "never.md").write_text("Other bytes do.")
        second = await rig.ok("upload_batch", directory=str(folder), bucket="docs", wait=True, timeout_s=20)

    assert second["counts"] == {"accepted": 1, "replayed": 3}
    assert len(second["batch_ids"]) == 2
    assert (second["readiness"], second["searchable"]) == ("ready", {"ready": 4, "failed": 0, "pending": 0})


@pytest.mark.parametrize("fate", ["failed", "deleted"])
async def test_a_file_that_failed_or_was_deleted_since_is_sent_again_and_stays_then(
    fate: str, folder: Path, data_dir: Path
) -> None:
    fill(folder, 5)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        await upload(rig, folder, wait=True)
        for _ in range(2):  # the key of its second upload leads to a dead one, too
            mark(data_dir, "note-003.md", fate)
            done = await upload(rig, folder, wait=True)
            assert (done["counts"], changed(done)) == ({"accepted": 1, "replayed": 4}, [])
            assert puts(rig) == 1
        done = await upload(rig, folder)
        assert (done["counts"], creates(rig)) == ({"replayed": 5}, 0)
        alone = await rig.ok("upload_file", path=str(folder / "odd" / "note-003.md"))
        assert alone["outcome"] == "replayed"


@pytest.mark.parametrize("is_plain", [False, True])
@pytest.mark.parametrize("before", [None, b"A version that can be read."])
@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("scan.html", b"<html><body><img src='scan.png'></body></html>", "empty"),
        ("locked.pdf", encrypted_pdf(["Behind a password."]), "encrypted"),
        ("damaged.docx", b"PK\x03\x04 and then nothing", "broken"),
    ],
)
async def test_a_file_that_cannot_be_read_is_sent_once_and_is_no_failure_of_a_later_call(
    name: str,
    content: bytes,
    code: str,
    *,
    before: bytes | None,
    is_plain: bool,
    folder: Path,
    data_dir: Path,
) -> None:
    file = folder / name
    async with upload_rig(data_dir, folder, is_plain=is_plain) as rig:
        if before is not None:
            file.write_bytes(before if name != "locked.pdf" else text_pdf([[before.decode()]]))
            await upload(rig, folder, wait=True)
        file.write_bytes(content)
        done = await upload(rig, folder, wait=True)
        assert (done["counts"], done["outcomes"][0]["code"]) == ({"failed": 1}, code)
        for _ in range(2):
            again = await upload(rig, folder, wait=True)
            assert (again["counts"], creates(rig), puts(rig)) == ({"replayed": 1}, 0, 0)
            assert again["outcomes"][0]["reason"] == done["outcomes"][0]["reason"]
        alone = await rig.ok("upload_file", path=str(file))
        assert (alone["outcome"], alone["readiness"], creates(rig)) == ("replayed", "failed", 0)
        assert alone["reason"] == done["outcomes"][0]["reason"]
        dry = await rig.ok("upload_batch", directory=str(folder), bucket="docs", dry_run=True)
        assert dry["counts"] == {"replayed": 1}
        file.write_bytes(text_pdf([["Without a password."]]) if name == "locked.pdf" else b"Typed again.")
        assert (await upload(rig, folder, wait=True))["counts"] == {"accepted": 1}


async def test_a_file_that_goes_back_to_what_it_was_is_found_again(folder: Path, data_dir: Path) -> None:
    fill(folder, 3)
    note = folder / "even" / "note-000.md"
    first = note.read_text()
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        await upload(rig, folder)
        note.write_text("Changed for a while.")
        await upload(rig, folder)
        note.write_text(first)
        done = await upload(rig, folder)
        assert (done["counts"], changed(done)) == ({"replayed": 3}, ["even/note-000.md"])
        assert changed(await upload(rig, folder)) == []


async def test_files_sent_alone_and_with_a_folder_are_recognised_as_the_same(
    folder: Path, data_dir: Path
) -> None:
    fill(folder, 4)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        path = folder / "odd" / "note-001.md"
        await rig.ok("upload_file", path=str(path), bucket="docs", create_bucket=True)
        done = await upload(rig, folder)
        assert done["counts"] == {"accepted": 3, "replayed": 1}
        assert [outcome["path"] for outcome in done["outcomes"] if outcome["outcome"] == "replayed"] == [
            "odd/note-001.md"
        ]
        assert len(await knowledge_files(rig)) == 4
        rig.wire.seen.clear()
        other = folder / "even" / "note-002.md"
        again = await rig.ok("upload_file", path=str(other), wait=True)
        assert (again["outcome"], again["readiness"], creates(rig)) == ("replayed", "ready", 0)
        assert again["task_id"]
        relative = await rig.ok("upload_batch", paths=["even/note-002.md", "odd/note-003.md"])
        assert relative["counts"] == {"replayed": 2}
        path.write_text("Changed.")
        once_more = await rig.ok("upload_file", path=str(path))
        assert (once_more["outcome"], once_more["changed"]) == ("accepted", True)
        assert len(await knowledge_files(rig)) == 5


async def test_equal_names_in_two_folders_are_not_changes_and_a_moved_folder_is_recognised(
    folder: Path, data_dir: Path
) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "readme.md").write_text(f"The readme of {name}.")
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        for name in ("one", "two"):
            done = await upload(rig, folder / name)
            assert (done["counts"], changed(done)) == ({"accepted": 1}, [])
        shutil.move(folder / "two", folder / "three")
        (folder / "three" / "new.md").write_text("New.")
        done = await upload(rig, folder / "three")
        assert done["counts"] == {"accepted": 1, "replayed": 1}


async def test_other_tags_or_another_bucket_make_another_upload(folder: Path, data_dir: Path) -> None:
    fill(folder, 2)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        await upload(rig, folder)
        names = ["even/note-000.md", "odd/note-001.md"]
        # This backend relabels nothing: the files under the labels before stay in the bucket.
        for labels in ({"tags": ["new"]}, {"metadata": {"a": 1}}):
            done = await upload(rig, folder, **labels)
            assert (done["counts"], changed(done)) == ({"accepted": 2}, names)
            assert all("stays in the bucket" in outcome["reason"] for outcome in done["outcomes"])
        done = await upload(rig, folder, bucket="other")
        assert (done["counts"], changed(done)) == ({"accepted": 2}, [])


async def test_texts_are_recognised_one_by_one_as_well(data_dir: Path) -> None:
    async with upload_rig(data_dir, is_plain=True) as rig:
        items = [{"text": f"Text {number}.", "filename": f"{number}.txt"} for number in range(3)]
        await rig.ok("upload_batch", items=items, bucket="docs", create_bucket=True)
        items[1]["text"] = "Another text."
        done = await rig.ok("upload_batch", items=items)
        assert (done["counts"], changed(done)) == ({"accepted": 1, "replayed": 2}, ["1.txt"])


async def test_what_arrived_although_the_answer_was_lost_is_not_sent_again_with_a_changed_folder(
    folder: Path, data_dir: Path
) -> None:
    fill(folder, 20)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        rig.wire._inner = Losing(rig.wire._inner)
        done = await upload(rig, folder)
        assert "accepted" not in done["counts"]
    (folder / "odd" / "note-001.md").write_text("Changed before anybody knew that it had arrived.")
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        done = await upload(rig, folder)
        assert done["counts"] == {"accepted": 1, "replayed": 19}
        assert puts(rig) == 1
        assert len(await knowledge_files(rig)) == 21
        path = str(folder / "odd" / "note-003.md")
        assert (await rig.ok("upload_file", path=path))["outcome"] == "replayed"


@pytest.mark.parametrize("changes", [False, True], ids=["unchanged", "changed"])
async def test_a_call_cut_off_half_way_is_continued(changes: bool, folder: Path, data_dir: Path) -> None:
    fill(folder, 120)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        with anyio.CancelScope() as call:

            def cut(request: httpx2.Request) -> httpx2.Response | None:
                if puts(rig) > 60 and request.method == "PUT":
                    call.cancel()
                return None

            rig.wire.intercept = cut
            await upload(rig, folder)
        assert call.cancelled_caught
        sent = rig.wire.bytes_put
    if changes:
        (folder / "even" / "note-000.md").write_text("Changed in between.")
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        done = await upload(rig, folder)
        assert set(done["counts"]) <= {"accepted", "replayed"}
        if not changes:  # then what had arrived is not sent again; sixteen files may have been on their way
            size = sum(path.stat().st_size for path in folder.rglob("*.md"))
            assert rig.wire.bytes_put <= size - sent + 16 * 30
        files = await knowledge_files(rig)
        assert sorted(set(files)) == [f"note-{number:03}.md" for number in range(120)]
        assert len(files) <= 120 + changes
        again = await upload(rig, folder)
        assert (again["counts"], creates(rig)) == ({"replayed": 120}, 0)


class Dropping(httpx2.AsyncBaseTransport):
    """Lets all bytes arrive and takes no batch over."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/finalize"):
            raise httpx2.WriteError("dropped", request=request)
        return await self._inner.handle_async_request(request)


Cut = Callable[[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport]
CUTS: list[Cut] = [Dropping, Losing]


async def cut_off_then_changed(cut: Cut, data_dir: Path, folder: Path, count: int) -> Path:
    """Upload `count` files in a call that is cut off; return the one that has changed since."""
    fill(folder, count)
    note = folder / "even" / "note-000.md"
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        rig.wire._inner = cut(rig.wire._inner)
        await upload(rig, folder)
    note.write_text("Changed before anybody knew that it had arrived.")
    return note


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("count", [1, 20])
async def test_old_content_that_arrived_before_a_call_was_cut_off_is_owned_up_to(
    cut: Cut, count: int, folder: Path, data_dir: Path
) -> None:
    """The API takes a batch over as a whole, and deletes nothing: so both contents may be in the bucket."""
    await cut_off_then_changed(cut, data_dir, folder, count)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        done = await upload(rig, folder)
        assert done["counts"].get("accepted") == 1
        copies = (await knowledge_files(rig)).count("note-000.md")
        # Nothing brings a batch to its end of which no other file is wanted any more.
        assert copies == (1 if count == 1 and cut is Dropping else 2)
        assert changed(done) == (["even/note-000.md"] if copies == 2 else [])
        assert ("changed" in done.get("hints", {})) == (copies == 2)
        assert changed(await upload(rig, folder)) == []


@pytest.mark.parametrize("cut", CUTS)
async def test_a_single_upload_owns_up_to_old_content_as_well(cut: Cut, folder: Path, data_dir: Path) -> None:
    note = await cut_off_then_changed(cut, data_dir, folder, 2)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        done = await rig.ok("upload_file", path=str(note))
        copies = (await knowledge_files(rig)).count("note-000.md")
        assert (done["outcome"], done.get("changed", False)) == ("accepted", copies == 2)
        assert ("deletes nothing" in done.get("reason", "")) == (copies == 2)


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(8_192))


def folder_in_the_way(path: Path) -> None:
    path.mkdir()


def newer_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        database.execute("INSERT INTO migrations VALUES (99, 'from a newer version')")
        database.commit()


@pytest.mark.parametrize("spoil", [garbage, folder_in_the_way, newer_version])
async def test_without_a_usable_memory_uploads_work_and_that_is_logged_once(
    spoil: Any, folder: Path, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(folder, 3)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        await upload(rig, folder)
    for left in data_dir.glob("sent.sqlite*"):
        left.unlink()
    spoil(data_dir / "sent.sqlite")
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        assert (await upload(rig, folder))["counts"] == {"replayed": 3}  # the API's own memory
        (folder / "odd" / "note-001.md").write_text("Changed.")
        done = await upload(rig, folder)
        assert (done["counts"], changed(done)) == ({"accepted": 1, "replayed": 2}, ["odd/note-001.md"])
    said = [record.getMessage() for record in caplog.records if "sent.sqlite" in record.getMessage()]
    assert len(said) == 1


async def test_a_backend_that_lost_everything_gets_everything_again(folder: Path, data_dir: Path) -> None:
    fill(folder, 3)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        await upload(rig, folder)
    for left in data_dir.glob("calypso.db*"):
        left.unlink()
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        await rig.ok("create_bucket", name="docs", slug="docs")
        assert (await upload(rig, folder))["counts"] == {"accepted": 3}


async def test_while_the_api_cannot_be_asked_nothing_is_sent_twice_or_called_there(
    folder: Path, data_dir: Path
) -> None:
    fill(folder, 3)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        await upload(rig, folder)

        def down(request: httpx2.Request) -> httpx2.Response | None:
            return httpx2.Response(503) if "/batches/" in request.url.path else None

        rig.wire.intercept = down
        done = await upload(rig, folder)
        assert done["counts"] == {"failed": 3}
        assert all(outcome["retryable"] for outcome in done["outcomes"])
        assert creates(rig) == 0


GONE = {"error": {"code": "not_found", "message": "Forgotten."}}


@pytest.mark.parametrize(
    "answer", [httpx2.Response(404, json=GONE), httpx2.Response(200, json={"id": "b", "status": "active"})]
)
async def test_where_a_batch_tells_nothing_of_its_files_each_is_asked_for(
    answer: httpx2.Response, folder: Path, data_dir: Path
) -> None:
    fill(folder, 5)
    async with upload_rig(data_dir, folder, is_plain=True) as rig:
        await upload(rig, folder, wait=True)
        for _ in range(2):  # the second time, the batch of the one file replays a file that is gone
            mark(data_dir, "note-003.md", "deleted")
            rig.wire.intercept = lambda request: answer if "/batches/" in request.url.path else None
            done = await upload(rig, folder)
            assert done["counts"] == {"accepted": 1, "replayed": 4}
            assert rig.wire.count("GET", "/files/") == 5
            rig.wire.intercept = lambda _: None
            await upload(rig, folder, wait=True)


async def test_two_servers_at_once_send_a_changed_folder_once(folder: Path, data_dir: Path) -> None:
    fill(folder, 110)
    async with (
        upload_rig(data_dir, folder, is_plain=True) as first,
        upload_rig(data_dir, folder, is_plain=True) as second,
    ):
        await upload(first, folder)
        (folder / "odd" / "note-001.md").write_text("Changed.")
        (folder / "even" / "note-500.md").write_text("Added.")
        async with anyio.create_task_group() as both:
            both.start_soon(upload, first, folder)
            both.start_soon(upload, second, folder)
        assert len(await knowledge_files(first)) == 112
        done = await upload(second, folder)
        assert (done["counts"], creates(second)) == ({"replayed": 111}, 0)


async def test_the_memory_holds_no_key_address_path_or_content(folder: Path, data_dir: Path) -> None:
    fill(folder, 3)
    async with upload_rig(data_dir, folder, is_plain=True, api_key="sk_test_0123456789abcdef") as rig:
        await upload(rig, folder, tags=["confidential-tag"])
        written = b"".join(path.read_bytes() for path in data_dir.glob("sent.sqlite*"))
    assert b"note-001" in written  # the readable end of a client_file_id
    for secret in (b"sk_test", b"http", b"upload/", str(folder).encode(), b"of the folder", b"confidential"):
        assert secret not in written
