"""What the page of a team's server does beyond the tools, within the caller's reach and nothing else."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest

from tests.support.live_backend import in_process, options_for
from tests.support.pdfs import text_pdf
from tests.support.scripted_calypso import ScriptedCalypso, bucket
from tests.support.scripted_server import scripted_server
from tests.support.team_server import Team, call, team_server

AGENTS = {
    "one": 'buckets = ["docs"]',
    "reader": 'buckets = ["docs"]\nread_only = true',
    "operator": "all_buckets = true\nmetrics = true",
}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Generator[Team]:
    with team_server(tmp_path_factory.mktemp("routes"), AGENTS) as running:
        anyio.run(_make_buckets, running)
        yield running


async def _make_buckets(team: Team) -> None:
    async with team.client("operator") as client:
        for name in ("docs", "board"):
            await call(client, "create_bucket", name=name)


async def _stored(team: Team, bucket: str, *names: str) -> list[str]:
    async with team.client("operator") as client:
        sent = [
            await call(client, "upload_file", bucket=bucket, filename=name, text=f"# {name}\n" * size)
            for size, name in enumerate(names, 1)
        ]
    return [request["file_id"] for request in sent]


async def test_sources_are_listed_in_any_order_of_a_bucket_in_reach(team: Team) -> None:
    await _stored(team, "docs", "b.md", "c.md", "a.md")
    async with team.http("one") as http:

        async def names(**query: str) -> list[str]:
            answer = await http.get("/page/sources", params={"bucket": "docs", **query})
            assert answer.status_code == 200, answer.text
            return [source["name"] for source in answer.json()["sources"]]

        assert await names() == ["a.md", "b.md", "c.md"]
        assert await names(sort="size", order="desc") == ["a.md", "c.md", "b.md"]
        assert await names(query="c.") == ["c.md"]
        hidden = await http.get("/page/sources", params={"bucket": "board"})
        absent = await http.get("/page/sources", params={"bucket": "absent"})
        assert (hidden.status_code, absent.status_code) == (404, 404)
        assert hidden.text.replace("board", "absent") == absent.text
        for query in ({}, {"bucket": "docs", "sort": "secret"}, {"bucket": "docs", "limit": "1e9"}):
            refused = await http.get("/page/sources", params=query)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_arguments")


async def test_a_search_tells_scores_of_what_is_in_reach(team: Team) -> None:
    for name in ("docs", "board"):
        [file_id] = await _stored(team, name, f"anchor-{name}.md")
        async with team.client("operator") as client:
            await call(client, "wait_for_bucket_sync", file_ids=[file_id])
    async with team.http("reader") as http:

        async def search(**body: object) -> httpx2.Response:
            return await http.post("/page/search", json=body)

        for body in ({"query": " anchor "}, {"query": "anchor", "buckets": ["docs"], "max_results": 1}):
            hits = (await search(**body)).json()["hits"]
            assert {hit["bucket"] for hit in hits} == {"docs"}
            scores = [hit["score"] for hit in hits]
            assert scores == sorted(scores, reverse=True)
            assert scores[-1] > 0
        hidden, absent = [await search(query="anchor", buckets=[name]) for name in ("board", "absent")]
        assert (hidden.status_code, absent.status_code) == (404, 404)
        assert hidden.text.replace("board", "absent") == absent.text
        for body in (
            {"query": " "},
            {"query": "x" * 2_001},
            {"query": "x", "max_results": 21},
            {"query": "x", "buckets": "docs"},
            {"query": ["x"]},
        ):
            refused = await search(**body)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_arguments"), body


async def test_labels_and_originals_are_within_reach_and_for_those_who_may(team: Team) -> None:
    [inside] = await _stored(team, "docs", "inside.md")
    [outside] = await _stored(team, "board", "outside.md")
    async with team.http("one") as one, team.http("reader") as reader, team.http("operator") as operator:
        changed = await one.patch(f"/page/sources/{inside}", json={"tags": ["new", "checked"]})
        assert (changed.status_code, changed.json()["tags"]) == (200, ["new", "checked"])
        refused = await one.patch(f"/page/sources/{inside}", json={"tags": ["x"] * 21})
        assert (refused.status_code, refused.json()["error"]) == (400, "too_many_tags")
        # Lists hold them, a thousand sources at a time.
        long = "x" * 1_001
        for labels, code in (({"tags": [long]}, "invalid_tags"), ({"title": long}, "title_too_long")):
            refused = await one.patch(f"/page/sources/{inside}", json=labels)
            assert (refused.status_code, refused.json()["error"]) == (400, code)
        original = await reader.get(f"/page/sources/{inside}/content")
        assert (original.status_code, original.content) == (200, b"# inside.md\n")
        assert "attachment" in original.headers["content-disposition"]
        for answer in (
            await one.patch(f"/page/sources/{outside}", json={"tags": []}),
            await one.get(f"/page/sources/{outside}/content"),
            await one.get("/page/sources/..%2fbuckets/content"),
            await reader.patch(f"/page/sources/{inside}", json={"tags": []}),
            await reader.post("/page/uploads", json={"bucket": "docs", "path": "a.md"}),
            await one.post("/page/uploads", json={"bucket": "board", "path": "a.md"}),
        ):
            assert answer.status_code == 404, answer.text
        assert (await operator.get(f"/page/sources/{outside}/content")).status_code == 200
        told = [(await http.get("/page/abilities")).json()["relabel"] for http in (one, reader)]
        assert told == [True, False]
    async with team.http() as stranger:
        assert (await stranger.get("/page/abilities")).status_code == 401


async def test_pictures_of_pages_are_within_reach_and_come_as_pictures(team: Team) -> None:
    async with in_process(options_for(team.folder / "data")) as api:
        inside, outside = [
            (await api.upload(text_pdf([[name]]), bucket=name, filename=f"{name}.pdf"))["id"]
            for name in ("docs", "board")
        ]
    async with team.http("reader") as http:
        answer = await http.get(f"/page/sources/{inside}/pages/1/picture")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert answer.content.startswith(b"\x89PNG")
        assert (await http.get("/page/abilities")).json()["pictures"]
        for file_id, page in ((outside, "1"), (inside, "2"), (inside, "..%2f..%2fcontent")):
            refused = await http.get(f"/page/sources/{file_id}/pages/{page}/picture")
            assert refused.status_code == 404, refused.text


async def test_odd_requests_are_refused_and_break_nothing(team: Team) -> None:
    [file_id] = await _stored(team, "docs", "odd.md")
    source = f"/page/sources/{file_id}"
    names = (
        "..",
        "..%2f..%2fetc",
        "%00",
        "%0d%0aSet-Cookie:a=1",
        "%ff",
        "%ed%a0%80",
        "x" * 9_000,
        "{file_id}",
    )
    pages = ("0", "-1", "1e9", "1000000", "1.0", "01", "%D9%A1", "1%00", "9" * 5_000)
    queries = ("limit=0", "limit=1001", "limit=" + "9" * 30, "sort=x", "state=%00", "cursor=x", "bucket=%00")
    bodies = ("", "null", "[]", "{", "[" * 100_000, '{"bucket": "docs", "path": "../x.md"}', '{"tags": "x"}')
    tried: list[tuple[str, str, str | None]] = [
        *(
            ("GET", f"/page/sources/{name}/{what}", None)
            for name in names
            for what in ("content", "pages/1/picture")
        ),
        *(("PATCH", f"/page/sources/{name}", '{"tags": []}') for name in names),
        *(("GET", f"{source}/pages/{page}/picture", None) for page in pages),
        *(("GET", f"/page/sources?bucket=docs&{query}", None) for query in queries),
        *(("PATCH", source, body) for body in bodies[:-2]),
        *(("POST", path, body) for path in ("/page/uploads", "/page/search") for body in bodies),
        *(("DELETE", path, None) for path in (source, f"{source}/content", "/page/search")),
    ]
    async with team.http("one") as http:
        for method, path, body in tried:
            answer = await http.request(method, path, content=body)
            assert 400 <= answer.status_code < 500, (method, path[:80], body and body[:40])
            assert "set-cookie" not in answer.headers


async def test_a_source_that_others_hold_too_is_not_relabelled_from_one_bucket(team: Team) -> None:
    # As another client of the same store would make it.
    async with in_process(options_for(team.folder / "data")) as api:
        file = await api.upload(b"# Both\n", bucket=None, bucket_slugs=["docs", "board"])
        file_id = file["id"]
    async with team.http("one") as one, team.http("operator") as operator:
        assert (await one.get(f"/page/sources/{file_id}/content")).status_code == 200
        assert (await one.patch(f"/page/sources/{file_id}", json={"tags": ["mine"]})).status_code == 404
        assert (await operator.patch(f"/page/sources/{file_id}", json={"tags": ["ours"]})).status_code == 200


async def test_headers_narrow_the_routes_of_the_page_too(team: Team) -> None:
    """As a proxy adds them to whatever it passes on; one that cannot be read closes."""
    [file_id] = await _stored(team, "docs", "narrowed.md")
    async with team.http("operator") as http:
        asked = (
            ("GET", "/page/sources?bucket=docs", None),
            ("GET", f"/page/sources/{file_id}/content", None),
            ("PATCH", f"/page/sources/{file_id}", {"tags": []}),
            ("POST", "/page/uploads", {"bucket": "docs", "path": "a.md"}),
            ("POST", "/page/search", {"query": "narrowed", "buckets": ["docs"]}),
        )
        for method, path, body in asked:
            answers = [
                (await http.request(method, path, json=body, headers=headers)).status_code
                for headers in (
                    {"Calypso-Buckets": "docs"},
                    {"Calypso-Buckets": "board"},
                    {"Calypso-Agent": "nobody"},
                    {"Calypso-Buckets": "docs;board"},
                    {"X-Calypso-Bucket": "docs"},
                )
            ]
            assert answers == [200, 404, 404, 400, 400], path


async def test_an_address_comes_as_a_field_and_its_file_is_indexed(team: Team) -> None:
    async with team.http("one") as http:
        answer = await http.post("/page/uploads", json={"bucket": "docs", "path": "trips/trains.md"})
        issued = answer.json()
        path = urlsplit(issued["url"]).path
        stored = await http.put(path, content=b"# Trains\n\nSeats in the quiet coach.\n")
        assert (answer.status_code, stored.status_code) == (200, 201)
        junk = await http.post("/page/uploads", json={"bucket": "docs"})
        assert (junk.status_code, junk.json()["error"]) == (400, "invalid_arguments")
    async with team.client("one") as client:
        await call(client, "wait_for_bucket_sync", file_ids=[issued["upload_id"]])
        found = await call(client, "search_bucket", query="quiet coach", bucket="docs")
    assert found["hits"][0]["file_id"] == stored.json()["file_id"]


async def test_only_what_the_operator_offers_can_be_done(tmp_path: Path) -> None:
    with team_server(tmp_path, {"one": "all_buckets = true"}, CALYPSO_TOOLS="list_buckets") as team:
        async with team.http("one") as http:
            can = (await http.get("/page/abilities")).json()
            assert (can["download"], can["pictures"], can["relabel"]) == (False, False, False)
            for refused in (
                await http.get("/page/sources", params={"bucket": "docs"}),
                await http.post("/page/search", json={"query": "x"}),
                await http.get("/page/sources/file_1/content"),
                await http.get("/page/sources/file_1/pages/1/picture"),
                await http.patch("/page/sources/file_1", json={"tags": []}),
                await http.post("/page/uploads", json={"bucket": "docs", "path": "a.md"}),
            ):
                assert (refused.status_code, refused.json()["error"]) == (404, "permission_denied")


async def test_a_page_elsewhere_reads_why_its_upload_was_refused(team: Team) -> None:
    page = {"Origin": "http://localhost:5173"}
    async with team.http() as http:
        for answer in (
            await http.put("/uploads/unknown", content=b"x", headers=page),
            await http.request("BREW", "/uploads/unknown", headers=page),
        ):
            assert answer.status_code in (401, 405)
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "Range" in answer.headers["access-control-expose-headers"]
        elsewhere = await http.get("/page/abilities", headers=page)
        assert "access-control-allow-origin" not in elsewhere.headers


async def test_the_hosted_storage_is_told_which_page_a_file_comes_from(tmp_path: Path) -> None:
    page = {"Origin": "http://localhost:5173"}
    api = ScriptedCalypso(buckets=[bucket("docs")])
    with (
        scripted_server(api) as hosted,
        team_server(
            tmp_path,
            {"one": "all_buckets = true"},
            CALYPSO_API_BASE_URL=hosted.base_url,
            CALYPSO_API_KEY="sk_scripted",
        ) as team,
    ):
        async with team.http("one") as http:
            for headers in (page, {}):
                answer = await http.post("/page/uploads", json={"bucket": "docs", "path": "a.md"})
                await http.put(urlsplit(answer.json()["url"]).path, content=b"# A\n", headers=headers)
    opened = [
        headers.get("origin")
        for headers, (request, _) in zip(hosted.headers, api.requests, strict=True)
        if request == "POST /knowledge/files/upload-session"
    ]
    assert opened[:1] + opened[-1:] == [page["Origin"], None]
