"""What tools return: small typed models, sent twice with the same facts.

Some hosts show the model only the structured content, others only the text, so neither may know more.
The tool list does not name facts of type `SkipJsonSchema`: they explain themselves where they appear.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Self, TypeVar

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict, Field, model_validator

from calypso_mcp.domain.json_values import as_object, is_list, is_object
from calypso_mcp.domain.untrusted_text import clean, clean_value

T = TypeVar("T")

_DAY_CHARS = len("2026-01-31")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: Between two facts on a line, or between the name of a fact and its value.
_READS_AS_FACTS = re.compile("[,:|] ")


#: Default of a fact that most entries of a list have: their published schema names no others.
MARKED_USUAL = "usual"
USUAL: Any = Field(default=None, json_schema_extra={MARKED_USUAL: True})


class Prose:
    """Marks the fields of a result that may have several lines: passages, answers, commands."""


class ToolResult(BaseModel):
    """Base of every tool's result. Absent facts are None and are left out of both channels.

    Whatever a result is made of, ids and names of an API included, it becomes clean here: one line of visible
    characters, unless the field is marked as `Prose`.
    """

    # Built when first used: a start pays for no result that is never returned.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _clean(cls, given: dict[str, Any]) -> dict[str, Any]:
        prose = _prose(cls)
        return {
            name: clean(value) if name in prose and isinstance(value, str) else clean_value(value)
            for name, value in given.items()
        }

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with the changes in `update`, which are checked and cleaned like all else."""
        return type(self).model_validate({**dict(super().model_copy(deep=deep)), **(update or {})})

    def facts(self) -> dict[str, Any]:
        """Return the structured content: JSON values, absent ones left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def as_text(self) -> str:
        """Return every fact as compact text; tools whose result reads better as prose override this."""
        return "\n".join(_lines(self.facts()))


@cache
def _prose(model: type[ToolResult]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if Prose in field.metadata)


def answer(result: ToolResult) -> CallToolResult:
    """Return `result` on both channels."""
    return CallToolResult(
        content=[TextContent(type="text", text=result.as_text())], structured_content=result.facts()
    )


def day_of(moment: object) -> str | None:
    """Return the day of a moment in ISO 8601, as in "2026-01-31"; None of anything else."""
    return moment[:_DAY_CHARS] if isinstance(moment, str) and _DAY.match(moment) else None


def with_ignored(result: CallToolResult, ignored: Sequence[str]) -> CallToolResult:
    """Return `result` with the names of arguments that were ignored, on both channels.

    A result whose text is its structured content as JSON stays so: clients read it as one value.
    """
    if not ignored:
        return result
    facts = as_object(result.structured_content)
    structure = {**facts, "ignored_arguments": list(ignored)}
    if [block.text for block in result.content if isinstance(block, TextContent)] == [as_json(facts)]:
        content = [TextContent(type="text", text=as_json(structure))]
    else:
        note = TextContent(type="text", text=f"Ignored arguments: {', '.join(ignored)}")
        content = [*result.content, note]
    return result.model_copy(update={"content": content, "structured_content": structure})


def as_json(facts: Mapping[str, Any]) -> str:
    """Return structured content as JSON in its shortest form."""
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


def take_first(values: Sequence[T], most: int) -> tuple[list[T], int | None]:
    """Return the first of `values`, and how many more there are (None: none), so that no list is endless."""
    return list(values[:most]), max(0, len(values) - most) or None


def one_line(facts: dict[str, Any]) -> str:
    """Return `key: value` pairs on one line; nested objects in brackets."""
    return ", ".join(f"{key}: {inline(value)}" for key, value in facts.items())


def _lines(facts: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for key, value in facts.items():
        if is_list(value) and value and is_object(value[0]):
            lines.append(f"{key}:")
            lines.extend(f"- {one_line(entry)}" for entry in value)
        else:
            lines.append(f"{key}: {value if isinstance(value, str) else inline(value)}")
    return lines


def inline(value: Any) -> str:
    """Return a JSON value as compact text on one line; a text that could pass for other facts is quoted."""
    if isinstance(value, str) and _READS_AS_FACTS.search(value):
        return repr(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if is_object(value):
        return f"({one_line(value)})" if value else "none"
    if is_list(value):
        return ", ".join(map(inline, value)) if value else "none"
    return str(value)
