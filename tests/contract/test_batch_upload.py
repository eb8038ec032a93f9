"""Batches from the create request to the status of each item (seed: batch upload)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.live_backend import Api

BATCHES = "/knowledge/files:batch/upload-session"


def batch(*names: str, key: str = "local-batch-001", size_bytes: int = 5, **manifest: Any) -> dict[str, Any]:
    """Return a create request for text files called `names`."""
    shared = manifest or {"bucket": "rag1", "create_missing_buckets": True}
    items = [{"client_file_id": name, "filename": f"{name}.txt", "title": name.title()} for name in names]
    files = [
        {
            "client_file_id": name,
            "filename": f"{name}.txt",
            "content_type": "text/plain",
            "size_bytes": size_bytes,
        }
        for name in names
    ]
    manifest = {"version": 1, "batch_idempotency_key": key, **shared, "items": items}
    return {"manifest": manifest, "files": files}


def by_id(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["client_file_id"]: entry for entry in entries}


async def create(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    answer = await api.post(BATCHES, body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def finalize(api: Api, batch_id: str) -> dict[str, Any]:
    answer = await api.post(f"{BATCHES}/{batch_id}/finalize", {"mode": "finalize_uploaded"})
    assert answer.status_code == 202, answer.text
    return answer.json()


async def put(api: Api, created: dict[str, Any], *names: str, data: bytes = b"zebra") -> None:
    for name in names:
        stored = await api.put(by_id(created["accepted"])[name]["upload_url"], data)
        assert stored.status_code == 200


async def status(api: Api, batch_id: str) -> dict[str, Any]:
    return (await api.get(f"/knowledge/batches/{batch_id}", include_items="true")).json()


async def test_a_batch_goes_from_accepted_to_active(api: Api) -> None:
    created = await create(api, batch("one", "two"))
    assert created["upload_strategy"] == "gcs_resumable"
    assert created["rejected"] == []
    assert [entry["client_file_id"] for entry in created["accepted"]] == ["one", "two"]
    before = await status(api, created["batch_id"])
    assert (before["status"], before["total"], before["accepted"]) == ("accepted", 2, 2)
    assert {item["status"] for item in before["items"]} == {"pending"}
    await put(api, created, "one", "two")
    done = await finalize(api, created["batch_id"])
    assert (done["status"], len(done["finalized"])) == ("finalized", 2)
    assert done["pending"] == done["failed"] == done["replayed"] == []
    after = await api.until(
        lambda: api.get(f"/knowledge/batches/{created['batch_id']}", include_items="true"),
        lambda body: body["status"] == "active",
    )
    assert (after["active"], after["failed"], after["queued"]) == (2, 0, 0)
    finalized = by_id(done["finalized"])
    for item in after["items"]:
        assert item["bucketSyncStatus"] == "active"
        assert item["knowledgeId"] == finalized[item["client_file_id"]]["knowledge_id"] == item["file"]["id"]
        assert item["taskId"] == finalized[item["client_file_id"]]["task_id"]
    # Both hold the same text, so it is found once, with its copy.
    [found] = await api.searched("zebra", buckets=["rag1"])
    [copy] = found["attributes"]["also_in"]
    assert {found["file_id"], copy["file_id"]} == {entry["knowledge_id"] for entry in done["finalized"]}


async def test_a_batch_without_items_asked_for_lists_none(api: Api) -> None:
    created = await create(api, batch("one"))
    answer = await api.get(f"/knowledge/batches/{created['batch_id']}")
    assert "items" not in answer.json()
    assert answer.json()["object"] == "knowledge_batch"


async def test_missing_uploads_stay_pending_and_finalize_later(api: Api) -> None:
    created = await create(api, batch("one", "two", "three"))
    await put(api, created, "one")
    first = await finalize(api, created["batch_id"])
    assert set(by_id(first["finalized"])) == {"one"}
    assert set(by_id(first["pending"])) == {"two", "three"}
    assert by_id(first["pending"])["two"]["code"] == "upload_missing"
    await put(api, created, "two")
    second = await finalize(api, created["batch_id"])
    assert set(by_id(second["finalized"])) == {"two"}
    assert set(by_id(second["replayed"])) == {"one"}
    assert by_id(second["replayed"])["one"] == by_id(first["finalized"])["one"]
    await put(api, created, "three")
    await finalize(api, created["batch_id"])
    third = await finalize(api, created["batch_id"])
    assert (len(third["replayed"]), third["finalized"], third["pending"]) == (3, [], [])
    (bucket,) = (await api.get("/knowledge/buckets")).json()["buckets"]
    assert len(bucket["fileIds"]) == 3


async def test_items_tell_their_buckets_before_finalize(api: Api) -> None:
    created = await create(api, batch("one"))
    (bucket,) = (await api.get("/knowledge/buckets")).json()["buckets"]
    (item,) = (await status(api, created["batch_id"]))["items"]
    assert item["bucketSyncStatus"] == "pending"
    assert item["bucketSync"] == [{"bucket_id": bucket["id"], "status": "pending"}]


async def test_the_same_key_and_content_continues_the_same_batch(api: Api) -> None:
    first = await create(api, batch("one", "two"))
    await put(api, first, "one")
    done = await finalize(api, first["batch_id"])
    answer = await api.post(BATCHES, batch("one", "two"))
    again = answer.json()
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert again["batch_id"] == first["batch_id"]
    sessions = {name: entry["session_id"] for name, entry in by_id(first["accepted"]).items()}
    assert {name: entry["session_id"] for name, entry in by_id(again["accepted"]).items()} == sessions
    await put(api, again, "one", "two")
    second = await finalize(api, first["batch_id"])
    assert by_id(second["replayed"])["one"] == by_id(done["finalized"])["one"]
    assert set(by_id(second["finalized"])) == {"two"}


async def test_the_same_key_with_other_content_is_refused(api: Api) -> None:
    await create(api, batch("one"))
    answer = await api.post(BATCHES, batch("one", "two"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_key_reused")


async def test_an_item_destination_replaces_the_shared_one(api: Api) -> None:
    body = batch("shared", "own", bucket="rag1", create_missing_buckets=True)
    body["manifest"]["items"][1]["bucket_slugs"] = ["elsewhere"]
    created = await create(api, body)
    slugs = {
        bucket["id"]: bucket["slug"] for bucket in (await api.get("/knowledge/buckets")).json()["buckets"]
    }
    items = by_id((await status(api, created["batch_id"]))["items"])
    where = {
        name: [slugs[entry["bucket_id"]] for entry in item["bucketSync"]] for name, item in items.items()
    }
    assert where == {"shared": ["rag1"], "own": ["elsewhere"]}


async def test_without_a_shared_destination_every_item_needs_its_own(api: Api) -> None:
    body = batch("one", "two", create_missing_buckets=True)
    body["manifest"]["items"][0]["bucket"] = "rag1"
    answer = await api.post(BATCHES, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bucket_required")
    assert answer.json()["error"]["details"] == {"client_file_ids": ["two"]}
    body["manifest"]["items"][1]["bucket"] = "rag2"
    assert len((await create(api, body))["accepted"]) == 2


async def test_one_bad_item_is_rejected_and_the_others_are_not(api: Api) -> None:
    names = ("good", "large", "empty", "tagged", "heavy", "lost")
    body = batch(*names)
    body["files"][1]["size_bytes"] = 26_214_401
    body["files"][2]["size_bytes"] = 0
    body["manifest"]["items"][3]["tags"] = ["t"] * 21
    body["manifest"]["items"][4]["metadata"] = {"k": "x" * 9_000}
    body["manifest"]["items"][5] |= {"bucket": "nowhere", "create_missing_buckets": False}
    created = await create(api, body)
    assert [entry["client_file_id"] for entry in created["accepted"]] == ["good"]
    assert {name: entry["code"] for name, entry in by_id(created["rejected"]).items()} == {
        "large": "file_too_large",
        "empty": "empty_file",
        "tagged": "too_many_tags",
        "heavy": "metadata_too_large",
        "lost": "bucket_assignment_failed",
    }
    assert all(entry["message"] and entry["error"]["code"] == entry["code"] for entry in created["rejected"])
    listed = await status(api, created["batch_id"])
    assert (listed["total"], listed["accepted"], listed["rejected"]) == (6, 1, 5)
    items = by_id(listed["items"])
    assert (items["large"]["status"], items["large"]["error"]["code"]) == ("failed", "file_too_large")
    assert items["good"]["status"] == "pending"


async def test_a_rejected_item_is_judged_again_when_its_bucket_exists(api: Api) -> None:
    body = batch("one", "two")
    body["manifest"]["items"][1] |= {"bucket": "later", "create_missing_buckets": False}
    first = await create(api, body)
    assert set(by_id(first["rejected"])) == {"two"}
    await api.post("/knowledge/buckets", {"name": "Later"})
    again = await create(api, body)
    assert (set(by_id(again["accepted"])), again["rejected"]) == ({"one", "two"}, [])


async def test_a_batch_that_accepts_nothing_has_failed(api: Api) -> None:
    created = await create(api, batch("one", size_bytes=0))
    assert created["accepted"] == []
    assert (await status(api, created["batch_id"]))["status"] == "failed"


def _repeated(body: dict[str, Any]) -> None:
    body["manifest"]["items"][1]["client_file_id"] = "one"


def _unmatched(body: dict[str, Any]) -> None:
    body["files"].pop()


def _renamed(body: dict[str, Any]) -> None:
    body["files"][0]["filename"] = "other.txt"


def _reserved(body: dict[str, Any]) -> None:
    body["manifest"]["items"][0]["client_file_id"] = body["files"][0]["client_file_id"] = "__one"


def _odd_letter(body: dict[str, Any]) -> None:
    body["manifest"]["items"][0]["client_file_id"] = body["files"][0]["client_file_id"] = "a/b"


def _empty(body: dict[str, Any]) -> None:
    body["manifest"]["items"] = body["files"] = []


def _version_two(body: dict[str, Any]) -> None:
    body["manifest"]["version"] = 2


def _no_key(body: dict[str, Any]) -> None:
    del body["manifest"]["batch_idempotency_key"]


def _unknown_bucket(body: dict[str, Any]) -> None:
    body["manifest"]["create_missing_buckets"] = False


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (_repeated, "duplicate_client_file_id"),
        (_unmatched, "missing_file_parts"),
        (_renamed, "missing_file_parts"),
        (_reserved, "invalid_client_file_id"),
        (_odd_letter, "invalid_client_file_id"),
        (_empty, "empty_batch"),
        (_version_two, "invalid_request"),
        (_no_key, "invalid_request"),
        (_unknown_bucket, "bucket_assignment_failed"),
    ],
)
async def test_a_malformed_batch_is_refused_as_a_whole(api: Api, damage: Any, code: str) -> None:
    body = batch("one", "two")
    damage(body)
    answer = await api.post(BATCHES, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert (await api.get("/knowledge/buckets")).json()["buckets"] == []


async def test_a_hundred_files_are_a_batch_and_one_more_is_too_many(api: Api) -> None:
    names = [f"f{number}" for number in range(101)]
    answer = await api.post(BATCHES, batch(*names))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "batch_too_large")
    assert len((await create(api, batch(*names[:100])))["accepted"]) == 100


async def test_finalize_knows_only_its_documented_mode(api: Api) -> None:
    created = await create(api, batch("one"))
    answer = await api.post(f"{BATCHES}/{created['batch_id']}/finalize", {"mode": "everything"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


async def test_a_cancelled_item_is_failed_until_it_is_created_again(api: Api) -> None:
    created = await create(api, batch("one", "two"))
    address = by_id(created["accepted"])["one"]["upload_url"]
    assert (await api.http.delete(address)).status_code == 499
    await put(api, created, "two")
    done = await finalize(api, created["batch_id"])
    assert (set(by_id(done["failed"])), set(by_id(done["finalized"]))) == ({"one"}, {"two"})
    again = await create(api, batch("one", "two"))
    await put(api, again, "one")
    assert set(by_id((await finalize(api, created["batch_id"]))["finalized"])) == {"one"}


async def test_a_batch_with_an_unreadable_file_is_partially_failed_when_settled(api: Api) -> None:
    created = await create(api, batch("good", "blank", size_bytes=5))
    await put(api, created, "good")
    await put(api, created, "blank", data=b"     ")
    await finalize(api, created["batch_id"])
    settled = await api.until(
        lambda: api.get(f"/knowledge/batches/{created['batch_id']}", include_items="true"),
        lambda body: body["active"] + body["failed"] == 2,
    )
    assert settled["status"] == "partially_failed"
    assert by_id(settled["items"])["blank"]["error"]["code"] == "empty"
    assert by_id(settled["items"])["good"]["status"] == "active"
