"""JSON schemas that every client can read: no `$ref`, no nullable unions, no rules without effect.

Some hosts drop a tool, or the whole list, over `$ref`, a root `oneOf`, or `anyOf` with null; and the list
is paid for in tokens on every turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from calypso_mcp.server.calls.call_arguments import LOCAL
from calypso_mcp.server.results.models import MARKED_USUAL

Schema = dict[str, Any]

#: Left out of the schema, but checked or filled in. No model counts characters beforehand, and a description
#: needs fewer bytes than a pattern.
_DROPPED = frozenset({"title", "$defs", MARKED_USUAL, LOCAL, "pattern", "maxLength", "minLength", "minItems"})
#: People write no longer lists by hand.
_LONG_LIST = 20
_DROPPED_FROM_OUTPUT = _DROPPED | {"default", "required", "description", "additionalProperties", "enum"}


def compact_input(schema: Schema, *, reads_files: bool = True) -> Schema:
    """Return an input schema without titles, references, nullable unions and rules without effect.

    Unless it `reads_files`, arguments that name files on the server's disk are left out.
    """
    if not reads_files:
        schema = _without_local(schema)
    compact = _compact(schema, cast("Schema", schema.get("$defs", {})), _DROPPED)
    compact.setdefault("properties", {})
    return compact


def _without_local(schema: Schema) -> Schema:
    """Return a schema whose objects lack the arguments that name local files."""
    kept = dict(schema)
    if "properties" in kept:
        properties = cast("Schema", kept["properties"])
        kept["properties"] = {name: entry for name, entry in properties.items() if LOCAL not in entry}
    if "$defs" in kept:
        definitions = cast("dict[str, Schema]", kept["$defs"])
        kept["$defs"] = {name: _without_local(entry) for name, entry in definitions.items()}
    return kept


def compact_output(schema: Schema) -> Schema:
    """Return an output schema: the type of every fact, inside lists of those that most entries have.

    Nothing is `required`: absent facts are left out, and an error's
    structure travels in the same place, which some clients hold against the schema as well.
    """
    definitions = cast("dict[str, Schema]", schema.get("$defs", {}))
    return _compact(
        schema, {name: _usual(entry) for name, entry in definitions.items()}, _DROPPED_FROM_OUTPUT
    )


def _usual(schema: Schema) -> Schema:
    """Return the schema of a list's entry with only the facts that all or most entries have."""
    required = schema.get("required", [])
    properties = cast("dict[str, Schema]", schema.get("properties", {}))
    usual = {name: fact for name, fact in properties.items() if name in required or MARKED_USUAL in fact}
    return {**schema, "properties": usual} if properties else schema


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
            compact.update({key: options} if any(option != options[0] for option in options) else options[0])
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
    """Whether a rule is a limit that no call comes near, or a default what anybody expects."""
    if key == "minimum":
        return value in (0, 1)
    if key == "default":
        return not value
    return key == "maxItems" and value > _LONG_LIST
