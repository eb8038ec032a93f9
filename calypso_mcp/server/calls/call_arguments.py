"""Converts a call's arguments, however hosts and models write them, to what the tool expects.

Hosts add arguments of their own to every call (n8n: `toolCallId`, `sessionId`, `action`, `chatInput`), and
models write null or an empty text for what they leave out, one text for a list of texts or the reverse, and
JSON inside a string. Only what has one meaning is read that way. A misspelt argument is refused: without it
a call could reach further than its caller asked for.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import Field

from calypso_mcp.domain.json_text import JsonShape, excess
from calypso_mcp.domain.json_values import is_list, is_object
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import InputError

Schema = Mapping[str, Any]

#: Marks an argument that names files on the server's disk.
LOCAL = "local"
NAMES_FILES: Any = Field(json_schema_extra={LOCAL: True})

#: Arguments that hosts are known to add; the model did not misspell them.
_HOST_EXTRAS: Final = frozenset(
    {"toolCallId", "tool_call_id", "sessionId", "session_id", "action", "chatInput", "chat_input"}
)
#: What limits a call to a part, in either number: a tool that left it out would reach further than asked.
_LIMITS: Final = frozenset(
    {"agent", "agent_id", "bucket", "bucket_id", "bucket_slug", "file_id", "filter", "folder"}
    | {"glob", "id", "kind", "metadata", "pattern", "source", "tag", "type"}
)
#: Other names for an argument, from the API, from earlier versions, from other tools and other servers.
_ALIASES: Final = {
    "agent": ("agent_id", "model", "profile"),
    "bucket": ("bucket_id", "bucket_slug", "bucket_name"),
    "buckets": ("bucket_ids", "bucket_slugs"),
    "text": ("content",),
    "query": ("q", "question"),
    "question": ("q", "query", "message"),
    "max_results": ("limit", "top_k"),
    "path": ("file_path",),
    "paths": ("files", "file_paths"),
    "directory": ("folder",),
    "include": ("glob", "pattern", "patterns"),
    "state": ("status",),
    "kind": ("type",),
    "timeout_s": ("timeout",),
    "file_id": ("id", "name", "filename", "source"),
    "source": ("file_id", "filename", "name"),
    "filename": ("name",),
    "name": ("filename",),
}
#: More unknown arguments than this are no host's additions.
_MOST_IGNORED: Final = 20
_NAME_CHARS: Final = 60
#: Share of letters in the same order from which two names count as one misspelt (`difflib`).
_CLOSE: Final = 0.75
#: Larger numbers may have lost digits on their way, so their text is not what was meant.
_EXACT_BELOW: Final = 2**53
_DIGITS: Final = re.compile(r"[0-9]{1,9}")
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclass(frozen=True, slots=True)
class CallArguments:
    """What a call asks for.

    Attributes:
        values: By argument, in the shape that the tool's schema names.
        ignored: Names of what the tool does not know, those inside lists as `items[].name`.
    """

    values: dict[str, Any]
    ignored: list[str] = field(default_factory=list[str])


def read_arguments(tool: str, schema: Schema, given: Mapping[str, Any]) -> CallArguments:
    """Return the arguments `given` for `tool` as its input `schema` expects them.

    A value that fits in no way is passed on as it is, for validation to refuse.

    Raises:
        InputError: An unknown argument is close to a real one, or there are too many unknown ones.
    """
    ignored: dict[str, None] = {}
    values = _read_object(tool, schema, given, "", ignored)
    return CallArguments(values, [clean_line(name, _NAME_CHARS) for name in ignored])


def as_text(value: Any) -> Any:
    """Return a whole number as the text it was meant for, anything else as it is."""
    return str(value) if type(value) is int and abs(value) < _EXACT_BELOW else value


def require_text(argument: str, value: str, hint: str) -> None:
    """Raise InputError, with `hint`, if the value of a text argument is blank."""
    if not value.strip():
        raise InputError(f"{argument} is empty.", code="invalid_arguments", hint=hint)


def _read_object(
    tool: str, schema: Schema, given: Mapping[str, Any], place: str, ignored: dict[str, None]
) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema["properties"]
    # Many hosts write null for an argument that is left out, and an empty text beside its other name.
    given = {name: value for name, value in given.items() if value is not None}
    filled = {name for name, value in given.items() if value != ""}
    values: dict[str, Any] = {}
    for name, value in given.items():
        known = name if name in properties else _alias(name, properties, filled)
        if known is None:
            if value != "":
                _ignore(tool, name, properties, place, ignored)
        elif value != "":
            values[known] = _read_value(tool, properties[known], value, f"{place}{known}", ignored)
            filled.add(known)
        elif known not in filled and _may_be_empty(properties[known]):
            values[known] = value
    return values


def _may_be_empty(schema: Schema) -> bool:
    """Whether an empty text is a value of an argument; to any other it stands for nothing."""
    return schema.get("type") == "string" and "" in schema.get("enum", ("",))


def _read_value(tool: str, schema: Schema, value: Any, place: str, ignored: dict[str, None]) -> Any:
    kind = schema.get("type")
    if kind == "string":
        return _read_text(schema, value)
    if kind == "array":
        return _read_list(tool, schema.get("items", {}), value, place, ignored)
    if kind == "integer" and isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return _decoded(value, "{") if kind == "object" and isinstance(value, str) else value


def _read_text(schema: Schema, value: Any) -> Any:
    """Return a text, or the word that it is in other letters if only some words are allowed."""
    value = _only_entry(value)
    words: Sequence[str] = schema.get("enum", ())
    return next((word for word in words if word == str(value).lower()), as_text(value))


def _read_list(tool: str, schema: Schema, value: Any, place: str, ignored: dict[str, None]) -> list[Any]:
    """Return a list whose entries are as `schema` says; one text, one number or one object is a list of one.

    Raises:
        InputError: It is a text that may stand for several.
    """
    read = _decoded(value, "[{") if isinstance(value, str) else value
    if read is value and isinstance(value, str) and "," in value:
        raise InputError(
            f"{place} is one text with commas: one entry or several?",
            code="invalid_arguments",
            hint=f'Pass {place} as a list: ["…"], or ["…", "…"].',
        )
    entries = read if is_list(read) else [read]
    if "properties" not in schema:
        return [_read_value(tool, schema, entry, place, ignored) for entry in entries]
    return [
        _read_object(tool, schema, entry, f"{place}[].", ignored) if is_object(entry) else entry
        for entry in entries
    ]


def _only_entry(value: Any) -> Any:
    """Return the one entry of a list, anything else as it is."""
    return value[0] if is_list(value) and len(value) == 1 else value


def _decoded(text: str, starts: str) -> Any:
    """Return what `text` says as JSON where it begins with one of `starts`, else the text itself."""
    # To the limits of a body, a string is one value, whatever JSON it holds.
    if not text.lstrip().startswith(tuple(starts)) or excess(text.encode(errors="replace"), JsonShape()):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _alias(name: str, properties: Collection[str], given: Collection[str]) -> str | None:
    """Return the argument that `name` is another name, case or number of, unless that is given as well."""
    letters = _letters(name)
    others = (known for known, names in _ALIASES.items() if letters in map(_letters, names))
    named = [letters, *map(_letters, others)]
    named += [entry.removesuffix("s") if entry.endswith("s") else f"{entry}s" for entry in named]
    by_letters = {_letters(known): known for known in properties if known not in given}
    return next((by_letters[entry] for entry in named if entry in by_letters), None)


def _ignore(tool: str, name: str, properties: Collection[str], place: str, ignored: dict[str, None]) -> None:
    """Note an unknown argument.

    Raises:
        InputError: It may be meant for one of `properties`, limits the call, or is one of too many.
    """
    meant = None if name in _HOST_EXTRAS else _meant(name, properties)
    numbers = {_letters(name), _letters(name).removesuffix("s")}
    # An entry of a list reaches no further for what it lacks.
    is_limit = not place and not numbers.isdisjoint(map(_letters, _LIMITS))
    shown = clean_line(f"{place}{name}", _NAME_CHARS)
    if meant is None and not is_limit and len(ignored) < _MOST_IGNORED:
        ignored[f"{place}{name}"] = None
        return
    raise InputError(
        f"{shown!r} is unknown, did you mean {meant!r}?"
        if meant
        else f"{tool} does not take {shown!r}."
        if is_limit
        else "Too many arguments are unknown.",
        code="invalid_arguments",
        hint=f"{tool} takes {f'in {place[:-1]} ' if place else ''}{', '.join(properties) or 'no arguments'}.",
    )


def _meant(name: str, properties: Collection[str]) -> str | None:
    """Return the argument that an unknown name probably means: misspelt, or with a word too many."""
    words = _words(name)
    if contained := [known for known in properties if _words(known).keys() <= words.keys()]:
        return contained[0]
    by_letters = {_letters(known): known for known in properties}
    close = difflib.get_close_matches(_letters(name), by_letters, n=1, cutoff=_CLOSE)
    return by_letters[close[0]] if close else None


def _words(name: str) -> dict[str, None]:
    """Return the words of a name in camel or snake case, in order."""
    return dict.fromkeys(word.lower() for word in _WORD.findall(name[:_NAME_CHARS]))


def _letters(name: str) -> str:
    """Return the letters of a name: `file_name`, `fileName` and `filename` have the same."""
    return "".join(_words(name))
