"""Pages, files of the web, and answers: added by a model, on both kinds of Calypso and in both eras."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from mcp.client import Client

from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.domain.callers.quota import Quota
from tests.support.mcp_answers import Connect, error, facts
from tests.support.scripted_calypso import ScriptedCalypso, bucket
from tests.support.team_server import Team, call, team_server

PAGE = "<title>Opening hours</title><nav>Offers</nav><main><h1>Hours</h1><p>We open at {hour}.</p></main>"


class Web:
    """A site on this machine, which the operator opened by name."""

    def __init__(self, server: HTTPServer) -> None:
        self.host = f"127.0.0.1:{server.server_port}"
        self.pages = {
            "/hours": ("text/html; charset=utf-8", PAGE.format(hour="eight")),
            "/prices.csv": ("text/csv", "plan,price\nteam,forty-nine\n"),
            "/inside": ("", "http://127.0.0.1:9/"),
        }

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"


@contextmanager
def serving() -> Generator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = web.pages.get(self.path, (None, ""))
            self.send_response(404 if kind is None else 200 if kind else 302)
            self.send_header("Content-Type", kind or "text/plain")
            if kind == "":
                self.send_header("Location", text)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        web = Web(server)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def web() -> Generator[Web]:
    with serving() as served:
        yield served


@pytest.fixture(scope="module")
def team(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Generator[Team]:
    agents = {
        "writer": "all_buckets = true",
        "reader": "all_buckets = true\nread_only = true",
        "pages": "all_buckets = true\nsources_per_bucket = 2",
    }
    folder: Path = tmp_path_factory.mktemp("web")
    with team_server(folder, agents, CALYPSO_ALLOW_PRIVATE_HOSTS=web.host) as served:
        yield served


async def hits(client: Client, query: str, bucket: str) -> str:
    return repr(await call(client, "search_bucket", query=query, bucket=bucket))


async def test_a_page_is_added_found_and_read_again(team: Team, web: Web, era: str) -> None:
    bucket = f"pages-{era}"
    web.pages["/hours"] = ("text/html; charset=utf-8", PAGE.format(hour="eight"))
    async with team.client("writer", era) as client:
        added = await call(client, "add_website", url=web.url("/hours"), bucket=bucket, create_bucket=True)
        assert (added["outcome"], added["title"]) == ("accepted", "Opening hours")
        await call(client, "wait_for_bucket_sync", file_ids=[added["file_id"]])
        found = await call(client, "search_bucket", query="when do you open", bucket=bucket)
        assert "We open at eight" in str(found["hits"])
        assert found["hits"][0]["url"] == web.url("/hours")
        again = await call(client, "add_website", url=web.url("/hours"), bucket=bucket)
        assert (again["outcome"], again["file_id"]) == ("replayed", added["file_id"])
        web.pages["/hours"] = ("text/html; charset=utf-8", PAGE.format(hour="nine"))
        newer = await call(client, "add_website", url=web.url("/hours"), bucket=bucket)
        await call(client, "wait_for_bucket_sync", file_ids=[newer["file_id"]])
        told = await hits(client, "when do you open", bucket)
        assert "at nine" in told
        assert "at eight" not in told
        [card] = (await call(client, "list_buckets", query=bucket))["buckets"]
        assert card["sources"]["website"] == 1


async def test_pages_and_imports_that_were_replaced_or_removed_take_no_room(team: Team, web: Web) -> None:
    for number in range(3):
        web.pages[f"/{number}"] = ("text/html; charset=utf-8", PAGE.format(hour=f"number {number}"))
        web.pages[f"/{number}.txt"] = ("text/plain", f"Text number {number}.")
    async with team.client("writer") as operator, team.client("pages") as client:
        await call(operator, "create_bucket", name="rooms")

        async def add(path: str) -> str:
            tool = "upload_file" if path.endswith(".txt") else "add_website"
            added = await call(client, tool, url=web.url(path), bucket="rooms")
            await call(client, "wait_for_bucket_sync", file_ids=[added["file_id"]])
            return added["file_id"]

        await add("/0")
        web.pages["/0"] = ("text/html; charset=utf-8", PAGE.format(hour="noon"))
        page = await add("/0")
        text = await add("/1.txt")
        for path in ("/2", "/2.txt"):
            tool = "upload_file" if path.endswith(".txt") else "add_website"
            refused = await client.call_tool(tool, {"url": web.url(path), "bucket": "rooms"})
            assert error(refused)["code"] == "quota_exceeded"
        for gone, path in ((page, "/2"), (text, "/2.txt")):
            await call(client, "remove_source", file_id=gone, confirm=True)
            await add(path)


async def test_a_file_of_the_web_is_uploaded_by_its_url(team: Team, web: Web, era: str) -> None:
    bucket = f"files-{era}"
    async with team.client("writer", era) as client:
        sent = await call(
            client,
            "upload_file",
            url=web.url("/prices.csv"),
            bucket=bucket,
            create_bucket=True,
            tags=["price"],
            wait=True,
        )
        assert (sent["filename"], sent["readiness"]) == ("prices.csv", "ready")
        assert "forty-nine" in await hits(client, "team plan", bucket)


async def test_an_answer_is_added_found_by_other_words_and_replaced(team: Team, era: str) -> None:
    bucket = f"answers-{era}"
    async with team.client("writer", era) as client:
        await call(client, "create_bucket", name=bucket)
        asked = {"question": "May I bring my dog?", "bucket": bucket}
        first = await call(client, "add_qa", **asked, answer="Yes, on Fridays.", tags=["pets"])
        await call(client, "wait_for_bucket_sync", file_ids=[first["file_id"]])
        assert "on Fridays" in await hits(client, "dogs in the office", bucket)
        await call(client, "create_agent", agent_id=f"pets-{era}", buckets=[bucket])
        said = await call(client, "ask_agent", question="May I bring my dog?", agent=f"pets-{era}")
        assert "Yes, on Fridays." in repr(said)
        second = await call(client, "add_qa", **asked, answer="No, never.")
        await call(client, "wait_for_bucket_sync", file_ids=[second["file_id"]])
        told = await hits(client, "dogs in the office", bucket)
        assert "No, never." in told
        assert "Fridays" not in told


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("http://169.254.169.254/latest/", "url_fetch_blocked"),
        ("http://localhost/", "url_fetch_blocked"),
        ("/inside", "url_fetch_blocked"),
        ("/nowhere", "url_fetch_failed"),
        (" ", "invalid_arguments"),
    ],
)
async def test_what_cannot_be_read_is_an_error_with_a_next_step(
    team: Team, web: Web, era: str, path: str, code: str
) -> None:
    async with team.client("writer", era) as client:
        await call(client, "create_bucket", name="errors")
        url = web.url(path) if path.startswith("/") else path
        told = error(await client.call_tool("add_website", {"url": url, "bucket": "errors"}))
        assert told["code"] == code
        assert told["next_step"]


async def test_who_may_only_read_is_offered_none_of_it(team: Team, era: str) -> None:
    async with team.client("reader", era) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert not names & {"add_website", "add_qa", "upload_file"}
        for name in ("add_website", "add_qa"):
            told = error(await client.call_tool(name, {"url": "x", "question": "q", "answer": "a"}))
            assert told["code"] == "unknown_tool"


async def test_url_goes_with_no_other_source_and_no_name(connect: Connect) -> None:
    async with connect() as client:
        both = {"url": "https://a.test/b.txt", "text": "x", "bucket": "handbook"}
        assert error(await client.call_tool("upload_file", both))["code"] == "several_sources"
        named = {"url": "https://a.test/b.txt", "filename": "c.txt", "bucket": "handbook"}
        assert error(await client.call_tool("upload_file", named))["code"] == "invalid_arguments"


async def test_a_hosted_page_is_asked_for_as_its_api_wants(api: ScriptedCalypso, connect: Connect) -> None:
    made = {"object": "knowledge_website", "knowledge_id": "file_h1", "title": "A", "tags": "a, b"}
    api.scripted["POST /knowledge/websites"] = lambda _: (201, {**made, "ingestion_status": "ready"})
    async with connect() as client:
        asked = {"url": "a.test/page", "bucket": "handbook", "title": "A"}
        added = facts(await client.call_tool("add_website", asked))
    [body] = api.asked("POST /knowledge/websites")
    assert body == {"url": "a.test/page", "title": "A", "bucket_ids": ["bucket_handbook"]}
    assert (added["file_id"], added["title"]) == ("file_h1", "A")


@pytest.mark.parametrize(
    ("status", "waiting", "readiness"),
    [("ready", 0, "ready"), ("ready", 1, "pending"), ("queued", 0, "pending")],
)
async def test_a_page_that_an_api_shows_under_no_id_has_not_failed(
    api: ScriptedCalypso, connect: Connect, status: str, waiting: int, readiness: str
) -> None:
    api.buckets[:] = [bucket("handbook", files=("f1",), pending=waiting)]
    made = {"object": "knowledge_website", "knowledge_id": "web_1", "ingestion_status": status}
    api.scripted["POST /knowledge/websites"] = lambda _: (201, made)
    async with connect() as client:
        told = facts(await client.call_tool("add_website", {"url": "a.test/page", "bucket": "handbook"}))
    assert (told["readiness"], "code" in told) == (readiness, False)
    assert ("bucket='handbook'" in told["next_step"]) is (readiness == "pending")


async def test_a_page_without_a_title_is_called_by_its_address(
    api: ScriptedCalypso, connect: Connect
) -> None:
    made = {"knowledge_id": "file_h1", "ingestion_status": "ready"}
    api.scripted["POST /knowledge/websites"] = lambda _: (201, made)
    async with connect() as client:
        added = facts(await client.call_tool("add_website", {"url": "a.test/page", "bucket": "handbook"}))
    assert added["title"] == "a.test/page"


async def test_a_hosted_import_sends_its_tags_as_one_text(api: ScriptedCalypso, connect: Connect) -> None:
    made = {"object": "knowledge_file", "knowledge_id": "file_h1", "filename": "b.txt", "title": "B"}
    api.scripted["POST /knowledge/files/import-url"] = lambda _: (201, {**made, "ingestion_status": "queued"})
    async with connect() as client:
        asked = {"url": "https://a.test/b.txt", "bucket": "handbook", "tags": ["x", "y"]}
        sent = facts(await client.call_tool("upload_file", asked))
    [body] = api.asked("POST /knowledge/files/import-url")
    assert body == {"url": "https://a.test/b.txt", "tags": "x,y", "bucket_ids": ["bucket_handbook"]}
    assert (sent["filename"], sent["file_id"]) == ("b.txt", "file_h1")


async def test_a_page_that_hosted_calypso_has_says_what_to_do(api: ScriptedCalypso, connect: Connect) -> None:
    problem = {"error": {"code": "website_url_exists", "message": "Known."}}
    api.scripted["POST /knowledge/websites"] = lambda _: (409, problem)
    async with connect() as client:
        told = error(await client.call_tool("add_website", {"url": "https://a.test", "bucket": "handbook"}))
    assert told["code"] == "website_url_exists"
    assert told["next_step"]


async def test_a_fetch_sets_room_aside_and_counts_what_came(api: ScriptedCalypso, connect: Connect) -> None:
    made = {"object": "knowledge_website", "knowledge_id": "file_h1", "ingestion_status": "ready"}
    api.scripted["POST /knowledge/websites"] = lambda _: (201, {**made, "size_bytes": 20_000_000})
    most = 40_000_000
    grant = AccessGrant(name="poor", quota=Quota(bytes_per_bucket=most))

    def grant_for(_request: Any) -> AccessGrant:
        return grant

    async with connect(grant_for=grant_for) as client:
        first = await client.call_tool("add_website", {"url": "https://a.test/1", "bucket": "handbook"})
        assert not first.is_error
        second = await client.call_tool("add_website", {"url": "https://a.test/2", "bucket": "handbook"})
        assert error(second)["code"] == "quota_exceeded"
        answered = {"question": "q", "answer": "a" * 30_000, "bucket": "handbook"}
        assert error(await client.call_tool("add_qa", answered))["code"] != "quota_exceeded"
    assert len(api.asked("POST /knowledge/websites")) == 1


@pytest.mark.parametrize(
    ("tool", "asked"),
    [
        ("upload_file", {"filename": "a.txt", "text": "text {}"}),
        ("add_qa", {"question": "q {}", "answer": "a"}),
        ("add_website", {"url": "https://a.test/{}"}),
    ],
)
async def test_what_calypso_refuses_for_good_takes_no_room(
    api: ScriptedCalypso, connect: Connect, tool: str, asked: dict[str, str]
) -> None:
    problem = {"error": {"code": "unsupported_media_type", "message": "Not this."}}
    for route in ("upload-session", "import-url"):
        api.scripted[f"POST /knowledge/files/{route}"] = lambda _: (400, problem)
    api.scripted["POST /knowledge/websites"] = lambda _: (400, problem)
    grant = AccessGrant(name="poor", quota=Quota(sources_per_bucket=1))

    def grant_for(_request: Any) -> AccessGrant:
        return grant

    async with connect(grant_for=grant_for) as client:
        for number in range(2):
            given = {name: text.format(number) for name, text in asked.items()}
            refused = error(await client.call_tool(tool, {**given, "bucket": "handbook"}))
            assert refused["code"] == "unsupported_media_type"
