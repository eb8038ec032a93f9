"""JSON schemas as every client can read them: no `$ref`, no nullable unions, nothing that says nothing.

Some hosts drop a tool, or the whole list, over `$ref`, a root `oneOf`, or `anyOf` with null; and the list
is paid for in tokens on every turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

Schema = dict[str, Any]

#: Lengths are checked all the same; no model counts characters beforehand or sends an empty text by plan.
_DROPPED = frozenset({"title", "$defs", "maxLength", "minLength", "minItems"})
#: Nobody writes longer lists by hand.
_LONG_LIST = 20
_DROPPED_FROM_OUTPUT = _DROPPED | {"default", "required", "description", "additionalProperties", "enum"}


def compact_input(schema: Schema) -> Schema:
    """Return an input schema without titles, references, nullable unions and rules that say nothing."""
    compact = _compact(schema, cast("Schema", schema.get("$defs", {})), _DROPPED)
    compact.setdefault("properties", {})
    return compact


def compact_output(schema: Schema) -> Schema:
    """Return an output schema: the type of every fact, also inside lists.

    Nothing is `required`: absent facts are left out, and an error's structure travels in the same place,
    which some clients hold against the schema as well.
    """
    return _compact(schema, cast("Schema", schema.get("$defs", {})), _DROPPED_FROM_OUTPUT)


def _compact(schema: Schema, definitions: Schema, dropped: frozenset[str]) -> Schema:
    merged = dict(schema)
    while "$ref" in merged or _has_null(merged):
        merged = _resolved(merged, definitions) if "$ref" in merged else _without_null(merged)
    compact: Schema = {}
    for key, value in merged.items():
        if key in dropped or _says_nothing(key, value):
            continue
        if key == "properties":
            properties = cast("Schema", value)
            compact[key] = {name: _compact(entry, definitions, dropped) for name, entry in properties.items()}
        elif key == "anyOf":
            options = [_compact(entry, definitions, dropped) for entry in value]
            # Words of two enumerations are both texts once the words are dropped.
            compact.update({key: options} if any(one != options[0] for one in options) else options[0])
        elif key in ("items", "additionalProperties") and isinstance(value, Mapping):
            compact[key] = _compact(cast("Schema", value), definitions, dropped)
        elif key != "additionalProperties":
            compact[key] = value
    return compact


def _has_null(schema: Schema) -> bool:
    return any(option.get("type") == "null" for option in cast("list[Schema]", schema.get("anyOf", [])))


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    name = str(schema["$ref"]).rpartition("/")[2]
    rest = {key: value for key, value in schema.items() if key != "$ref"}
    # The model's docstring speaks to its maintainers.
    definition = {key: value for key, value in definitions[name].items() if key != "description"}
    return {**definition, **rest}


def _without_null(schema: Schema) -> Schema:
    options = [option for option in cast("list[Schema]", schema["anyOf"]) if option.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(options) == 1:
        return {**options[0], **rest}
    return {**rest, "anyOf": options}


def _says_nothing(key: str, value: Any) -> bool:
    """Whether a rule is what anyone expects: a default that is empty or off, a limit nobody comes near."""
    if key == "default":
        return value is None or value is False or value in ("", [], {})
    if key == "minimum":
        return value in (0, 1)
    return key == "maxItems" and value > _LONG_LIST
