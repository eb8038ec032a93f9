"""Ending the embedded backend's process at the worst moments, and running several on one data directory."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest

from tests.support.live_backend import BOUND_S, Api, BackendProcess, in_process, options_for

UNIT = 262_144
TEXT = b"# Zebra\n\nThe zebra has stripes.\n"


async def searchable_once(api: Api, file_id: str) -> None:
    """Wait until the file is searchable, and check that there is one of it."""
    assert (await api.settled(file_id))["status"] == "active"
    assert [result["file_id"] for result in await api.searched("zebra")] == [file_id]
    (bucket,) = (await api.get("/knowledge/buckets")).json()["buckets"]
    assert bucket["fileIds"] == [file_id]


def attempts(data_dir: Path) -> list[int]:
    """Return how often each file was begun to be indexed."""
    connection = sqlite3.connect(data_dir / "calypso.db")
    try:
        return [row[0] for row in connection.execute("SELECT attempts FROM tasks ORDER BY position")]
    finally:
        connection.close()


async def test_a_kill_during_an_upload_costs_no_acknowledged_byte(tmp_path: Path) -> None:
    data = TEXT + b" " * (4 * UNIT)
    total = len(data)
    with BackendProcess(tmp_path) as first:
        async with first.client() as api:
            session = await api.session(data)
            address = session["upload_url"]
            part = await api.put(address, data[:UNIT], Content_Range=f"bytes 0-{UNIT - 1}/{total}")
            assert part.status_code == 308

            async def killed_on_the_way() -> AsyncIterator[bytes]:
                yield data[UNIT : 3 * UNIT]
                await anyio.to_thread.run_sync(first.kill)
                yield data[3 * UNIT :]

            with pytest.raises(httpx2.TransportError):
                await api.put(address, killed_on_the_way(), Content_Range=f"bytes {UNIT}-{total - 1}/{total}")
    with BackendProcess(tmp_path) as second:
        async with second.client() as api:
            address = address.replace(first.origin, second.origin)
            offset = await api.put(address, Content_Range=f"bytes */{total}")
            assert offset.status_code == 308
            stored = int(offset.headers["Range"].rpartition("-")[2]) + 1
            assert stored >= UNIT
            assert stored % UNIT == 0
            rest = await api.put(address, data[stored:], Content_Range=f"bytes {stored}-{total - 1}/{total}")
            assert rest.status_code == 200
            file = (await api.finalize(session["session_id"])).json()
            assert file["sha256"] == hashlib.sha256(data).hexdigest()
            await searchable_once(api, file["id"])


async def test_a_kill_after_the_last_byte_costs_nothing(tmp_path: Path) -> None:
    with BackendProcess(tmp_path) as first:
        async with first.client() as api:
            session = await api.session(TEXT)
            assert (await api.put(session["upload_url"], TEXT)).status_code == 200
        first.kill()
    with BackendProcess(tmp_path) as second:
        async with second.client() as api:
            file = (await api.finalize(session["session_id"])).json()
            await searchable_once(api, file["id"])


async def test_a_kill_between_sealing_and_recording_costs_nothing(tmp_path: Path) -> None:
    """The bytes are the truth; the record follows them."""
    async with in_process(options_for(tmp_path)) as api:
        session = await api.session(TEXT)
        (tmp_path / "blobs" / "sealed" / session["session_id"]).write_bytes(TEXT)
        again = await api.put(session["upload_url"], TEXT)
        assert (again.status_code, again.json()["size"]) == (200, str(len(TEXT)))
        other = await api.session(TEXT)
        (tmp_path / "blobs" / "sealed" / other["session_id"]).write_bytes(TEXT)
        file = (await api.finalize(other["session_id"])).json()
        assert file["sha256"] == hashlib.sha256(TEXT).hexdigest()


async def test_a_kill_between_finalize_and_indexing_costs_nothing(tmp_path: Path) -> None:
    with BackendProcess(tmp_path, indexing_parallelism=0) as first:
        async with first.client() as api:
            file = await api.upload(TEXT)
        first.kill()
    with BackendProcess(tmp_path) as second:
        async with second.client() as api:
            await searchable_once(api, file["id"])
    assert attempts(tmp_path) == [1]


async def test_a_kill_during_indexing_is_made_good_without_waiting_for_the_lease(tmp_path: Path) -> None:
    with BackendProcess(tmp_path, hangs_on="notes.md", lease_s=3_600.0) as first:
        async with first.client() as api:
            file = await api.upload(TEXT)
            await api.until(
                lambda: api.get(f"/knowledge/files/{file['id']}"), lambda body: body["status"] == "indexing"
            )
        first.kill()
    with BackendProcess(tmp_path) as second:
        async with second.client() as api:
            await searchable_once(api, file["id"])
    assert attempts(tmp_path) == [2]


async def test_a_running_process_takes_over_from_a_killed_one(tmp_path: Path) -> None:
    with BackendProcess(tmp_path, hangs_on="notes.md", lease_s=3_600.0) as first:
        async with first.client() as api:
            file = await api.upload(TEXT)
            await api.until(
                lambda: api.get(f"/knowledge/files/{file['id']}"), lambda body: body["status"] == "indexing"
            )
        with BackendProcess(tmp_path) as second:
            async with second.client() as api:
                # The second may not touch it while the first is alive.
                other = await api.upload(b"something else", filename="other.md")
                await api.settled(other["id"])
                body = (await api.get(f"/knowledge/files/{file['id']}")).json()
                assert body["status"] == "indexing"
                first.kill()
                assert (await api.settled(file["id"]))["status"] == "active"
                assert len(await api.searched("zebra")) == 1


async def test_a_lease_runs_out_where_the_process_lives_but_hangs(tmp_path: Path) -> None:
    async def heartbeat_never_comes(api: Api) -> None:
        file = await api.upload(TEXT)
        await api.until(
            lambda: api.get(f"/knowledge/files/{file['id']}"), lambda body: body["status"] == "indexing"
        )
        connection = sqlite3.connect(tmp_path / "calypso.db", isolation_level=None)
        connection.execute("UPDATE tasks SET lease_expires = 0")
        connection.close()
        with BackendProcess(tmp_path) as second:
            async with second.client() as other:
                await searchable_once(other, file["id"])

    with BackendProcess(tmp_path, hangs_on="notes.md", lease_s=3_600.0) as first:
        async with first.client() as api:
            await heartbeat_never_comes(api)


async def test_stopping_in_the_middle_of_indexing_does_not_count_as_an_attempt(tmp_path: Path) -> None:
    for _ in range(4):
        with BackendProcess(tmp_path, hangs_on="notes.md") as process:
            async with process.client() as api:
                files = (await api.get("/knowledge/buckets")).json()["buckets"]
                file_id = files[0]["fileIds"][0] if files else (await api.upload(TEXT))["id"]
                await api.until(
                    lambda api=api, file_id=file_id: api.get(f"/knowledge/files/{file_id}"),
                    lambda body: body["status"] == "indexing",
                )
            process.stop()
    assert attempts(tmp_path) == [0]


async def test_a_file_that_kills_the_process_three_times_is_given_up_and_no_other(tmp_path: Path) -> None:
    with BackendProcess(tmp_path, indexing_parallelism=0) as first:
        async with first.client() as api:
            killer = await api.upload(b"boom", filename="killer.md")
            innocent = [await api.upload(TEXT, filename=f"{number}.md") for number in range(5)]
    for _ in range(3):
        with BackendProcess(tmp_path, dies_of="killer.md") as doomed:
            assert doomed.wait() == 9
    with BackendProcess(tmp_path, dies_of="killer.md") as last:
        async with last.client() as api:
            failed = await api.settled(killer["id"])
            assert (failed["status"], failed["error"]["code"]) == ("failed", "indexing_stopped")
            for file in innocent:
                assert (await api.settled(file["id"]))["status"] == "active"


async def test_two_processes_share_one_data_directory_and_index_everything_once(tmp_path: Path) -> None:
    made: list[str] = []
    with BackendProcess(tmp_path) as first, BackendProcess(tmp_path) as second:
        async with first.client() as one, second.client() as two, anyio.create_task_group() as group:

            async def upload(api: Api, name: str) -> None:
                names = [f"{name}-{number}.md" for number in range(20)]
                made.extend([(await api.upload(TEXT, filename=filename))["id"] for filename in names])

            for name in ("a", "b"):
                group.start_soon(upload, one, f"one-{name}")
                group.start_soon(upload, two, f"two-{name}")
        async with first.client() as api:
            for file_id in made:
                assert (await api.settled(file_id))["status"] == "active"
            # Eighty times the same text is found once, with its copies.
            assert len(await api.searched("zebra", max_results=20)) == 1
            [bucket] = (await api.get("/knowledge/buckets")).json()["buckets"]
            assert bucket["counts"]["retrievable"] == 80
    assert attempts(tmp_path) == [1] * 80


async def test_processes_that_start_at_once_make_one_data_directory(tmp_path: Path) -> None:
    started: list[BackendProcess] = []

    async def start() -> None:
        started.append(await anyio.to_thread.run_sync(lambda: BackendProcess(tmp_path / "new")))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(start)
    try:
        for process in started:
            async with process.client() as api:
                assert (await api.get("/knowledge/buckets")).status_code == 200
    finally:
        for process in started:
            process.stop()
            process.__exit__()


async def test_eight_clients_upload_at_once_while_others_search(tmp_path: Path) -> None:
    files_each = 10
    made: list[dict[str, Any]] = []
    over = anyio.Event()
    searches = 0
    with BackendProcess(tmp_path) as process:

        async def upload(number: int) -> None:
            async with process.client() as api:
                for index in range(files_each):
                    text = TEXT + f"Client {number} file {index}.\n".encode()
                    made.append(await api.upload(text, filename=f"{number}-{index}.md"))

        async def search() -> None:
            nonlocal searches
            async with process.client() as api:
                await api.session(TEXT)
                while not over.is_set():
                    await api.searched("zebra stripes")
                    searches += 1

        with anyio.fail_after(BOUND_S):
            async with anyio.create_task_group() as group:
                group.start_soon(search)
                async with anyio.create_task_group() as uploads:
                    for number in range(8):
                        uploads.start_soon(upload, number)
                over.set()
        async with process.client() as api:
            for file in made:
                assert (await api.settled(file["id"]))["status"] == "active"
    assert len({file["id"] for file in made}) == 8 * files_each
    assert searches > 0
    assert attempts(tmp_path) == [1] * 8 * files_each


@pytest.mark.parametrize("finalized_before_kill", [1, 7, 23])
async def test_kills_amid_uploads_lose_nothing_that_was_acknowledged(
    tmp_path: Path, finalized_before_kill: int
) -> None:
    acknowledged: list[str] = []
    with BackendProcess(tmp_path) as process:

        async def upload(number: int) -> None:
            async with process.client() as api:
                for index in range(50):
                    try:
                        file = await api.upload(TEXT, filename=f"{number}-{index}.md")
                    except httpx2.TransportError:
                        return
                    acknowledged.append(file["id"])
                    if len(acknowledged) == finalized_before_kill:
                        process.kill()

        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(upload, number)
    assert len(acknowledged) >= finalized_before_kill
    with BackendProcess(tmp_path) as again:
        async with again.client() as api:
            for file_id in acknowledged:
                assert (await api.settled(file_id))["status"] == "active"
            (bucket,) = await _settled_buckets(api)
            assert set(acknowledged) <= set(bucket["fileIds"])
            assert bucket["counts"]["retrievable"] == len(bucket["fileIds"])


async def _settled_buckets(api: Api) -> list[dict[str, Any]]:
    body = await api.until(
        lambda: api.get("/knowledge/buckets"),
        lambda body: all(bucket["bucketStore"]["pending_member_count"] == 0 for bucket in body["buckets"]),
    )
    return body["buckets"]
