"""One data folder: the limits and the privacy that hold for all processes on it together."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from anyio.abc import TaskGroup

from calypso_mcp.api import paths
from calypso_mcp.local.app import OPERATIONS, open_backend
from calypso_mcp.local.blobs import Blobs
from calypso_mcp.local.options import BLOBS_FOLDER, STORE_FILE, WORKERS_FOLDER
from calypso_mcp.local.store import files, sessions
from calypso_mcp.local.store.agents import BASE_MODEL
from calypso_mcp.sqlite.connections import connect, transaction
from tests.support.live_backend import Api, in_process, options_for

DECLARED = {
    "filename": "a.md",
    "content_type": "text/markdown",
    "size_bytes": 3,
    "bucket": "docs",
    "create_missing_buckets": True,
}
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")


async def test_a_server_that_runs_the_lifespan_of_an_open_backend_starts_no_second_one(
    tmp_path: Path,
) -> None:
    async with open_backend(options_for(tmp_path)) as app, app.router.lifespan_context(app):
        assert len(list((tmp_path / WORKERS_FOLDER).iterdir())) == 1


async def test_five_creates_a_second_are_admitted_by_all_processes_on_a_folder_together(
    tmp_path: Path,
) -> None:
    statuses: list[int] = []
    now = 1_000.0
    async with AsyncExitStack() as stack:
        apis = [
            await stack.enter_async_context(
                in_process(options_for(tmp_path, creates_per_second=5, clock=lambda: now))
            )
            for _ in range(3)
        ]

        async def create(number: int) -> None:
            answer = await apis[number % 3].post("/knowledge/files/upload-session", DECLARED)
            statuses.append(answer.status_code)

        async with anyio.create_task_group() as group:
            for number in range(15):
                group.start_soon(create, number)
        assert sorted(statuses) == [201] * 5 + [429] * 10
        now += 1.0
        await create(0)
    assert statuses[-1] == 201


@POSIX
async def test_everything_in_a_data_folder_is_private_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with in_process(options_for(tmp_path / "new" / "data")) as api:
            file = await api.upload(b"# Lamp\n\nA steady light.")
            await api.session(b"abc")
            await api.settled(file["id"])
            data = tmp_path / "new" / "data"
            open_to_others = {
                str(path.relative_to(data)): oct(stat.S_IMODE(path.stat().st_mode))
                for path in (data, *data.rglob("*"))
                if stat.S_IMODE(path.stat().st_mode) & 0o077
            }
    finally:
        os.umask(before)
    assert open_to_others == {}


@POSIX
@pytest.mark.parametrize(("mode", "warns"), [(0o700, False), (0o750, True), (0o705, True)])
async def test_a_data_folder_that_others_can_look_into_is_reported_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warns: bool
) -> None:
    tmp_path.chmod(mode)
    with caplog.at_level(logging.WARNING):
        async with in_process(options_for(tmp_path)):
            pass
    assert ("chmod 700" in caplog.text) == warns


BATCH: dict[str, Any] = {
    "manifest": {
        "version": 1,
        "batch_idempotency_key": "one",
        "bucket": "docs",
        "create_missing_buckets": True,
        "items": [{"client_file_id": "a", "filename": "a.md"}],
    },
    "files": [{"client_file_id": "a", "filename": "a.md", "size_bytes": 3}],
}
#: A request of every operation that adds to the store.
GROWING = {
    paths.UPLOAD_SESSIONS: DECLARED,
    paths.BATCH_SESSIONS: BATCH,
    paths.BUCKETS: {"name": "More"},
    paths.AGENTS: {"name": "Helper", "bucket_slugs": ["docs"]},
    paths.QA: {"question": "Why?", "answer": "Because.", "bucket": "docs"},
    paths.WEBSITES: {"url": "https://example.com/", "bucket": "docs"},
    paths.IMPORT_URL: {"url": "https://example.com/a.md", "bucket": "docs"},
}


def test_every_operation_that_adds_to_the_store_is_known() -> None:
    posts = {operation.path: operation for operation in OPERATIONS if operation.method == "POST"}
    assert {path for path, operation in posts.items() if operation.grows} == set(GROWING)
    # They finish what was accepted before, or keep a fixed number of rows.
    finishing = {paths.FINALIZE_UPLOAD_SESSION, paths.FINALIZE_BATCH, paths.SEARCH, paths.RESPONSES}
    assert set(posts) - set(GROWING) == finishing


async def test_on_a_disk_that_is_nearly_full_nothing_is_added_and_reading_and_removing_go_on(
    tmp_path: Path,
) -> None:
    async with in_process(options_for(tmp_path)) as api:
        file = await api.upload(b"# Lamp\n\nA steady light.")
        await api.settled(file["id"])
        before = (await api.get("/knowledge/buckets")).json()["buckets"]
    async with in_process(options_for(tmp_path, min_free_bytes=10**18)) as api:
        for path, body in GROWING.items():
            answer = await api.post(path, body)
            problem = answer.json()["error"]
            assert (answer.status_code, problem["code"]) == (507, "disk_nearly_full"), path
            assert problem["retryable"] is False
        assert (await api.get("/knowledge/buckets")).json()["buckets"] == before
        assert len((await api.get(paths.AGENT_MODELS)).json()["data"]) == 1
        asked = {"model": BASE_MODEL, "input": "How steady is the light?"}
        assert (await api.post(paths.RESPONSES, asked)).status_code == 200
        assert (await api.http.delete(f"{paths.SOURCES}/{file['id']}")).status_code == 200
    async with in_process(options_for(tmp_path, min_free_bytes=0)) as api:
        assert (await api.post(paths.BATCH_SESSIONS, BATCH)).status_code == 201


@pytest.mark.parametrize("size", [-(10**300), 0, 10**9, 10**300], ids=["negative", "empty", "large", "huge"])
async def test_a_size_that_no_file_may_have_is_refused_as_such_and_not_for_want_of_room(
    tmp_path: Path, size: int
) -> None:
    rest = shutil.disk_usage(tmp_path).free - 10**8
    async with in_process(options_for(tmp_path, min_free_bytes=rest)) as api:
        answer = await api.post(paths.UPLOAD_SESSIONS, {**DECLARED, "size_bytes": size})
        assert answer.status_code == (413 if size > 0 else 400)
        odd = {**BATCH["files"][0], "client_file_id": "odd", "size_bytes": size}
        item = {**BATCH["manifest"]["items"][0], "client_file_id": "odd"}
        manifest = {**BATCH["manifest"], "items": [*BATCH["manifest"]["items"], item]}
        answer = await api.post(paths.BATCH_SESSIONS, {"manifest": manifest, "files": [*BATCH["files"], odd]})
        assert answer.status_code == 201
        assert [problem["client_file_id"] for problem in answer.json()["rejected"]] == ["odd"]


async def test_uploads_that_had_room_one_by_one_are_refused_once_they_have_none_together(
    tmp_path: Path,
) -> None:
    async with (
        in_process(options_for(tmp_path)) as earlier,
        in_process(options_for(tmp_path, min_free_bytes=10**18)) as api,
    ):
        for data in (b"abc", b"a" * 1_000_000):
            address = (await earlier.session(data))["upload_url"]
            assert (await api.put(address, data)).status_code == 507
            assert (await api.put(address, Content_Range="bytes */*")).status_code == 308
            assert (await earlier.put(address, data)).status_code == 200


async def wait_for_the_lock(
    group: TaskGroup, api: Api, request: Coroutine[Any, Any, httpx2.Response], answers: list[int]
) -> None:
    """Send a request while the store is locked, up to where it waits; its status will be in `answers`."""

    async def run() -> None:
        answers.append((await request).status_code)

    group.start_soon(run)
    for _ in range(20):  # each is read after all that the request reads
        await api.get(paths.BUCKETS)


async def test_what_another_process_finalizes_meanwhile_is_not_cancelled_and_keeps_its_bytes(
    tmp_path: Path,
) -> None:
    data, answers = b"# Lamp\n\nA steady light.", list[int]()
    async with in_process(options_for(tmp_path)) as api:
        session = await api.session(data)
        session_id, blobs = session["session_id"], Blobs(tmp_path / BLOBS_FOLDER)
        async with anyio.create_task_group() as group:
            with closing(connect(tmp_path / STORE_FILE)) as other, transaction(other):
                await wait_for_the_lock(group, api, api.http.delete(session["upload_url"]), answers)
                with closing(blobs.open_partial(session_id, len(data))) as blob:
                    sessions.mark_uploaded(other, {session_id: blob.seal(data, {})})
                files.insert(other, *sessions.get_all(other, [session_id]).values(), now=1)
        assert answers == [400]
        file = (await api.finalize(session_id)).json()
        assert (await api.settled(file["id"]))["status"] == "active"


async def test_what_another_process_discards_meanwhile_is_not_finalized(tmp_path: Path) -> None:
    data, answers = b"# Lamp\n\nA steady light.", list[int]()
    async with in_process(options_for(tmp_path)) as api:
        session = await api.session(data)
        session_id, blobs = session["session_id"], Blobs(tmp_path / BLOBS_FOLDER)
        await api.put(session["upload_url"], data)
        async with anyio.create_task_group() as group:
            with closing(connect(tmp_path / STORE_FILE)) as other, transaction(other):
                await wait_for_the_lock(group, api, api.finalize(session_id), answers)
                blobs.discard(session_id)
        assert answers == [409]
        assert (await api.finalize(session_id)).status_code == 409
        await api.put(session["upload_url"], data)
        file = (await api.finalize(session_id)).json()
        assert (await api.settled(file["id"]))["status"] == "active"
