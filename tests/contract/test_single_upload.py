"""Single uploads from the create request to the search result (seed: single-file upload)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_backend import Api, in_process, options_for, tree

SESSIONS = "/knowledge/files/upload-session"
TEXT = b"# Refunds\n\nRefunds are paid within fourteen days.\n"


async def test_an_uploaded_file_becomes_searchable_through_its_bucket(api: Api) -> None:
    queued = await api.upload(
        TEXT,
        bucket="contracts",
        filename="refunds.md",
        title="Refund policy",
        tags=["legal", "customer"],
        metadata={"external_id": "crm_123"},
    )
    assert queued["status"] == "queued"
    assert queued["task"] == {"id": queued["task"]["id"], "type": "knowledge_indexing", "status": "queued"}
    file = await api.settled(queued["id"])
    assert (file["status"], file["bucketSyncStatus"]) == ("active", "active")
    assert file["bucketSync"] == [{"bucket_id": file["bucket_ids"][0], "status": "active"}]
    assert file["sha256"] == hashlib.sha256(TEXT).hexdigest()
    assert (file["title"], file["filename"], file["size_bytes"]) == ("Refund policy", "refunds.md", len(TEXT))
    assert (file["tags"], file["metadata"]) == (["legal", "customer"], {"external_id": "crm_123"})
    task = (await api.get(f"/knowledge/tasks/{queued['task']['id']}")).json()
    assert (task["object"], task["status"]) == ("knowledge_indexing_task", "indexed")
    assert task["knowledge_id"] == file["id"]
    (result,) = await api.searched("refunds", buckets=["contracts"])
    assert (result["file_id"], result["filename"]) == (file["id"], "refunds.md")
    assert result["attributes"]["bucket_ids"] == file["bucket_ids"]
    assert (result["attributes"]["line_start"], result["attributes"]["line_end"]) == (1, 3)


async def test_verify_is_accepted_because_the_store_is_the_ground_truth(api: Api) -> None:
    file = await api.upload(TEXT)
    answer = await api.get(f"/knowledge/files/{file['id']}", verify="gemini")
    assert answer.json()["id"] == file["id"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"bucket": None}, 400, "bucket_required"),
        ({"bucket": ""}, 400, "bucket_required"),
        ({"bucket": None, "bucket_ids": []}, 400, "bucket_required"),
        ({"bucket": "nowhere"}, 400, "bucket_assignment_failed"),
        ({"bucket_ids": ["bucket_none"], "create_missing_buckets": True}, 400, "bucket_assignment_failed"),
        ({"bucket_slugs": ["nowhere"]}, 400, "bucket_assignment_failed"),
        ({"bucket": "!!!", "create_missing_buckets": True}, 400, "bucket_assignment_failed"),
        ({"size_bytes": 26_214_401}, 413, "file_too_large"),
        ({"size_bytes": 0}, 400, "empty_file"),
        ({"size_bytes": -1}, 400, "empty_file"),
        ({"tags": ["t"] * 21}, 400, "too_many_tags"),
        ({"tags": ["t" * 1_001]}, 400, "invalid_tags"),
        ({"metadata": {"k": "é" * 4_096}}, 400, "metadata_too_large"),
        ({"filename": "  "}, 400, "invalid_filename"),
        ({"filename": "a\nb"}, 400, "invalid_filename"),
        ({"filename": "x" * 256}, 400, "invalid_filename"),
        ({"content_type": "text/x\n"}, 400, "invalid_content_type"),
        ({"filename": None}, 400, "invalid_request"),
        ({"metadata": ["no", "object"]}, 400, "invalid_request"),
    ],
)
async def test_an_upload_that_breaks_a_rule_is_refused_with_its_code(
    api: Api, change: dict[str, Any], status: int, code: str
) -> None:
    body = {"filename": "a.txt", "content_type": "text/plain", "size_bytes": 5, "bucket": "docs"}
    await api.post("/knowledge/buckets", {"name": "docs"})
    answer = await api.post(SESSIONS, {**body, **change})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert [bucket["slug"] for bucket in (await api.get("/knowledge/buckets")).json()["buckets"]] == ["docs"]


async def test_the_limits_themselves_are_accepted(api: Api) -> None:
    empty = len(b'{"k":""}')
    metadata = {"k": "x" * (8_192 - empty)}
    await api.session(b"x", tags=["t"] * 20, metadata=metadata, filename="f" * 255, size_bytes=26_214_400)


async def test_destinations_are_joined_and_missing_slugs_are_made(api: Api) -> None:
    first = (await api.post("/knowledge/buckets", {"name": "First"})).json()
    file = await api.upload(
        TEXT, bucket="Third Bucket", bucket_ids=[first["id"]], bucket_slugs=["second", "first"]
    )
    listed = {bucket["slug"]: bucket for bucket in (await api.get("/knowledge/buckets")).json()["buckets"]}
    assert set(listed) == {"first", "second", "third-bucket"}
    assert listed["third-bucket"]["name"] == "Third Bucket"
    assert set(file["bucket_ids"]) == {bucket["id"] for bucket in listed.values()}
    await api.settled(file["id"])
    for slug in listed:
        assert len(await api.searched("refunds", buckets=[slug])) == 1


async def test_a_replayed_create_answers_the_same_session_with_a_working_address(api: Api) -> None:
    body = {"filename": "a.md", "content_type": "text/markdown", "size_bytes": len(TEXT), "bucket": "docs"}
    body["create_missing_buckets"] = True
    first = await api.post(SESSIONS, body, Idempotency_Key="job-1")
    again = await api.post(SESSIONS, body, Idempotency_Key="job-1")
    assert again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["session_id"] == first.json()["session_id"]
    for answer in (first, again):
        assert (await api.put(answer.json()["upload_url"], TEXT)).status_code == 200
    file = (await api.finalize(first.json()["session_id"])).json()
    third = await api.post(SESSIONS, body, Idempotency_Key="job-1")
    assert (await api.put(third.json()["upload_url"], TEXT)).status_code == 200
    assert (await api.finalize(third.json()["session_id"])).json()["id"] == file["id"]
    (bucket,) = (await api.get("/knowledge/buckets")).json()["buckets"]
    assert bucket["fileIds"] == [file["id"]]


async def test_a_key_with_another_body_is_refused(api: Api) -> None:
    body = {"filename": "a.md", "size_bytes": 5, "bucket": "docs", "create_missing_buckets": True}
    await api.post(SESSIONS, body, Idempotency_Key="job-1")
    answer = await api.post(SESSIONS, {**body, "size_bytes": 6}, Idempotency_Key="job-1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_key_reused")


async def test_the_same_content_without_a_key_is_a_new_file(api: Api) -> None:
    first, second = await api.upload(TEXT), await api.upload(TEXT)
    assert first["id"] != second["id"]


async def test_finalize_before_the_bytes_says_so_and_works_afterwards(api: Api) -> None:
    session = await api.session(TEXT)
    early = await api.finalize(session["session_id"])
    assert (early.status_code, early.json()["error"]["code"]) == (409, "upload_incomplete")
    await api.put(session["upload_url"], TEXT)
    assert (await api.finalize(session["session_id"])).status_code == 201


async def test_finalize_again_answers_the_same_file_and_task(api: Api) -> None:
    session = await api.session(TEXT)
    await api.put(session["upload_url"], TEXT)
    first = (await api.finalize(session["session_id"])).json()
    again = await api.finalize(session["session_id"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.json()["id"], again.json()["task"]["id"]) == (first["id"], first["task"]["id"])


async def test_a_file_that_cannot_be_indexed_fails_with_a_reason(api: Api) -> None:
    file = await api.upload(b"%PDF-1.7 broken", filename="broken.pdf", content_type="application/pdf")
    failed = await api.settled(file["id"])
    assert (failed["status"], failed["bucketSyncStatus"]) == ("failed", "failed")
    assert failed["error"]["code"] == "broken"
    assert failed["error"]["message"]
    task = (await api.get(f"/knowledge/tasks/{file['task_id']}")).json()
    assert (task["status"], task["error"]) == ("failed", failed["error"])
    assert await api.searched("broken") == []


async def test_no_secret_is_kept_in_the_data_directory(tmp_path: Path) -> None:
    async with in_process(options_for(tmp_path / "data")) as api:
        session = await api.session(TEXT)
        await api.put(session["upload_url"], TEXT)
        await api.finalize(session["session_id"])
    secret = session["upload_url"].rpartition("/")[2].encode()
    stored = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert stored
    assert not [path for path in stored if secret in path.read_bytes()]


async def test_only_the_owner_may_look_into_the_data_directory(tmp_path: Path) -> None:
    async with in_process(options_for(tmp_path / "deep" / "data")):
        assert (tmp_path / "deep" / "data").stat().st_mode & 0o777 == 0o700


async def test_bytes_that_repeated_a_source_are_cleaned(tmp_path: Path) -> None:
    body = {"question": "Who?", "answer": "Me.", "bucket": "docs", "create_missing_buckets": True}
    async with in_process(options_for(tmp_path)) as api:
        assert (await api.post("/knowledge/qa", body)).status_code == 201
        kept = tree(tmp_path)
        assert (await api.post("/knowledge/qa", body)).status_code == 201
        assert len(tree(tmp_path)) == len(kept) + 1
    async with in_process(options_for(tmp_path)) as api:
        await api.until(lambda: api.get("/knowledge/buckets"), lambda _: tree(tmp_path) == kept)


async def test_expired_uploads_are_cleaned_and_can_start_over(tmp_path: Path) -> None:
    now = [4_000_000_000.0]
    options = options_for(tmp_path, clock=lambda: now[0], session_lifetime_s=60.0, orphan_lifetime_s=3_600.0)
    body = {"filename": "a.md", "size_bytes": len(TEXT), "bucket": "docs", "create_missing_buckets": True}
    async with in_process(options) as api:
        session = (await api.post(SESSIONS, body, Idempotency_Key="k")).json()
        await api.put(session["upload_url"], TEXT)
        assert len(tree(tmp_path)) == 1
        now[0] += 61.0
        assert (await api.put(session["upload_url"], TEXT)).status_code == 410
    now[0] += 4_000.0
    async with in_process(options) as api:
        await api.until(lambda: api.get("/knowledge/buckets"), lambda _: not tree(tmp_path))
        again = (await api.post(SESSIONS, body, Idempotency_Key="k")).json()
        assert again["session_id"] == session["session_id"]
        assert (await api.finalize(session["session_id"])).status_code == 409
        assert (await api.put(again["upload_url"], TEXT)).status_code == 200
        assert (await api.finalize(session["session_id"])).status_code == 201
