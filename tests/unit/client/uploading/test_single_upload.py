from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from blake3 import blake3

from calypso_mcp import errors
from calypso_mcp.client.transport.sources import BytesSource, DescriptorSource
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from tests.support.faulty_transport import API_KEY, FakeClock, problem, scripted_client

DATA = b"What the tests upload."
CONTENT_HASH = blake3(DATA).hexdigest()
UPLOAD = Upload(
    BytesSource(DATA), Declaration("notes.md", Destination(bucket="support"), tags=("a",), metadata={"id": 7})
)

CREATE = "POST /v1/knowledge/files/upload-session"
FINALIZE = "POST /v1/knowledge/files/upload-session/*"
PUT = "PUT /upload/*"
OK = httpx2.Response(200)


def session(number: int = 1, *, replayed: bool = False, address: int | None = None) -> httpx2.Response:
    """Return a created session; its address has the same number unless told otherwise."""
    body = {
        "session_id": f"s{number}",
        "upload_strategy": "gcs_resumable",
        "upload_url": f"https://storage.test/upload/secret{address or number}",
        "expires_at": "2026-06-08T21:00:00Z",
    }
    return httpx2.Response(201, json=body, headers={"Idempotency-Replayed": "true"} if replayed else {})


def file(number: int = 1, status: str = "queued", **fields: Any) -> dict[str, Any]:
    """Return what finalize answers."""
    return {"id": f"f{number}", "status": status, "task": {"id": f"t{number}", "status": "queued"}, **fields}


async def test_the_way_of_the_seed_is_three_requests() -> None:
    client, api = scripted_client({CREATE: [session()], PUT: [OK], FINALIZE: [file()]})
    acknowledged: list[int] = []
    async with client:
        uploaded = await client.uploads.upload(UPLOAD, on_progress=acknowledged.append)

    assert api.lines() == [CREATE, "PUT /upload/secret1", f"{CREATE}/s1/finalize"]
    assert api.json(0) == {
        "bucket": "support",
        "filename": "notes.md",
        "content_type": "text/markdown",
        "size_bytes": len(DATA),
        "tags": ["a"],
        "metadata": {"id": 7},
    }
    put = api.requests[1]
    assert put.headers["content-range"] == f"bytes 0-{len(DATA) - 1}/{len(DATA)}"
    assert "authorization" not in put.headers
    assert api.bodies[1:] == [DATA, b"{}"]
    assert (uploaded.file_id, uploaded.task_id, uploaded.is_replayed) == ("f1", "t1", False)
    assert (uploaded.content_hash, uploaded.size_bytes) == (CONTENT_HASH, len(DATA))
    assert acknowledged == [len(DATA)]


@pytest.mark.parametrize(
    "answer",
    [
        {"file_id": "f1", "task_id": "t1"},
        {"knowledge_id": "f1", "taskId": "t1"},
        {"knowledgeId": "f1", "knowledge_task_id": "t1", "ingestion_status": "queued"},
    ],
)
async def test_ids_are_read_in_every_spelling(answer: dict[str, Any]) -> None:
    client, _ = scripted_client({CREATE: [session()], PUT: [OK], FINALIZE: [answer]})
    async with client:
        uploaded = await client.uploads.upload(UPLOAD)

    assert (uploaded.file_id, uploaded.task_id) == ("f1", "t1")


async def test_the_same_content_has_the_same_key_whoever_sends_it() -> None:
    keys: list[str] = []
    for upload in (
        UPLOAD,
        UPLOAD,
        Upload(BytesSource(DATA), Declaration("other.md", Destination(bucket="support"))),
    ):
        client, api = scripted_client({CREATE: [session()], PUT: [OK], FINALIZE: [file()]})
        async with client:
            await client.uploads.upload(upload)
        keys.append(api.requests[0].headers["idempotency-key"])

    assert keys[0] == keys[1] != keys[2]


async def test_content_that_is_there_already_is_not_sent_again() -> None:
    client, api = scripted_client(
        {CREATE: [session(replayed=True)], PUT: [OK], FINALIZE: [file(status="active")]}
    )
    async with client:
        uploaded = await client.uploads.upload(UPLOAD)

    assert uploaded.is_replayed
    assert api.requests[1].headers["content-range"] == f"bytes */{len(DATA)}"
    assert DATA not in api.bodies


async def test_a_replayed_session_whose_bytes_are_missing_is_no_replay() -> None:
    client, api = scripted_client(
        {CREATE: [session(replayed=True)], PUT: [httpx2.Response(308), OK], FINALIZE: [file()]}
    )
    async with client:
        uploaded = await client.uploads.upload(UPLOAD)

    assert not uploaded.is_replayed
    assert DATA in api.bodies


@pytest.mark.parametrize("status", ["failed", "deleted", "error"])
async def test_a_replay_of_a_file_that_is_gone_is_uploaded_under_a_fresh_key(status: str) -> None:
    client, api = scripted_client(
        {
            CREATE: [session(1, replayed=True), session(2)],
            PUT: [OK],
            FINALIZE: [file(1, status), file(2)],
        }
    )
    async with client:
        uploaded = await client.uploads.upload(UPLOAD)

    creates = [request for request in api.requests if request.url.path.endswith("upload-session")]
    assert len({request.headers["idempotency-key"] for request in creates}) == 2
    assert (uploaded.file_id, uploaded.is_replayed) == ("f2", False)


async def test_content_that_comes_to_nothing_every_time_is_given_up() -> None:
    client, api = scripted_client({CREATE: [session()], PUT: [OK], FINALIZE: [file(1, "failed")]})
    async with client:
        with pytest.raises(errors.UploadError) as raised:
            await client.uploads.upload(UPLOAD)

    assert (raised.value.code, raised.value.retryable) == ("upload_came_to_nothing", False)
    assert api.lines().count(CREATE) == 8


@pytest.mark.parametrize("addresses", [[1], [1, 2, 3, 4]], ids=["the same address again", "other addresses"])
async def test_a_storage_that_knows_no_address_is_given_up_soon(addresses: list[int]) -> None:
    client, api = scripted_client(
        {
            CREATE: [session(1, address=address) for address in addresses],
            PUT: [httpx2.Response(410)],
            FINALIZE: [problem(409, "upload_incomplete")],
        }
    )
    async with client:
        with pytest.raises(errors.SessionExpired, match="had just issued") as raised:
            await client.uploads.upload(UPLOAD)

    assert not raised.value.retryable
    assert raised.value.hint
    assert api.lines().count(CREATE) <= 3


async def test_addresses_that_died_long_ago_keep_no_new_one_from_being_used() -> None:
    old = [session(number, replayed=True) for number in range(3) for _ in range(2)]
    client, _ = scripted_client(
        {
            CREATE: [*old, session(9, address=9)],
            PUT: [*[httpx2.Response(410)] * 3, OK],
            FINALIZE: [*[problem(409, "upload_incomplete")] * 3, file()],
        }
    )
    async with client:
        assert (await client.uploads.upload(UPLOAD)).outcome == "accepted"


async def test_an_expired_address_is_replaced_under_the_same_key() -> None:
    client, api = scripted_client(
        {CREATE: [session(1), session(1, address=2)], PUT: [httpx2.Response(410), OK], FINALIZE: [file()]}
    )
    async with client:
        await client.uploads.upload(UPLOAD)

    creates = [request for request in api.requests if request.url.path.endswith("upload-session")]
    assert len({request.headers["idempotency-key"] for request in creates}) == 1
    assert [line for line in api.lines() if line.startswith("PUT")] == [
        "PUT /upload/secret1",
        "PUT /upload/secret2",
    ]


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("addresses", [[1, 2], [1, 1, 2]], ids=["under the same key", "under another key"])
async def test_a_session_that_finalize_does_not_know_is_replaced(status: int, addresses: list[int]) -> None:
    client, api = scripted_client(
        {
            CREATE: [session(number) for number in addresses],
            PUT: [OK],
            FINALIZE: [*[problem(status, "session_not_found")] * (len(addresses) - 1), file(2)],
        }
    )
    async with client:
        uploaded = await client.uploads.upload(UPLOAD)

    assert (uploaded.file_id, uploaded.outcome) == ("f2", "accepted")
    assert api.bodies.count(DATA) == 2
    assert api.lines().count(CREATE) == len(addresses)


async def test_an_address_that_died_after_its_file_was_made_leads_to_that_file() -> None:
    client, api = scripted_client(
        {
            CREATE: [session(1, replayed=True)],
            PUT: [httpx2.Response(404)],
            FINALIZE: [file(1, "active")],
        }
    )
    async with client:
        uploaded = await client.uploads.upload(UPLOAD)

    assert (uploaded.file_id, uploaded.is_replayed) == ("f1", True)
    assert DATA not in api.bodies


async def test_a_key_that_leads_to_a_dead_address_only_is_replaced() -> None:
    client, api = scripted_client(
        {
            CREATE: [session(1), session(1), session(2)],
            PUT: [httpx2.Response(404), OK],
            FINALIZE: [problem(409, "upload_incomplete"), file(2)],
        }
    )
    async with client:
        uploaded = await client.uploads.upload(UPLOAD)

    creates = [request for request in api.requests if request.url.path.endswith("upload-session")]
    keys = [request.headers["idempotency-key"] for request in creates]
    assert keys[0] == keys[1] != keys[2]
    assert (uploaded.file_id, uploaded.is_replayed) == ("f2", False)


async def test_a_key_that_came_with_other_content_is_replaced() -> None:
    client, _ = scripted_client(
        {CREATE: [problem(409, "idempotency_key_reused"), session(2)], PUT: [OK], FINALIZE: [file(2)]}
    )
    async with client:
        assert (await client.uploads.upload(UPLOAD)).file_id == "f2"


async def test_another_hash_than_what_was_sent_is_noticed() -> None:
    client, _ = scripted_client({CREATE: [session()], PUT: [OK], FINALIZE: [file(sha256="0" * 64)]})
    async with client:
        with pytest.raises(errors.UploadCorrupted) as raised:
            await client.uploads.upload(UPLOAD)

    assert raised.value.ids == {"file_id": "f1"}


async def test_a_file_written_to_after_it_was_sent_is_no_corrupted_upload(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(DATA)
    source = DescriptorSource(os.open(path, os.O_RDONLY), len(DATA))
    sent = file(sha256=hashlib.sha256(DATA).hexdigest())
    client, _ = scripted_client({CREATE: [session()], PUT: [OK], FINALIZE: [sent]})
    try:
        async with client:
            uploaded = await client.uploads.upload(
                replace(UPLOAD, source=source),
                on_progress=lambda _: os.truncate(path, 3),
            )
    finally:
        source.close()

    assert uploaded.file_id == "f1"


@pytest.mark.parametrize(
    ("upload", "code"),
    [
        (Upload(BytesSource(b""), Declaration("a.md", Destination(bucket="b"))), "empty_file"),
        (Upload(BytesSource(DATA), Declaration("a.md", Destination())), "bucket_required"),
        (
            Upload(BytesSource(DATA), Declaration("a.md", Destination(create_missing_buckets=True))),
            "bucket_required",
        ),
        (
            Upload(BytesSource(DATA), Declaration("a.md", Destination(bucket="b"), tags=("t",) * 21)),
            "too_many_tags",
        ),
        (Upload(BytesSource(DATA), Declaration("a/b.md", Destination(bucket="b"))), "invalid_filename"),
    ],
)
async def test_bad_input_is_refused_before_anything_is_sent(upload: Upload, code: str) -> None:
    client, api = scripted_client({})
    async with client:
        with pytest.raises(errors.InputError) as raised:
            await client.uploads.upload(upload)

    assert raised.value.code == code
    assert raised.value.hint
    assert api.requests == []


async def test_a_failed_finalize_names_the_session_and_what_to_do() -> None:
    client, api = scripted_client(
        {CREATE: [session()], PUT: [OK], FINALIZE: [problem(503)]}, clock=FakeClock()
    )
    async with client:
        with pytest.raises(errors.ServerError) as raised:
            await client.uploads.upload(UPLOAD)

    assert raised.value.ids == {"session_id": "s1"}
    assert "same call again" in raised.value.hint
    assert [line for line in api.lines() if line.startswith("PUT")] == ["PUT /upload/secret1"]


async def test_a_refused_finalize_does_not_ask_for_the_same_call_again() -> None:
    client, api = scripted_client(
        {CREATE: [session()], PUT: [OK], FINALIZE: [problem(404, "session_not_found")]}
    )
    async with client:
        with pytest.raises(errors.NotFound) as raised:
            await client.uploads.upload(UPLOAD)

    assert api.bodies.count(DATA) == 2
    assert raised.value.ids == {"session_id": "s1"}
    assert "again" not in raised.value.hint


@pytest.mark.parametrize(
    "scripts",
    [
        {CREATE: [problem(400, "bucket_required")]},
        {CREATE: [session()], PUT: [problem(403)]},
        {CREATE: [session()], PUT: [httpx2.Response(400, text="https://storage.test/upload/secret1")]},
        {CREATE: [session()], PUT: [httpx2.ConnectError("https://storage.test/upload/secret1")]},
        {CREATE: [session()], PUT: [OK], FINALIZE: [httpx2.Response(200, text="secret1")]},
        {CREATE: [{"session_id": 1, "upload_url": "https://storage.test/upload/secret1"}]},
        {CREATE: [{"session_id": "s", "upload_url": "http://storage.test/upload/secret1"}]},
    ],
)
async def test_no_error_shows_the_key_or_the_upload_address(scripts: dict[str, Any]) -> None:
    client, _ = scripted_client(scripts)
    async with client:
        with pytest.raises(errors.CalypsoError) as raised:
            await client.uploads.upload(UPLOAD)

    error = raised.value
    shown = f"{error} {error!r} {error.hint} {error.ids} {error.__cause__!r}"
    assert "secret1" not in shown
    assert API_KEY not in shown
