"""Resources through a real client."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, TextResourceContents

from calypso_mcp.server.batches.batch_reports import OutcomeWord
from calypso_mcp.server.files.local_files import FilePolicy
from calypso_mcp.server.resources import GUIDES
from tests.support.mcp_answers import Connect
from tests.support.own_time import own_time
from tests.support.scripted_calypso import ScriptedCalypso, bucket


async def read(client: Client, uri: str) -> tuple[str, str | None]:
    [contents] = (await client.read_resource(uri)).contents
    assert isinstance(contents, TextResourceContents)
    assert str(contents.uri) == uri
    return contents.text, contents.mime_type


async def read_json(client: Client, uri: str) -> dict[str, Any]:
    text, mime_type = await read(client, uri)
    assert mime_type == "application/json"
    return json.loads(text)


async def test_buckets_agents_and_guides_are_listed(connect: Connect):
    async with connect() as client:
        uris = [str(resource.uri) for resource in (await client.list_resources()).resources]
        assert uris == [
            "calypso://agents",
            *(f"calypso://guide/{topic}" for topic in GUIDES),
            "bucket://handbook",
            "bucket://pricing",
            "bucket://vault",
        ]
        templates = (await client.list_resource_templates()).resource_templates
        assert [template.uri_template for template in templates] == [
            "bucket://{slug}",
            "bucket://{slug}/files/{file_id}",
            "calypso://guide/{topic}",
        ]


@pytest.mark.parametrize("topic", sorted(set(GUIDES) - {"errors"}))
async def test_what_a_guide_names_is_a_tool_or_what_tools_take_and_tell(
    connect: Connect, folder: Path, topic: str
):
    async with connect(files=FilePolicy((str(folder),))) as client:
        tools = (await client.list_tools()).tools
        guide, _ = await read(client, f"calypso://guide/{topic}")
    known = {"curl", *get_args(OutcomeWord), *(tool.name for tool in tools)}
    for tool in tools:
        known |= set(tool.input_schema["properties"]) | set((tool.output_schema or {})["properties"])
    named = set(re.findall(r"`([a-z_0-9]+)(?:=[^`]*)?`", guide))
    assert named
    assert named <= known


async def test_a_long_list_of_buckets_comes_in_pages(connect: Connect, api: ScriptedCalypso):
    api.buckets = [bucket(f"b{number:03}") for number in range(250)]
    async with connect() as client:
        seen: list[str] = []
        page = await client.list_resources()
        while True:
            seen += [str(resource.uri) for resource in page.resources if "bucket://" in str(resource.uri)]
            if page.next_cursor is None:
                break
            page = await client.list_resources(cursor=page.next_cursor)
        assert seen == [f"bucket://b{number:03}" for number in range(250)]


@pytest.mark.parametrize("cursor", ["b100", "e30=", "W10", "😀"])
@pytest.mark.parametrize("listing", ["resources", "resource_templates", "prompts", "tools"])
async def test_a_made_up_cursor_of_a_list_is_refused(connect: Connect, listing: str, cursor: str):
    async with connect() as client:
        with pytest.raises(MCPError, match=r"list returned(?s:.)*without cursor") as refused:
            await getattr(client, f"list_{listing}")(cursor=cursor)
    assert refused.value.code == INVALID_PARAMS


async def test_a_bucket_reads_as_its_card(connect: Connect):
    async with connect() as client:
        card = await read_json(client, "bucket://pricing")
        assert (card["slug"], card["pending"], card["readiness"]) == ("pricing", 1, "pending")


async def test_a_file_reads_as_its_status(connect: Connect):
    async with connect() as client:
        assert await read_json(client, "bucket://handbook/files/file_h1") == {
            "file_id": "file_h1",
            "filename": "file_h1.txt",
            "status": "active",
            "readiness": "ready",
            "size_bytes": None,
            "bucket": "handbook",
        }


async def test_a_file_is_only_found_in_its_own_bucket(connect: Connect):
    async with connect() as client:
        with pytest.raises(MCPError):
            await read(client, "bucket://pricing/files/file_h1")


async def test_agents_read_as_the_tool_lists_them(connect: Connect):
    async with connect() as client:
        listed = (await client.call_tool("list_agents")).structured_content
        assert await read_json(client, "calypso://agents") == listed


@pytest.mark.parametrize("topic", GUIDES)
async def test_every_guide_can_be_read_and_names_only_tools_and_codes(connect: Connect, topic: str):
    async with connect() as client:
        text, mime_type = await read(client, f"calypso://guide/{topic}")
        assert mime_type == "text/markdown"
        assert text.startswith("# ")


@pytest.mark.parametrize(
    "uri",
    [
        "bucket://nosuch",
        "bucket://",
        "bucket://handbook/files/nosuch",
        "bucket://handbook/files/..",
        "bucket://handbook/files/%2e%2e%2fbuckets",
        "bucket://handbook/other/x",
        "calypso://guide/nosuch",
        "calypso://guide/../errors",
        "calypso://nosuch",
        "file:///etc/passwd",
        "nonsense",
    ],
)
async def test_what_does_not_exist_is_a_protocol_error_that_names_the_uri(connect: Connect, uri: str):
    async with connect() as client:
        with pytest.raises(MCPError) as caught:
            await read(client, uri)
        assert caught.value.code == INVALID_PARAMS
        assert caught.value.data == {"uri": uri}


async def test_no_made_up_id_reaches_another_endpoint(connect: Connect, api: ScriptedCalypso):
    async with connect() as client:
        for name in ("..", "%2e%2e%2fbuckets", "a%2fb", "x?y=z", "%00"):
            with pytest.raises(MCPError):
                await read(client, f"bucket://handbook/files/{name}")
    assert {what for what, _ in api.requests} <= {"GET /knowledge/buckets"}


@pytest.mark.parametrize("unit", ["%", "a/", "%41"])
async def test_a_uri_of_any_length_is_refused_at_once(connect: Connect, unit: str):
    async with connect() as client:
        started = own_time()
        with pytest.raises(MCPError, match="There is no resource"):
            await client.read_resource(f"bucket://{unit * 500_000}")
        assert own_time() - started < 0.4
