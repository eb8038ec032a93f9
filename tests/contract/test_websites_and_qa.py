"""Web pages, imported files, and questions with answers: read in, counted, found, refreshed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_backend import Api, in_process, options_for, over_socket, tree
from tests.support.web_site import PUBLIC, NameServer, Site, Wire, name_server, page, policy, site

WEBSITES, IMPORT, QA = "/knowledge/websites", "/knowledge/files/import-url", "/knowledge/qa"
URL = "http://help.test/guide/returns"
PAGE = """<!doctype html><html lang="en"><head><title>Returns | Shop</title>
<meta name="description" content="How to send things back."></head><body>
<header><a href="/">Shop</a><a href="/basket">Basket gizmo</a></header>
<nav><ul><li>Offers gizmo</li></ul></nav><div class="banner">We value your cookies gizmo.</div>
<h1>Returns</h1><main><h2>Deadline</h2><p>Send it back within {days} days of delivery.</p>
<h2>Costs</h2><p>The label costs four euros.</p></main>
<div>Newsletter gizmo</div><footer>Imprint gizmo</footer></body></html>"""


@dataclass
class World:
    api: Api
    site: Site
    wire: Wire

    async def add(self, path: str = WEBSITES, key: str = "", **body: Any) -> dict[str, Any]:
        answer = await self.ask(path, key, **body)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        await self.api.settled(made["knowledge_id"])
        return {**made, "replayed": answer.headers.get("idempotency-replayed")}

    async def ask(self, path: str = WEBSITES, key: str = "", **body: Any) -> Any:
        fields = {"bucket": "docs", "create_missing_buckets": True, **body}
        return await self.api.post(path, fields, **({"Idempotency_Key": key} if key else {}))

    async def counts(self) -> dict[str, int]:
        [bucket] = (await self.api.get("/knowledge/buckets")).json()["buckets"]
        return {**bucket["counts"], "members": bucket["memberCount"]}

    async def texts(self, query: str) -> str:
        return "\n".join(hit["text"] for hit in await self.api.searched(query, buckets=["docs"]))


@pytest.fixture(scope="module")
def names() -> Generator[NameServer]:
    with name_server({"help.test": [[PUBLIC]], "inside.test": [["10.0.0.1"]]}) as server:
        yield server


@pytest.fixture(params=[in_process, over_socket], ids=["in process", "socket"])
async def world(request: pytest.FixtureRequest, tmp_path: Path, names: NameServer) -> AsyncGenerator[World]:
    pages = {
        "/guide/returns": page(PAGE.format(days=30)),
        "/prices.csv": page("plan,price\nteam,49\n", kind="text/csv"),
        "/film": page(b"\0\0\0\x18ftypmp42" + bytes(50), kind="video/mp4"),
        "/empty": page(""),
    }
    async with site(pages) as served:
        wire = Wire(served.port)
        options = options_for(tmp_path / "data", web=policy(wire, names))
        async with request.param(options) as api:
            yield World(api, served, wire)


async def test_a_page_becomes_a_member_of_its_own_kind(world: World) -> None:
    made = await world.add(url="HTTP://HELP.test:80/guide/./returns#deadline", tags_hint="shop, returns")
    assert made["object"] == "knowledge_website"
    assert (made["url"], made["title"]) == (URL, "Returns | Shop")
    assert (made["tags"], made["summary"]) == (["shop", "returns"], "How to send things back.")
    assert made["ingestion_status"] == "queued"
    assert made["team_id"] == "team_local"
    assert len(made["bucket_assignment"]["assigned"]) == 1
    assert await world.counts() == {"file": 0, "website": 1, "qa": 0, "retrievable": 1, "members": 1}
    file = (await world.api.get(f"/knowledge/files/{made['knowledge_id']}")).json()
    assert file["metadata"]["url"] == URL
    [source] = (await world.api.get("/knowledge/sources", bucket="docs", kind="website")).json()["sources"]
    assert source["name"] == URL


async def test_only_the_main_content_is_kept_with_its_headings(world: World) -> None:
    made = await world.add(url=URL)
    [hit] = await world.api.searched("deadline to send it back", buckets=["docs"])
    assert "within 30 days" in hit["text"]
    assert "gizmo" not in await world.texts("gizmo")
    text = (await world.api.get(f"/knowledge/sources/{made['knowledge_id']}/text")).json()
    whole = "\n".join(passage["text"] for passage in text["passages"])
    assert "gizmo" not in whole
    assert [word in whole for word in ("Returns", "Deadline", "Costs", "four euros")] == [True] * 4


async def test_reading_a_page_again_replaces_what_it_said(world: World) -> None:
    first = await world.add(url=URL)
    world.site.pages["/guide/returns"] = page(PAGE.format(days=14))
    second = await world.add(url="http://help.test/guide/./returns#x", if_exists="replace")
    assert second["knowledge_id"] != first["knowledge_id"]
    assert "30 days" not in await world.texts("days of delivery")
    assert "14 days" in await world.texts("days of delivery")
    assert (await world.api.get(f"/knowledge/files/{first['knowledge_id']}")).status_code == 404


async def test_a_page_that_has_not_changed_stays_one_and_takes_new_labels(world: World) -> None:
    first = await world.add(url=URL, key="k")
    blobs = tree(world.api.options.data_dir)
    again = await world.add(url=URL, if_exists="replace", title="Sending back", tags_hint="new", key="k")
    assert again["knowledge_id"] == first["knowledge_id"]
    assert again["replayed"] == "true"
    assert (again["title"], again["tags"]) == ("Sending back", ["new"])
    assert (await world.counts())["members"] == 1
    assert {name for name in tree(world.api.options.data_dir) if name.startswith("sealed")} >= blobs


async def test_a_repeated_request_reads_nothing_again(world: World) -> None:
    first = await world.add(url=URL, key="once")
    asked = len(world.site.seen)
    again = await world.add(url=URL, key="once")
    assert (again["knowledge_id"], again["replayed"]) == (first["knowledge_id"], "true")
    assert len(world.site.seen) == asked
    other = await world.ask(key="once", url=URL, title="Other")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")


async def test_a_page_that_is_there_is_a_conflict_without_the_extension(world: World) -> None:
    await world.add(url=URL)
    answer = await world.ask(url=URL, create_missing_buckets=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "website_url_exists")
    await world.add(url=URL, bucket="other")
    kept = await world.add(url=URL, if_exists="skip", create_missing_buckets=False)
    assert kept["replayed"] == "true"


@pytest.mark.parametrize("path", [WEBSITES, IMPORT])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "http://169.254.169.254/"}, 400, "url_fetch_blocked"),
        ({"url": "http://inside.test/"}, 400, "url_fetch_blocked"),
        ({"url": "http://help.test/nowhere"}, 422, "url_fetch_failed"),
        ({"url": "http://unknown.test/"}, 422, "url_fetch_failed"),
        ({"url": "http://help.test/film"}, 415, "unsupported_type"),
        ({"url": "http://help.test/empty"}, 400, "empty_file"),
        ({"url": URL, "bucket": None, "create_missing_buckets": None}, 400, "bucket_required"),
        (
            {"url": URL, "bucket": "nope", "create_missing_buckets": False},
            400,
            "bucket_assignment_failed",
        ),
        ({}, 400, "invalid_request"),
        ({"url": URL, "title": "x" * 1_001}, 400, "title_too_long"),
    ],
)
async def test_what_cannot_be_added_says_why(
    world: World, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await world.ask(path, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert {host for host, _ in world.wire.reached} <= {PUBLIC}
    if code.startswith(("bucket", "title")):
        assert world.site.seen == []


async def test_a_file_is_imported_under_the_name_it_has(world: World) -> None:
    made = await world.add(IMPORT, url="http://help.test/prices.csv", tags="price,plans", title="Prices")
    assert made["object"] == "knowledge_file"
    assert (made["filename"], made["mime_type"], made["size_bytes"]) == ("prices.csv", "text/csv", 19)
    assert (made["tags"], made["title"]) == (["price", "plans"], "Prices")
    assert (await world.api.get(f"/knowledge/tasks/{made['task_id']}")).status_code == 200
    assert (await world.counts())["file"] == 1
    assert "49" in await world.texts("team plan price")


async def test_an_answer_is_found_by_other_words_and_replaced_by_the_same_question(world: World) -> None:
    question = "May I bring my dog to the office?"
    made = await world.add(QA, question=question, answer="Yes, on Fridays, if nobody objects.", tags=["pets"])
    assert made["object"] == "knowledge_qa"
    assert (made["tags"], made["title"]) == (["pets"], question)
    assert await world.counts() == {"file": 0, "website": 0, "qa": 1, "retrievable": 1, "members": 1}
    assert "on Fridays" in await world.texts("dogs at the office on which day")
    await world.add(QA, question="  may i bring my DOG to the office ", answer="Only on Mondays.")
    assert "Fridays" not in await world.texts("dog office")
    assert "Only on Mondays." in await world.texts("dog office")
    assert (await world.counts())["qa"] == 1
    again = await world.add(QA, question=question, answer="Only on Mondays.")
    assert again["replayed"] is None
    once_more = await world.add(QA, question=question, answer="Only on Mondays.")
    assert once_more["replayed"] == "true"


async def test_what_is_removed_bears_the_name_that_it_is_listed_under(world: World) -> None:
    await world.add(url=URL)
    await world.add(QA, question="Who signs?", answer="The head of finance.")
    listed = (await world.api.get("/knowledge/sources", bucket="docs")).json()["sources"]
    assert {source["name"] for source in listed} == {URL, "Who signs?"}
    for source in listed:
        removed = await world.api.http.delete(f"/knowledge/sources/{source['id']}")
        assert removed.json()["name"] == source["name"]


async def test_an_agent_answers_with_the_answer_and_not_with_the_question(world: World) -> None:
    await world.add(
        QA,
        question="What is the wifi password for guests of the Berlin office?",
        answer="Ask at the reception; it changes every week.",
    )
    model = "calypso-rag-agent"
    asked = {"model": model, "input": "What is the wifi password for guests of the Berlin office?"}
    answer = await world.api.post("/responses", asked)
    assert answer.status_code == 200, answer.text
    text = answer.json()["output_text"]
    assert "Ask at the reception" in text
    assert "What is the wifi password" not in text


async def test_a_stored_question_is_answered_by_its_answer_first(world: World) -> None:
    """Even if passages that repeat its words are found before it."""
    manual = b"# Key\n\nThe key switch of the panel is on the left. Turn the key: a key turns to the right.\n"
    await world.api.settled((await world.api.upload(manual, "docs", filename="key.md", title="Key"))["id"])
    await world.add(QA, question="Where is the key?", answer="Under the mat.")
    answer = await world.api.post("/responses", {"model": "calypso-rag-agent", "input": "Where is the key?"})
    assert "\u201cUnder the mat.\u201d [1]" in answer.json()["output_text"]
    found = await world.api.post("/search", {"query": "Where is the key?", "buckets": ["docs"]})
    assert "Under the mat" not in found.json()["results"][0]["text"]


@pytest.mark.parametrize(
    "body",
    [
        {"question": " ", "answer": "x"},
        {"question": "x", "answer": "\n"},
        {"question": "x"},
        {"question": "x" * 1_001, "answer": "x"},
        {"question": "x", "answer": "x" * 50_001},
        {"question": "x", "answer": "x", "tags": ["t"] * 21},
    ],
)
async def test_a_pair_needs_both_within_their_lengths(world: World, body: dict[str, Any]) -> None:
    assert (await world.ask(QA, **body)).status_code == 400


async def test_the_connection_announces_questions(world: World) -> None:
    assert "qa" in (await world.api.get("/connection")).json()["extensions"]
