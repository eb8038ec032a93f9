"""Prompts and completions through a real client."""

from __future__ import annotations

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, PromptReference, ResourceTemplateReference, TextContent

from calypso_mcp.server.prompts import PROMPTS
from calypso_mcp.server.registry import TOOLS
from tests.support.mcp_answers import Connect
from tests.support.scripted_calypso import ScriptedCalypso, bucket


async def test_prompts_are_listed_with_their_arguments(connect: Connect):
    async with connect() as client:
        names = {prompt.name for prompt in (await client.list_prompts()).prompts}
        offered = {spec.name for spec in TOOLS}
        assert names == {spec.name for spec in PROMPTS if spec.tools <= offered}
        assert "ask_bucket" in names


async def test_a_prompt_that_needs_a_tool_that_is_not_offered_is_not_offered_either(connect: Connect):
    async with connect(tools=frozenset({"list_buckets"})) as client:
        assert (await client.list_prompts()).prompts == []
        with pytest.raises(MCPError) as caught:
            await client.get_prompt("ask_bucket", {"question": "x"})
        assert caught.value.code == INVALID_PARAMS


async def test_ask_bucket_names_the_tool_the_bucket_and_the_question(connect: Connect):
    async with connect() as client:
        result = await client.get_prompt("ask_bucket", {"question": "How long?", "bucket": "handbook"})
        content = result.messages[0].content
        assert isinstance(content, TextContent)
        assert "How long?" in content.text
        assert "search_bucket with bucket='handbook'" in content.text


@pytest.mark.parametrize("arguments", [{}, {"question": "  "}, {"question": "x" * 5000}])
async def test_missing_empty_and_overlong_arguments_are_refused(connect: Connect, arguments: dict[str, str]):
    async with connect() as client:
        with pytest.raises(MCPError) as caught:
            await client.get_prompt("ask_bucket", arguments)
        assert caught.value.code == INVALID_PARAMS


@pytest.mark.parametrize(
    ("argument", "typed", "expected"),
    [
        ("slug", "", ["handbook", "pricing", "vault"]),
        ("bucket", "PR", ["pricing"]),
        ("bucket", "book", ["handbook"]),
        ("agent", "supp", ["support"]),
        ("topic", "read", ["readiness"]),
        ("question", "anything", []),
    ],
)
async def test_arguments_are_completed(connect: Connect, argument: str, typed: str, expected: list[str]):
    async with connect() as client:
        reference = PromptReference(name="ask_bucket")
        result = await client.complete(reference, {"name": argument, "value": typed})
        assert result.completion.values[: len(expected)] == expected
        assert result.completion.total == len(result.completion.values)


async def test_at_most_a_hundred_values_come_and_the_rest_is_announced(
    connect: Connect, api: ScriptedCalypso
):
    api.buckets = [bucket(f"b{number:03}") for number in range(130)]
    async with connect() as client:
        reference = ResourceTemplateReference(uri="bucket://{slug}")
        completion = (await client.complete(reference, {"name": "slug", "value": ""})).completion
        assert (len(completion.values), completion.total, completion.has_more) == (100, 130, True)
