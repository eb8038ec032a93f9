"""`/knowledge/buckets` and `/connection`."""

from __future__ import annotations

import pytest

from tests.support.live_backend import Api


async def test_a_new_team_has_no_buckets(api: Api) -> None:
    answer = await api.get("/knowledge/buckets")
    assert answer.status_code == 200
    assert answer.json()["buckets"] == []
    assert answer.json()["team_id"] == "team_local"


async def test_the_connection_check_names_the_team(api: Api) -> None:
    answer = await api.get("/connection")
    assert (answer.status_code, answer.json()["team_id"]) == (200, "team_local")


async def test_every_answer_carries_its_request_id_in_body_and_header(api: Api) -> None:
    good = await api.get("/connection")
    bad = await api.get("/knowledge/files/file_none")
    for answer in (good, bad):
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
        assert answer.json()["request_id"].startswith("req_")
    assert good.json()["request_id"] != bad.json()["request_id"]


async def test_creating_a_bucket_answers_201_and_lists_it(api: Api) -> None:
    answer = await api.post("/knowledge/buckets", {"name": "Support Handbook", "description": "Help"})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["slug"], made["status"], made["memberCount"]) == ("support-handbook", "active", 0)
    (listed,) = (await api.get("/knowledge/buckets")).json()["buckets"]
    assert listed["id"] == made["id"]
    assert listed["description"] == "Help"
    assert listed["bucketStore"]["status"] == "active"


@pytest.mark.parametrize(
    ("name", "slug", "expected"),
    [
        ("Café  Menü", None, "cafe-menu"),
        ("x", "My Slug!", "my-slug"),
        ("A--B__C", None, "a-b-c"),
        ("n" * 120, None, "n" * 63),
    ],
)
async def test_slugs_are_normalised(api: Api, name: str, slug: str | None, expected: str) -> None:
    answer = await api.post("/knowledge/buckets", {"name": name, "slug": slug})
    assert answer.json()["slug"] == expected


async def test_a_name_without_ascii_letters_gets_a_stable_slug(api: Api) -> None:
    first = await api.post("/knowledge/buckets", {"name": "日本語"})
    assert first.json()["slug"].startswith("bucket-")
    second = await api.post("/knowledge/buckets", {"name": "日本語"})
    assert second.json()["error"]["code"] == "bucket_slug_exists"


async def test_a_slug_that_exists_is_a_conflict(api: Api) -> None:
    await api.post("/knowledge/buckets", {"name": "Docs"})
    answer = await api.post("/knowledge/buckets", {"name": "docs"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "bucket_slug_exists")


async def test_the_same_key_and_body_answers_the_same_bucket(api: Api) -> None:
    first = await api.post("/knowledge/buckets", {"name": "Docs"}, Idempotency_Key="k1")
    again = await api.post("/knowledge/buckets", {"name": "Docs"}, Idempotency_Key="k1")
    assert again.status_code == 201
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


async def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    await api.post("/knowledge/buckets", {"name": "Docs"}, Idempotency_Key="k1")
    answer = await api.post("/knowledge/buckets", {"name": "Other"}, Idempotency_Key="k1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_key_reused")


async def test_counts_follow_the_files_of_a_bucket(api: Api) -> None:
    good = await api.upload(b"# Zebra\n\nStripes.", bucket="zoo")
    bad = await api.upload(b"   \n", bucket="zoo", filename="blank.txt", content_type="text/plain")
    await api.settled(good["id"])
    await api.settled(bad["id"])
    (bucket,) = (await api.get("/knowledge/buckets")).json()["buckets"]
    assert bucket["counts"] == {"file": 2, "website": 0, "qa": 0, "retrievable": 1}
    assert (bucket["memberCount"], bucket["fileCount"], bucket["retrievableFileCount"]) == (2, 2, 1)
    assert set(bucket["fileIds"]) == {good["id"], bad["id"]}
    assert bucket["fileIds"] == bucket["fileKnowledgeIds"] == bucket["knowledgeIds"]
    store = bucket["bucketStore"]
    assert (store["status"], store["indexed_member_count"], store["pending_member_count"]) == ("active", 1, 0)
    assert store["last_error"]
