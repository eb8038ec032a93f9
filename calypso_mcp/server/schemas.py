"""JSON schemas as every client can read them: no `$ref`, no nullable unions, nothing that says nothing.

Some hosts drop a tool, or the whole list, over `$ref`, a root `oneOf`, or `anyOf` with null; and the list
is paid for in tokens on every turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

Schema = dict[str, Any]

_DROPPED = {"title", "$defs"}
_DROPPED_FROM_OUTPUT = {"default", "required", "description"}


def compact_input(schema: Schema) -> Schema:
    """Return an input schema without titles, references, nullable unions and empty defaults."""
    compact = _compact(schema, cast("Schema", schema.get("$defs", {})), keep_defaults=True)
    compact.setdefault("properties", {})
    return compact


def compact_output(schema: Schema) -> Schema:
    """Return an output schema.

    Nothing is `required`: absent facts are left out, and an error's structure travels in the same place,
    which some clients hold against the schema as well.
    """
    return _compact(schema, cast("Schema", schema.get("$defs", {})), keep_defaults=False)


def _compact(schema: Schema, definitions: Schema, *, keep_defaults: bool) -> Schema:
    merged = dict(schema)
    if "$ref" in merged:
        name = str(merged.pop("$ref")).rpartition("/")[2]
        merged = {**cast("Schema", definitions[name]), **merged}
    if "anyOf" in merged:
        merged = _without_null(merged)
    dropped = (
        {"title", "$defs"} if keep_defaults else {"title", "$defs", "default", "required", "description"}
    )
    compact: Schema = {}
    for key, value in merged.items():
        if key in dropped or (key == "default" and _says_nothing(value)):
            continue
        if key == "properties":
            compact[key] = {
                name: _compact(cast("Schema", entry), definitions, keep_defaults=keep_defaults)
                for name, entry in cast("Schema", value).items()
            }
        elif key == "anyOf":
            compact[key] = [_compact(entry, definitions, keep_defaults=keep_defaults) for entry in value]
        elif key in ("items", "additionalProperties") and isinstance(value, Mapping):
            compact[key] = _compact(cast("Schema", value), definitions, keep_defaults=keep_defaults)
        elif key == "additionalProperties" and value in (True, False):
            continue
        else:
            compact[key] = value
    return compact


def _without_null(schema: Schema) -> Schema:
    options = [option for option in cast("list[Schema]", schema["anyOf"]) if option.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(options) == 1:
        return {**options[0], **rest}
    return {**rest, "anyOf": options}


def _says_nothing(default: object) -> bool:
    """Whether a default is what anyone expects of an argument left out: empty, or off."""
    return default is None or default is False or default in ("", [], {})
