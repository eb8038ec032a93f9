"""Sources of a bucket: listed, read, relabelled, removed, and replaced by a new version."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import anyio
import pytest
from PIL import Image

from tests.support.live_backend import Api, tree
from tests.support.pdfs import text_pdf

SOURCES = "/knowledge/sources"
OLD = b"# Leave\n\nEvery employee has 27 days of annual leave.\n"
NEW = b"# Leave\n\nEvery employee has 31 days of annual leave.\n"


async def added(api: Api, data: bytes, bucket: str | None = "docs", **fields: Any) -> dict[str, Any]:
    """Upload `data` and wait until it is searchable."""
    queued = await api.upload(data, bucket=bucket, **fields)
    return await api.settled(queued["id"])


async def listed(api: Api, bucket: str = "docs", **asked: str) -> dict[str, Any]:
    answer = await api.get(SOURCES, bucket=bucket, **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def names(api: Api, bucket: str = "docs", **asked: str) -> list[str]:
    return [source["name"] for source in (await listed(api, bucket, **asked))["sources"]]


async def found(api: Api, query: str, bucket: str = "docs") -> list[int]:
    """Return the number of days of leave that each hit states; 0 where it states none."""
    results = await api.searched(query, buckets=[bucket])
    return [next((days for days in (27, 31) if f"{days} days" in result["text"]), 0) for result in results]


async def test_the_connection_announces_what_this_backend_adds(api: Api) -> None:
    answer = (await api.get("/connection")).json()
    assert {"sources", "read", "remove", "replace", "relabel"} <= set(answer["extensions"])


async def test_sources_are_listed_by_name_a_page_at_a_time(api: Api) -> None:
    for name in ("b.md", "A.md", "c.md", "a2.md"):
        await added(api, f"# {name}\n\nText of {name}.\n".encode(), filename=name)
    first = await listed(api, limit="3")
    assert [source["name"] for source in first["sources"]] == ["A.md", "a2.md", "b.md"]
    assert first["total"] == 4
    rest = await listed(api, limit="3", cursor=first["next_cursor"])
    assert [source["name"] for source in rest["sources"]] == ["c.md"]
    assert "next_cursor" not in rest
    source = rest["sources"][0]
    assert (source["kind"], source["status"], source["bucketSyncStatus"]) == ("file", "active", "active")
    assert source["size_bytes"] > 0


async def test_equal_names_fill_pages_without_a_loss(api: Api) -> None:
    ids = {(await added(api, f"Text {n}.\n".encode(), filename="same.md"))["id"] for n in range(5)}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await listed(api, limit="2", **cursor)
        seen += [source["id"] for source in page["sources"]]
        if "next_cursor" not in page:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(seen) == sorted(ids)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"query": "ÜBER"}, ["Überstunden.md"]),
        ({"query": "handbook"}, ["policy.md"]),
        ({"tag": "legal"}, ["policy.md"]),
        ({"tag": "leg"}, []),
        ({"kind": "file"}, ["policy.md", "Überstunden.md"]),
        ({"kind": "website"}, []),
        ({"state": "ready"}, ["policy.md", "Überstunden.md"]),
        ({"state": "failed"}, []),
        ({"state": "pending"}, []),
        ({"query": "policy", "tag": "legal", "state": "ready"}, ["policy.md"]),
        ({"query": "%"}, []),
    ],
)
async def test_a_listing_can_be_narrowed(api: Api, asked: dict[str, str], expected: list[str]) -> None:
    await added(api, OLD, filename="policy.md", title="Handbook", tags=["legal", "hr"])
    await added(api, b"Overtime is paid.\n", filename="Überstunden.md")
    page = await listed(api, **asked)
    assert [source["name"] for source in page["sources"]] == expected
    assert page["total"] == len(expected)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "invalid_request"),
        ({"bucket": "nowhere"}, "bucket_not_found"),
        ({"bucket": "docs", "state": "lost"}, "invalid_request"),
        ({"bucket": "docs", "limit": "0"}, "invalid_request"),
        ({"bucket": "docs", "limit": "1001"}, "invalid_request"),
        ({"bucket": "docs", "limit": "٣"}, "invalid_request"),
        ({"bucket": "docs", "cursor": "nonsense"}, "invalid_request"),
        ({"bucket": "docs", "cursor": "WzEsMl0"}, "invalid_request"),
        ({"bucket": "docs", "sort": "size", "cursor": "WyJhIiwiYiJd"}, "invalid_request"),
        ({"bucket": "docs", "cursor": "WyJcdWQ4MDAiLCJ4Il0"}, "invalid_request"),  # half a character
        ({"bucket": "docs", "sort": "size", "cursor": "WzFlMzAsIngiXQ"}, "invalid_request"),
        ({"bucket": "docs", "sort": "content"}, "invalid_request"),
        ({"bucket": "docs", "order": "down"}, "invalid_request"),
    ],
)
async def test_a_listing_says_what_is_wrong_with_the_question(
    api: Api, asked: dict[str, str], code: str
) -> None:
    await added(api, OLD)
    answer = await api.get(SOURCES, **asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["name", "size", "updated"])
async def test_sources_are_listed_in_any_order_without_a_loss(api: Api, sort: str, order: str) -> None:
    # Two of one size: the id decides, on one page and over several alike.
    for name, text in {"B.md": b"# Same\n", "a.md": b"# Long text\n", "c.md": b"# Sama\n"}.items():
        await added(api, text, filename=name)
    asked = {"sort": sort, "order": order}
    whole, *paged = [await _paged(api, limit, asked) for limit in ("3", "1", "2")]
    assert paged == [whole, whole]
    column = {"name": "name", "size": "size_bytes", "updated": "updated_at"}[sort]
    values = [str(source[column]).lower() if sort == "name" else source[column] for source in whole]
    assert len(values) == 3
    assert values == sorted(values, reverse=order == "desc")


async def _paged(api: Api, limit: str, asked: dict[str, str]) -> list[dict[str, Any]]:
    page = await listed(api, limit=limit, **asked)
    found = page["sources"]
    while page.get("next_cursor"):
        page = await listed(api, limit=limit, cursor=page["next_cursor"], **asked)
        found += page["sources"]
    return found


async def test_a_source_is_read_from_a_place_on(api: Api) -> None:
    sections = [f"## Part {n}\n\n" + f"Sentence of part {n}. " * 60 for n in range(1, 7)]
    file = await added(api, "\n\n".join(sections).encode(), filename="long.md")
    path = f"{SOURCES}/{file['id']}/text"
    whole = (await api.get(path, max_chars="100000")).json()
    total = whole["total_passages"]
    assert total >= 6
    assert [passage["index"] for passage in whole["passages"]] == list(range(total))
    assert "next" not in whole
    first = (await api.get(path, max_chars="1500")).json()
    assert first["passages"] == whole["passages"][: len(first["passages"])]
    going_on = (await api.get(path, passage=str(first["next"]), max_chars="1500")).json()
    assert going_on["passages"][0] == whole["passages"][first["next"]]
    line = whole["passages"][3]["attributes"]["line_start"]
    around = (await api.get(path, line=str(line), max_chars="1")).json()
    assert line <= around["passages"][0]["attributes"]["line_end"]
    assert len(around["passages"]) == 1
    beyond = (await api.get(path, line="999999")).json()
    assert beyond["passages"] == whole["passages"][-1:]
    assert (await api.get(path, passage="999999")).json()["passages"] == whole["passages"][-1:]


async def test_the_bytes_come_back_as_they_were_uploaded(api: Api) -> None:
    file = await added(api, OLD)
    answer = await api.get(f"{SOURCES}/{file['id']}/content")
    assert answer.content == OLD
    assert "attachment" in answer.headers["content-disposition"]


async def test_an_original_that_is_removed_meanwhile_arrives_whole_or_is_not_found(api: Api) -> None:
    original = b"<p>Short.</p><!--" + bytes(range(32, 96)) * 16_000 + b"-->"

    async def read(path: str) -> None:
        status = 200
        while status != 404:
            answer = await api.get(path)
            status = answer.status_code
            assert answer.content == original if status == 200 else status == 404, answer.text

    for _ in range(10):
        file = await added(api, original, filename="long.html", content_type="text/html")
        async with anyio.create_task_group() as readers:
            for _ in range(4):
                readers.start_soon(read, f"{SOURCES}/{file['id']}/content")
            await api.get(f"{SOURCES}/{file['id']}/content")
            await api.http.delete(f"{SOURCES}/{file['id']}")


async def test_parts_of_the_original_are_sent_as_asked(api: Api) -> None:
    file = await api.upload(OLD)
    path, size = f"{SOURCES}/{file['id']}/content", len(OLD)
    # However many there are: parts that overlap or adjoin are sent once.
    many = ",".join(["0-0,1-1"] * 4_000)
    for asked, status, part in (
        ("bytes=2-6", 206, OLD[2:7]),
        ("bytes=-5", 206, OLD[-5:]),
        (f"bytes=7-{10**30}", 206, OLD[7:]),
        (f"bytes={many},0-{size - 1}", 200, OLD),
        (f"bytes={size}-", 416, b""),
        ("bytes=6-2", 400, None),
        ("bytes=a-b", 400, None),
        ("lines=1-2", 400, None),
    ):
        answer = await api.http.get(path, headers={"Range": asked})
        assert answer.status_code == status, (asked[:40], answer.text)
        assert part is None or answer.content == part, asked[:40]
        assert "attachment" in answer.headers.get("content-disposition", "attachment")


async def test_a_page_of_a_pdf_is_drawn_within_bounds(api: Api) -> None:
    pdf = await added(api, text_pdf([["One"], ["Two"]]), filename="two.pdf")
    note = await added(api, OLD)
    answers = [await api.get(f"{SOURCES}/{pdf['id']}/pages/{page}/picture") for page in (1, 2, 1)]
    for answer in answers:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert answer.headers["x-content-type-options"] == "nosniff"
        with Image.open(BytesIO(answer.content)) as picture:
            picture.load()
            assert 600 < picture.width < picture.height < 1_400
    assert answers[0].content == answers[2].content != answers[1].content
    for path in (
        *(f"{pdf['id']}/pages/{page}/picture" for page in ("0", "3", "1e9", "-1", "9" * 40)),
        f"{note['id']}/pages/1/picture",
    ):
        refused = await api.get(f"{SOURCES}/{path}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "picture_missing"), path
    assert (await api.get(f"{SOURCES}/file_absent/pages/1/picture")).status_code == 404


async def test_a_removed_source_is_gone_everywhere(api: Api) -> None:
    file = await added(api, OLD)
    kept = await added(api, b"The canteen opens at eleven.\n", filename="canteen.md")
    answer = await api.http.delete(f"{SOURCES}/{file['id']}")
    assert (answer.status_code, answer.json()["name"]) == (200, "notes.md")
    assert await found(api, "annual leave") == []
    assert (await api.get(f"/knowledge/files/{file['id']}")).status_code == 404
    assert [s["id"] for s in (await listed(api))["sources"]] == [kept["id"]]
    [bucket] = (await api.get("/knowledge/buckets")).json()["buckets"]
    assert (bucket["memberCount"], bucket["fileIds"]) == (1, [kept["id"]])
    assert len(tree(api.options.data_dir)) == 1
    assert (await api.http.delete(f"{SOURCES}/{file['id']}")).status_code == 404


async def test_a_source_of_two_buckets_can_leave_one(api: Api) -> None:
    file = await added(api, OLD, bucket_slugs=["one", "two"], bucket=None)
    answer = await api.http.delete(f"{SOURCES}/{file['id']}", params={"bucket": "one"})
    assert answer.status_code == 200
    assert await found(api, "annual leave", "one") == []
    assert len(await found(api, "annual leave", "two")) == 1
    again = await api.http.delete(f"{SOURCES}/{file['id']}", params={"bucket": "one"})
    assert again.status_code == 404


async def test_a_new_version_takes_the_place_of_the_old_one(api: Api) -> None:
    old = await added(api, OLD, if_exists="replace")
    new = await added(api, NEW, if_exists="replace")
    assert await found(api, "annual leave") == [31]
    assert [source["id"] for source in (await listed(api))["sources"]] == [new["id"]]
    assert (await api.get(f"/knowledge/files/{old['id']}")).status_code == 404
    assert len(tree(api.options.data_dir)) == 1


async def test_a_new_version_keeps_the_labels_that_it_does_not_bring(api: Api) -> None:
    labels: dict[str, Any] = {"tags": ["hr"], "metadata": {"year": 2026}}
    await added(api, OLD, if_exists="replace", **labels)
    new = await added(api, NEW, if_exists="replace")
    kept = await api.get(f"/knowledge/files/{new['id']}")
    assert {name: kept.json()[name] for name in labels} == labels
    assert (await api.searched("annual leave", metadata={"year": 2026}, tags=["hr"])) != []
    own: dict[str, Any] = {"tags": ["people"], "metadata": {"year": 2027}}
    last = await added(api, OLD + b"And more.\n", if_exists="replace", **own)
    kept = await api.get(f"/knowledge/files/{last['id']}")
    assert {name: kept.json()[name] for name in labels} == own


async def test_a_replaced_file_names_its_successor_for_as_long_as_that_is_there(api: Api) -> None:
    replaced = [await added(api, data, if_exists="replace") for data in (OLD, NEW)]
    latest = await added(api, OLD + b"And more.\n", if_exists="replace")
    for file in replaced:
        for path in (f"/knowledge/files/{file['id']}", f"{SOURCES}/{file['id']}/text"):
            refused = await api.get(path)
            error = refused.json()["error"]
            assert (refused.status_code, error["code"]) == (404, "source_replaced")
            assert error["details"] == {"replaced_by": latest["id"]}
    await api.http.delete(f"{SOURCES}/{latest['id']}")
    for file in replaced:
        gone = await api.get(f"/knowledge/files/{file['id']}")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "file_not_found")


async def test_content_that_comes_back_replaces_its_successor(api: Api) -> None:
    for data in (OLD, NEW, OLD, NEW, OLD):
        await added(api, data, if_exists="replace")
        assert await found(api, "annual leave") == [27 if data == OLD else 31]


async def test_without_being_told_to_replace_both_versions_stay(api: Api) -> None:
    await added(api, OLD)
    await added(api, NEW)
    assert sorted(await found(api, "annual leave")) == [27, 31]


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ({"filename": "a.md"}, {"filename": "a.md"}, True),
        ({"filename": "a.md"}, {"filename": "b.md"}, False),
        ({"path": "x/a.md"}, {"path": "y/a.md"}, False),
        ({"path": "x/a.md"}, {"path": "x/a.md"}, True),
        ({"filename": "a.md", "metadata": {"external_id": "7"}},
         {"filename": "b.md", "metadata": {"external_id": "7"}}, True),
        ({"metadata": {"external_id": "7"}}, {"metadata": {"external_id": "8"}}, False),
        ({"metadata": {"external_id": 7}}, {"metadata": {"external_id": "7"}}, True),
        ({"bucket": "other"}, {}, False),
    ],
)  # fmt: skip
async def test_versions_are_told_by_their_identity(
    api: Api, first: dict[str, Any], second: dict[str, Any], is_same: bool
) -> None:
    await added(api, OLD, **{"bucket": "docs", **first}, if_exists="replace")
    await added(api, NEW, **{"bucket": "docs", **second}, if_exists="replace")
    everything = [source for bucket in ("docs", "other") for source in await _listed_or_none(api, bucket)]
    assert len(everything) == (1 if is_same else 2)


async def _listed_or_none(api: Api, bucket: str) -> list[dict[str, Any]]:
    answer = await api.get(SOURCES, bucket=bucket)
    return answer.json()["sources"] if answer.status_code == 200 else []


async def test_a_new_version_that_cannot_be_read_leaves_the_old_one(api: Api) -> None:
    await added(api, OLD, if_exists="replace")
    failed = await added(api, b"%PDF-1.7\nbroken", filename="notes.md", if_exists="replace")
    assert failed["status"] == "failed"
    assert await found(api, "annual leave") == [27]
    await added(api, NEW, if_exists="replace")
    assert await found(api, "annual leave") == [31]
    assert len((await listed(api))["sources"]) == 1


async def test_a_repeated_upload_after_a_removal_makes_the_source_again(api: Api) -> None:
    body = {"filename": "notes.md", "content_type": "text/markdown", "size_bytes": len(OLD),
            "bucket": "docs", "create_missing_buckets": True}  # fmt: skip
    ids: list[str] = []
    for _ in range(3):
        session = (await api.post("/knowledge/files/upload-session", body, Idempotency_Key="same")).json()
        await api.put(session["upload_url"], OLD)
        file = await api.settled((await api.finalize(session["session_id"])).json()["id"])
        ids.append(file["id"])
        assert len(await found(api, "annual leave")) == 1
        await api.http.delete(f"{SOURCES}/{file['id']}")
    assert len(set(ids)) == 3


async def test_what_belongs_to_an_extension_may_differ_in_a_repeated_request(api: Api) -> None:
    body = {"filename": "notes.md", "content_type": "text/markdown", "size_bytes": len(OLD),
            "bucket": "docs", "create_missing_buckets": True}  # fmt: skip
    first = await api.post("/knowledge/files/upload-session", body, Idempotency_Key="same")
    again = await api.post(
        "/knowledge/files/upload-session", {**body, "if_exists": "replace"}, Idempotency_Key="same"
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["session_id"] == again.json()["session_id"]


async def test_an_item_of_a_batch_says_that_its_source_was_removed(api: Api) -> None:
    manifest = {
        "batch_idempotency_key": "b1",
        "bucket": "docs",
        "create_missing_buckets": True,
        "items": [{"client_file_id": "a", "filename": "a.md"}],
    }
    files = [
        {"client_file_id": "a", "filename": "a.md", "content_type": "text/markdown", "size_bytes": len(OLD)}
    ]
    for _ in range(2):
        batch = (
            await api.post("/knowledge/files:batch/upload-session", {"manifest": manifest, "files": files})
        ).json()
        [accepted] = batch["accepted"]
        await api.put(accepted["upload_url"], OLD)
        path = f"/knowledge/files:batch/upload-session/{batch['batch_id']}/finalize"
        [item] = (await api.post(path, {"mode": "finalize_uploaded"})).json()["finalized"]
        await api.settled(item["knowledge_id"])
        assert len(await found(api, "annual leave")) == 1
        await api.http.delete(f"{SOURCES}/{item['knowledge_id']}")
        state = (await api.get(f"/knowledge/batches/{batch['batch_id']}", include_items="true")).json()
        assert state["items"][0]["status"] == "deleted"
        assert state["items"][0]["error"]["code"] == "source_removed"


async def test_labels_change_without_a_second_copy(api: Api) -> None:
    file = await added(api, OLD, title="Old title", tags=["a"])
    answer = await api.http.patch(f"{SOURCES}/{file['id']}", json={"title": "Vacation rules", "tags": ["b"]})
    assert answer.status_code == 200
    assert (answer.json()["title"], answer.json()["tags"]) == ("Vacation rules", ["b"])
    assert len(await found(api, "vacation rules")) == 1
    assert await found(api, "old title") == []
    assert await names(api, tag="b") == ["notes.md"]
    for labels, code in (
        ({"title": "x" * 1_001}, "title_too_long"),
        ({"tags": ["x" * 1_001]}, "invalid_tags"),
    ):
        refused = await api.http.patch(f"{SOURCES}/{file['id']}", json=labels)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)
    refused = await api.http.patch(f"{SOURCES}/{file['id']}", json={"tags": ["x"] * 21})
    assert refused.status_code == 400


@pytest.mark.parametrize("path", ["a\nb.md", "x/" * 3_000 + "a.md"])
async def test_a_path_that_nobody_could_read_is_refused(api: Api, path: str) -> None:
    body = {"filename": "a.md", "content_type": "text/markdown", "size_bytes": 1, "bucket": "docs",
            "create_missing_buckets": True, "path": path}  # fmt: skip
    answer = await api.post("/knowledge/files/upload-session", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_path")
    assert answer.json()["error"]["message"].startswith("path has at most 4096 characters")
