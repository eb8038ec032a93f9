"""The registry: one list of tools, and schemas that every client can read."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import pytest
from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from calypso_mcp.server.calls.tool_spec import make_tool
from calypso_mcp.server.registry import PROFILES
from calypso_mcp.server.results.models import USUAL, ToolResult, answer
from calypso_mcp.settings import Settings
from tests.protocol.tool_snapshots import published, published_schemas
from tests.support.tool_schemas import compact_input, compact_output


class _Inner(BaseModel):
    """Words for maintainers."""

    title: str
    often: str | None = USUAL
    size: int | None = None


class _Arguments(BaseModel):
    inner: _Inner | None = None
    many: list[_Inner] = Field(default_factory=list)
    limit: Annotated[int, Field(ge=1, le=9, description="How many")] = 5
    least: Annotated[int, Field(ge=2)] = 2
    few: Annotated[list[str], Field(min_length=1, max_length=5)] = Field(default_factory=list)
    thousand: Annotated[list[str], Field(max_length=1000)] = Field(default_factory=list)
    on: bool = True
    off: bool = False
    name: Annotated[str, Field(max_length=10)] = ""
    either: int | str = 0


INNER: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "often": {"type": "string"}, "size": {"type": "integer"}},
    "required": ["title"],
}


def test_an_input_schema_loses_references_titles_nulls_and_empty_defaults_but_no_meaning():
    assert compact_input(_Arguments.model_json_schema()) == {
        "type": "object",
        "properties": {
            "inner": INNER,
            "many": {"type": "array", "items": INNER},
            "limit": {
                "type": "integer",
                "maximum": 9,
                "default": 5,
                "description": "How many",
            },
            "least": {"type": "integer", "minimum": 2, "default": 2},
            "few": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
            "thousand": {"type": "array", "items": {"type": "string"}},
            "on": {"type": "boolean", "default": True},
            "off": {"type": "boolean"},
            "name": {"type": "string"},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        },
    }


def test_an_output_schema_requires_nothing_so_that_errors_fit_it_too():
    compact = compact_output(_Arguments.model_json_schema())
    assert "required" not in str(compact)
    assert "additionalProperties" not in compact


def test_an_output_schema_types_what_most_entries_of_a_list_hold():
    properties = compact_output(_Arguments.model_json_schema())["properties"]
    inner = {"type": "object", "properties": {"title": {"type": "string"}, "often": {"type": "string"}}}
    assert properties["many"] == {"type": "array", "items": inner}
    assert properties["few"] == {"type": "array", "items": {"type": "string"}, "maxItems": 5}
    assert properties["inner"] == inner


class _Result(ToolResult):
    value: int


async def _good(value: int) -> Annotated[CallToolResult, _Result]:
    """Give it back."""
    return answer(_Result(value=value))


async def _unannotated(value: int) -> CallToolResult:
    """Give it back."""
    return answer(_Result(value=value))


def test_what_a_tool_publishes_follows_from_its_function():
    value = {"properties": {"value": {"type": "integer"}}, "type": "object"}
    assert published_schemas(_good) == {
        "inputSchema": {**value, "required": ["value"]},
        "outputSchema": value,
    }


def test_a_tool_is_made_once():
    assert make_tool(_good) is make_tool(_good)


def test_a_tool_that_does_not_say_what_it_returns_is_a_mistake_found_at_once():
    with pytest.raises(TypeError, match="Annotated"):
        published_schemas(_unannotated)


def test_names_are_unique_and_nothing_the_server_fills_in_is_published():
    entries = [entry for tools in PROFILES.values() for entry in tools]
    names = [entry.name for entry in entries]
    assert len(set(names)) == len(names)
    for entry in entries:
        assert not {"access", "ctx", "context"} & set(published(entry)["inputSchema"]["properties"])


def test_the_profiles_are_those_that_the_operator_can_choose():
    assert get_args(Settings.model_fields["profile"].annotation) == tuple(PROFILES)
