"""Both channels of a result carry the same facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any

import pytest
from mcp_types import TextContent
from pydantic import Field

from calypso_mcp.server.results.models import ToolResult, answer


class _Item(ToolResult):
    name: str
    size: int
    tags: list[str] | None = None


class _Result(ToolResult):
    done: bool
    items: list[_Item]
    note: str | None = None
    counts: dict[str, int] = Field(default_factory=dict)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for entry in value.values() for leaf in leaves(entry)]
    if isinstance(value, list):
        return [leaf for entry in value for leaf in leaves(entry)]
    return [value]


def test_every_fact_of_the_structure_stands_in_the_text_too():
    result = _Result(done=True, items=[_Item(name="a.pdf", size=3, tags=["x", "y"])], counts={"file": 7})
    sent = answer(result)
    assert isinstance(sent.content[0], TextContent)
    text = sent.content[0].text
    for leaf in leaves(sent.structured_content):
        assert ("yes" if leaf is True else str(leaf)) in text


def test_absent_facts_are_in_neither_channel():
    sent = answer(_Result(done=False, items=[]))
    assert sent.structured_content == {"done": False, "items": [], "counts": {}}
    assert "note" not in sent.content[0].model_dump_json()


def test_the_text_is_compact_lines_and_not_indented_json():
    text = _Result(done=True, items=[_Item(name="a", size=1), _Item(name="b", size=2)]).as_text()
    assert text == "done: yes\nitems:\n- name: a, size: 1\n- name: b, size: 2\ncounts: none"


@pytest.mark.parametrize("shape", [list, tuple, set, iter])
def test_a_list_becomes_clean_whatever_it_is_made_of(shape: Callable[[list[str]], Iterable[str]]):
    item = _Item.model_validate({"name": "a", "size": 1, "tags": shape(["x\u202ey"])})
    assert item.tags == ["xy"]


def test_an_object_becomes_clean_whatever_it_is_made_of():
    given = {"done": True, "items": [], "counts": MappingProxyType({"x\u202ey": 1})}
    assert _Result.model_validate(given).counts == {"xy": 1}
