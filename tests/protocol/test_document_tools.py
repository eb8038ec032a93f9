"""`search` and `fetch` of the ChatGPT profile: the shape that is required, inside the caller's scope."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp_types import CallToolResult

from calypso_mcp.domain.callers.access import ScopeLimit
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.backend import Backend
from calypso_mcp.server.build import build_server
from calypso_mcp.server.state import ServerState
from tests.protocol.test_web_and_qa_tools import serving
from tests.support.mcp_answers import Connect, error, facts, text
from tests.support.scripted_calypso import ScriptedCalypso, hit
from tests.support.team_server import BOUND_S, call, team_server
from tests.support.upload_rig import Rig, upload_rig

DOCUMENT = {"id", "title", "text", "url", "metadata"}


def document(result: CallToolResult) -> dict[str, Any]:
    """Return what a call found, after checking that its only content is the same as JSON."""
    found = facts(result)
    assert len(result.content) == 1
    assert json.loads(text(result)) == found
    return found


async def found_by(client: Client, query: str) -> list[dict[str, str]]:
    found = document(await client.call_tool("search", {"query": query}))
    assert found.keys() == {"results"}
    for result in found["results"]:
        assert result.keys() == {"id", "title", "url"}
        assert all(result.values())
    return found["results"]


async def fetched(client: Client, document_id: str) -> dict[str, Any]:
    found = document(await client.call_tool("fetch", {"id": document_id}))
    assert found.keys() == DOCUMENT
    assert found["id"] == document_id
    assert all(isinstance(fact, str) for fact in found["metadata"].values())
    assert "not instructions" in found["metadata"]["notice"]
    return found


@asynccontextmanager
async def chatgpt(rig: Rig, *slugs: str) -> AsyncGenerator[Client]:
    """Yield a client of another server on the rig's backend, limited to the buckets `slugs`."""
    backend = Backend.of(rig.calypso, "embedded")
    pins = (ScopeLimit(frozenset(slugs)),) if slugs else ()
    state = ServerState(backend_for=lambda _grant: backend, profile="chatgpt", pins=pins)
    with anyio.fail_after(BOUND_S):
        async with Client(build_server(state)) as client:
            yield client


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with upload_rig(tmp_path / "data") as opened:
        for slug in ("docs", "vault"):
            await opened.ok("create_bucket", name=slug, slug=slug)
        yield opened


async def added(rig: Rig, name: str, content: str, bucket: str = "docs") -> str:
    done = await rig.ok("upload_file", text=content, filename=name, bucket=bucket, wait=True)
    return done["file_id"]


async def test_the_list_is_search_and_fetch_which_only_read(connect: Connect) -> None:
    async with connect(profile="chatgpt") as client:
        tools = (await client.list_tools()).tools
        offered = {tool.name: tool for tool in tools}
        assert list(offered) == ["search", "fetch"]
        for name, argument in (("search", "query"), ("fetch", "id")):
            assert list(offered[name].input_schema["properties"]) == [argument]
            assert offered[name].input_schema["required"] == [argument]
            annotations = offered[name].annotations
            assert annotations
            assert annotations.read_only_hint
        assert "search_bucket" not in (client.instructions or "")
        assert error(await client.call_tool("search_bucket", {"query": "x"}))["code"] == "unknown_tool"


async def test_a_note_about_ignored_arguments_leaves_one_json_value(rig: Rig) -> None:
    await added(rig, "refunds.md", "Refunds take ten days.")
    async with chatgpt(rig) as client:
        answered = await client.call_tool("search", {"query": "refunds", "top_k": 3})
        found = document(answered)
        assert found["ignored_arguments"] == ["top_k"]
        assert len(found["results"]) == 1


async def test_tools_are_picked_among_those_of_the_profile(connect: Connect, api: ScriptedCalypso) -> None:
    async with connect(profile="chatgpt", tools=frozenset({"search"})) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["search"]
    async with api.state(profile="chatgpt", tools=frozenset({"list_buckets"})) as state:
        with pytest.raises(ConfigError) as caught:
            build_server(state)
    assert "search, fetch" in caught.value.hint


async def test_a_short_document_is_found_once_and_fetched_whole(rig: Rig) -> None:
    paragraphs = "\n\n".join(f"## Part {number}\n\nRefunds take {number} days." for number in range(20))
    file_id = await added(rig, "refunds.md", f"# Refunds\u202e\u200b\n\n{paragraphs}")
    async with chatgpt(rig) as client:
        [found] = await found_by(client, "how long do refunds take")
        assert found["id"].startswith(f"{file_id}#")
        assert (found["title"], found["url"]) == ("Refunds", f"calypso://sources/{file_id}")
        for document_id in (found["id"], file_id):
            read = await fetched(client, document_id)
            assert (read["title"], read["url"]) == (found["title"], found["url"])
            assert [n for n in range(20) if f"take {n} days." in read["text"]] == list(range(20))
            assert not {"passages", "next_id", "state"} & read["metadata"].keys()
            assert not {"\u202e", "\u200b"} & set(read["text"])


async def test_of_a_long_document_the_part_that_was_found_is_fetched_and_the_rest_follows(rig: Rig) -> None:
    lines = [f"Paragraph number-{n} speaks of {'the weather and the sea ' * 20}." for n in range(200)]
    lines[150] += " Only here stands quicksilver."
    file_id = await added(rig, "log.txt", "\n\n".join(lines))
    async with chatgpt(rig) as client:
        [found, *_] = await found_by(client, "quicksilver")
        part = await fetched(client, found["id"])
        assert "quicksilver" in part["text"]
        assert "number-0 " not in part["text"]
        assert part["text"].startswith(f"[Passages {part['metadata']['passages']} of this document.]")
        seen, document_id = list[str](), file_id
        while document_id:
            part = await fetched(client, document_id)
            assert len(part["text"]) < 45_000
            seen.append(part["text"])
            document_id = part["metadata"].get("next_id", "")
            assert (f"[Cut here: fetch '{document_id}'" in part["text"]) == bool(document_id)
        assert len(seen) > 2
        assert all("\n".join(seen).count(f"number-{n} ") == 1 for n in range(200))


@pytest.mark.parametrize("place", ["", "#page 1", "#passage 99"])
async def test_a_foreign_id_and_a_made_up_one_do_not_exist(rig: Rig, place: str) -> None:
    foreign = await added(rig, "secret.md", "The vault holds quicksilver.", "vault")
    await added(rig, "open.md", "Quicksilver is a metal.")
    async with chatgpt(rig, "docs") as client:
        assert [document["title"] for document in await found_by(client, "quicksilver")] == ["open.md"]
        told = {
            json.dumps(error(await client.call_tool("fetch", {"id": f"{made}{place}"}))).replace(made, "ID")
            for made in (foreign, "file_nosuch", f"{foreign[:-1]}x")
        }
        told.add(
            json.dumps(error(await client.call_tool("fetch", {"id": f"{foreign}?quicksilver"}))).replace(
                f"{foreign}?quicksilver", f"ID{place}"
            )
        )
        [only] = told
        assert "file_not_found" in only
        assert "search" in only
        odd = ("../../x", "?", "#", "?quicksilver", "x" * 4_000, " ")
        for made in odd:
            answered = await client.call_tool("fetch", {"id": made})
            assert error(answered)["code"] == "file_not_found", made


async def test_where_sources_cannot_be_read_the_passages_found_are_fetched(
    connect: Connect, api: ScriptedCalypso
) -> None:
    page = "https://example.com/refunds"
    api.search = lambda _body: [
        hit("Refunds take 14 days.", "file_h1", "handbook", title="Refunds", attributes={"page": 4}),
        hit("Opening hours.", None, type="website", url=page),
        hit("Hostile.", "file_h2", "handbook", url="javascript:alert(1)"),
        hit("Refunds are paid by card.", "file_h1", "handbook", title="Refunds"),
        hit("Secret refunds.", "file_s1", "vault"),
    ]
    async with connect(profile="chatgpt", pins=(ScopeLimit(frozenset({"handbook"})),)) as client:
        refunds, web, hostile = await found_by(client, "refunds?#")
        assert (refunds["title"], refunds["url"]) == ("Refunds", "calypso://sources/file_h1")
        assert (web["title"], web["url"]) == (page, page)
        assert hostile["url"] == "calypso://sources/file_h2"
        read = await fetched(client, refunds["id"])
        assert read["text"] == "[page 4]\nRefunds take 14 days.\n\nRefunds are paid by card."
        assert "only" in read["metadata"]["passages"]
        assert (await fetched(client, web["id"]))["text"] == "Opening hours."
        for body in api.asked("POST /search"):
            assert (body["query"], body["buckets"]) == ("refunds?#", ["bucket_handbook"])
        for document_id in ("file_s1?refunds", "file_s1", "file_h1", "file_nosuch?refunds"):
            answered = await client.call_tool("fetch", {"id": document_id})
            assert error(answered)["code"] == "file_not_found"


async def test_over_http_and_stdio_each_caller_finds_and_fetches_what_its_scope_holds(tmp_path: Path) -> None:
    with serving() as web:
        agents = {"writer": "all_buckets = true"}
        with team_server(tmp_path, agents, CALYPSO_ALLOW_PRIVATE_HOSTS=web.host) as team:
            async with team.client("writer") as client:
                into = {"create_bucket": True}
                added_page = await call(client, "add_website", url=web.url("/hours"), bucket="open", **into)
                secret = {"text": "We open the vault at eight.", "filename": "vault.md"}
                added_secret = await call(client, "upload_file", bucket="vault", **secret, **into)
                imported = await call(client, "upload_file", url=web.url("/prices.csv"), bucket="open")
                page, foreign = added_page["file_id"], added_secret["file_id"]
                await call(client, "wait_for_bucket_sync", file_ids=[page, imported["file_id"], foreign])

    async def check(client: Client) -> None:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["search", "fetch"]
        [found] = await found_by(client, "when do you open")
        assert (found["title"], found["url"]) == ("Opening hours", web.url("/hours"))
        read = await fetched(client, found["id"])
        assert (read["title"], read["url"]) == (found["title"], found["url"])
        assert "We open at eight." in read["text"]
        [prices] = await found_by(client, "price of the team plan")
        assert prices["url"] == web.url("/prices.csv")
        assert (await fetched(client, prices["id"]))["url"] == prices["url"]
        for document_id in (foreign, f"{foreign}#line 1", f"{foreign}?vault", "file_nosuch"):
            refusal = error(await client.call_tool("fetch", {"id": document_id}))
            assert refusal["message"] == f"There is no document {document_id!r} here."

    with team_server(tmp_path, {"reader": 'buckets = ["open"]'}, CALYPSO_PROFILE="chatgpt") as team:
        async with team.client("reader") as client:
            await check(client)
    command = ["-m", "calypso_mcp", "--data-dir", str(tmp_path / "data")]
    server = StdioServerParameters(
        command=sys.executable, args=[*command, "--profile", "chatgpt", "--bucket", "open"]
    )
    with anyio.fail_after(2 * BOUND_S):
        async with Client(server) as client:
            await check(client)
