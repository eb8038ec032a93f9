"""The tool list: complete, small, readable by every client, the same every time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mcp.client import Client

from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.build import build_server
from calypso_mcp.server.calls.tool_spec import ToolSpec
from calypso_mcp.server.registry import TOOLS
from tests.protocol.tool_snapshots import ACCEPT, EVERY_TOOL, FILE, published, text_of_file
from tests.support.mcp_answers import Connect, text
from tests.support.scripted_calypso import ScriptedCalypso, bucket

#: Compact JSON of the whole list (the numbers to beat are in the project's targets).
BUDGET_BYTES = 15_000
LIMITS = (ScopeLimit(frozenset({"handbook"})),)


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


def test_every_tool_is_listed_as_its_function_says():
    assert FILE.read_text("utf-8") == text_of_file(), f"accept with: {ACCEPT}"


def test_the_whole_list_stays_within_its_budget():
    def size_of(listed: Any) -> int:
        return len(json.dumps(listed, separators=(",", ":"), ensure_ascii=False).encode())

    tools = [published(spec) for spec in TOOLS]
    size = size_of(tools)
    largest = sorted(((size_of(tool), tool["name"]) for tool in tools), reverse=True)
    assert size <= BUDGET_BYTES, f"shorten descriptions by {size - BUDGET_BYTES} bytes: {largest}"


@pytest.mark.parametrize("spec", EVERY_TOOL, ids=lambda spec: spec.name)
def test_schemas_hold_nothing_that_a_client_drops(spec: ToolSpec):
    tool = published(spec)
    for schema in (tool["inputSchema"], tool["outputSchema"]):
        assert schema["type"] == "object"
        assert not {"anyOf", "oneOf", "allOf", "$defs"} & schema.keys()
        for node in nodes(schema):
            assert "$ref" not in node
            assert node.get("type") != "null"
            assert not isinstance(node.get("title"), str)


@pytest.mark.parametrize("spec", EVERY_TOOL, ids=lambda spec: spec.name)
def test_every_argument_is_described_and_every_result_typed(spec: ToolSpec):
    tool = published(spec)
    for name, argument in tool["inputSchema"]["properties"].items():
        assert argument.get("description"), name
    for schema in (tool["inputSchema"], tool["outputSchema"]):
        for node in nodes(schema):
            for name, value in node.get("properties", {}).items():
                assert "type" in value, name
                assert value["type"] != "array" or "type" in value["items"], name


@pytest.mark.parametrize("spec", EVERY_TOOL, ids=lambda spec: spec.name)
def test_a_tool_states_title_description_and_every_hint_that_means_something(spec: ToolSpec):
    tool = published(spec)
    assert tool["title"]
    assert 20 <= len(tool["description"]) <= 500
    always = {"readOnlyHint", "destructiveHint", "openWorldHint"}
    # Of a tool that only reads the fourth says nothing (MCP, tool annotations).
    assert set(tool["annotations"]) == always | (set() if spec.read_only else {"idempotentHint"})


async def test_clients_of_both_eras_get_the_list_in_the_same_order(connect: Connect):
    async with connect() as client:
        first = [tool.name for tool in (await client.list_tools()).tools]
        assert first == [spec.name for spec in TOOLS if spec.needs is None]
        assert first == [tool.name for tool in (await client.list_tools(cache_mode="bypass")).tools]


async def test_the_list_may_be_kept_for_a_while_by_the_one_who_asked(api: ScriptedCalypso):
    async with api.state() as state, Client(build_server(state)) as client:
        listed = await client.list_tools()
        assert listed.ttl_ms
        assert listed.cache_scope == "private"


async def test_read_only_offers_and_runs_only_reading_tools(connect: Connect):
    async with connect(read_only=True) as client:
        tools = (await client.list_tools()).tools
        assert tools
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
        refused = await client.call_tool("create_bucket", {"name": "x"})
        assert refused.is_error
        assert refused.structured_content
        assert refused.structured_content["error"]["code"] == "unknown_tool"


@pytest.mark.parametrize("buckets", [[], [bucket("docs", counts={})]], ids=["no bucket", "an empty bucket"])
async def test_read_only_answers_name_no_tool_that_changes_anything(
    connect: Connect, api: ScriptedCalypso, buckets: list[dict[str, Any]]
):
    api.buckets = buckets
    calls = {"list_buckets": {}, "list_sources": {}, "search_bucket": {"query": "x"}, "list_agents": {}}
    async with connect(read_only=True) as client:
        for name, arguments in calls.items():
            said = text(await client.call_tool(name, arguments))
            assert not [spec.name for spec in TOOLS if not spec.read_only and spec.name in said], name


@pytest.mark.parametrize(
    ("decisions", "makes"),
    [({}, True), ({"pins": LIMITS}, False), ({"pins": LIMITS, "allow_create": True}, True)],
    ids=["no limit", "a limit", "a limit and leave"],
)
async def test_the_list_holds_no_tool_whose_every_call_would_be_refused(
    connect: Connect, decisions: dict[str, Any], makes: bool
):
    async with connect(**decisions) as client:
        offered = {tool.name for tool in (await client.list_tools()).tools}
        assert offered >= {"list_buckets", "upload_file"}
        assert offered & {"create_bucket", "create_agent"} == (
            {"create_bucket", "create_agent"} if makes else set()
        )


async def test_picked_tools_are_the_only_ones(connect: Connect):
    async with connect(tools=frozenset({"list_buckets"})) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["list_buckets"]
        assert (await client.call_tool("search_bucket", {"query": "x"})).is_error


@pytest.mark.parametrize("decisions", [{"tools": frozenset({"nonsense"})}, {"tools": frozenset()}])
async def test_a_wrong_choice_of_tools_ends_the_start(api: ScriptedCalypso, decisions: dict[str, Any]):
    async with api.state(**decisions) as state:
        with pytest.raises(ConfigError) as caught:
            build_server(state)
        assert "--tools" in caught.value.hint


async def test_a_read_only_credential_sees_and_runs_only_reading_tools(api: ScriptedCalypso, era: str):
    def reader(_request: object) -> AccessGrant:
        return AccessGrant(name="reader", read_only=True)

    async with (
        api.state(grant_for=reader) as state,
        Client(build_server(state), mode=era) as client,
    ):
        assert "create_bucket" not in [tool.name for tool in (await client.list_tools()).tools]
        hidden = await client.call_tool("create_bucket", {"name": "x"})
        unknown = await client.call_tool("no_such_tool", {"name": "x"})
        assert str(hidden.content) == str(unknown.content).replace("no_such_tool", "create_bucket")
        assert not api.asked("POST /knowledge/buckets")
