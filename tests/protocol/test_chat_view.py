"""The view in a chat, as far as a client sees it without a screen (MCP Apps)."""

from __future__ import annotations

import html
import re
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.client.extension import advertise
from mcp_types import CallToolResult, TextResourceContents

from calypso_mcp.server.build import build_server
from calypso_mcp.server.chat_view import VIEW_URI
from calypso_mcp.server.transport.http import HttpPolicy, create_http_app
from tests.support.mcp_answers import Connect
from tests.support.scripted_calypso import ScriptedCalypso
from tests.support.served_mcp import http_client, serving_mcp

EXTENSION = "io.modelcontextprotocol/ui"
MIME_TYPE = "text/html;profile=mcp-app"
HOST = advertise(EXTENSION, {"mimeTypes": [MIME_TYPE]})
WITH_VIEW = {"list_buckets", "search_bucket", "upload_file", "upload_batch", "wait_for_bucket_sync"}


async def views(client: Client) -> dict[str, Any]:
    """Return the view of each tool that has one."""
    return {tool.name: tool.meta for tool in (await client.list_tools()).tools if tool.meta is not None}


async def document(client: Client) -> str:
    [contents] = (await client.read_resource(VIEW_URI)).contents
    assert isinstance(contents, TextResourceContents)
    assert contents.mime_type == MIME_TYPE
    # Without `csp` a host lets the view connect to nothing (MCP Apps, host behaviour).
    assert contents.meta == {"ui": {"prefersBorder": False}}
    return contents.text


async def test_a_host_that_draws_views_finds_the_one_that_its_tools_name(api: ScriptedCalypso, era: str):
    async with (
        api.state() as state,
        Client(build_server(state), mode=era, extensions=[HOST]) as client,
    ):
        capabilities = client.server_capabilities
        assert capabilities is not None
        # Only `server/discover` has a place for a server's extensions.
        assert (EXTENSION in (capabilities.extensions or {})) is (era == "auto")
        assert await views(client) == {name: {"ui": {"resourceUri": VIEW_URI}} for name in WITH_VIEW}
        assert "<script>" in await document(client)
        # Tools name it; in a list it would only be in the way of what people attach.
        assert VIEW_URI not in [str(entry.uri) for entry in (await client.list_resources()).resources]
        called = await client.call_tool("list_buckets")
        assert isinstance(called, CallToolResult)
        assert "handbook" in str(called.content)


@pytest.mark.parametrize(
    "extensions",
    [[], [advertise("com.example/other")], [advertise(EXTENSION, {"mimeTypes": ["text/uri-list"]})]],
    ids=["none", "another", "another kind of view"],
)
async def test_a_client_that_draws_none_gets_the_tools_without(
    api: ScriptedCalypso, era: str, extensions: list[Any]
):
    async with (
        api.state() as state,
        Client(build_server(state), mode=era, extensions=extensions) as client,
    ):
        assert await views(client) == {}
        assert {tool.name for tool in (await client.list_tools()).tools} >= WITH_VIEW


async def test_over_http_an_older_client_gets_the_view_as_its_requests_do_not_say_what_it_can(
    api: ScriptedCalypso, era: str
):
    with anyio.fail_after(20):
        async with (
            api.state() as state,
            serving_mcp(create_http_app(build_server(state), HttpPolicy())) as origin,
            http_client(f"{origin}/mcp", era) as client,
        ):
            assert set(await views(client)) == (WITH_VIEW if era == "legacy" else set())


async def test_the_view_knows_what_it_may_call_and_where_the_page_is(api: ScriptedCalypso):
    address = 'https://calypso.example/ui/?"><script>alert(1)</script>'

    def page_address(_request: object) -> str:
        return address

    decisions: dict[str, Any] = {
        "read_only": True,
        "tools": frozenset({"list_buckets", "search_bucket", "create_bucket"}),
        "page_address": page_address,
    }
    async with api.state(**decisions) as state, Client(build_server(state)) as client:
        text = await document(client)
    found = re.search(r'<main data-tools="([^"]*)" data-page="([^"]*)">', text)
    assert found
    assert found[1] == "list_buckets search_bucket"
    assert html.unescape(found[2]) == address
    assert text.count("<script") == 1


async def test_where_no_tool_has_a_view_there_is_none(connect: Connect):
    async with connect(profile="chatgpt") as client:
        assert client.server_capabilities
        assert not client.server_capabilities.extensions
        assert await views(client) == {}
