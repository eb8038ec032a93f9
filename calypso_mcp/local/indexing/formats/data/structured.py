"""JSON, JSON Lines and YAML: their text with escapes resolved, every value beside its keys.

A file that does not parse is read as plain text, with a warning unless it is JSON with comments.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from typing import Any

from calypso_mcp.domain.json_values import as_object
from calypso_mcp.local.indexing.chunking import TARGET_CHARS
from calypso_mcp.local.indexing.documents import Document, FileContent
from calypso_mcp.local.indexing.formats.data.leaves import (
    Line,
    line_blocks,
    lines_of,
    placed_lines,
)
from calypso_mcp.local.indexing.formats.encodings.decoding import Decoded, decode
from calypso_mcp.local.indexing.formats.texts.text import text_document

#: A name with its colon, or a leaf.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?+(\s*+:)?+|[-+.\w]++')
#: Settings of many programs are JSON with such lines: it is not broken, and as text it says all that it does.
_COMMENT = re.compile(r"^[ \t]*+/[/*]", re.MULTILINE)
_TITLE_KEYS = ("title", "name")
#: A line of a catalog of messages with those that go on with it, and what it escapes (java.util.Properties,
#: gettext, Apple's .strings).
_MESSAGE = re.compile(r'(?:[^\\\n"]|\\(?s:.)|"(?:[ \t]*+\n[ \t]*+")?+)++')
_CONTINUED = re.compile(r'"[ \t]*+\n[ \t]*+"|\\(?:\n[ \t]*+|[uU]([0-9a-fA-F]{4})|(?s:(.)))')
_WHITE_SPACE = dict.fromkeys("fnrt", " ")
#: Non-ASCII characters of UTF-8 that were escaped byte by byte, as in what Facebook and Instagram export.
_ESCAPED_BYTES = re.compile(r"(?:\\u00[89a-f][\da-f]){2,}", re.IGNORECASE)


def read_json(file: FileContent) -> Document:
    """Return the leaves of a JSON file, which may hold several values like JSON Lines."""
    decoded = decode(file.data, file.charset)
    try:
        repeated: set[str] = set()
        value = _json(decoded.text, repeated)
        places = [] if repeated else _places_of_leaves(decoded.text)
        lines = placed_lines(value, places) if places else ((line, None, None) for line in lines_of(value))
        blocks = tuple(line_blocks(lines))
    except (ValueError, RecursionError):
        return _json_lines(decoded)
    return Document(blocks, _title(value), warnings=decoded.warnings)


def read_json_lines(file: FileContent) -> Document:
    """Return the records of a file with one JSON value a line, with their lines."""
    return _json_lines(decode(file.data, file.charset))


def read_yaml(file: FileContent) -> Document:
    """Return the leaves and comments of a YAML file with their lines."""
    decoded = decode(file.data, file.charset)
    import yaml

    from calypso_mcp.local.indexing.formats.data.yaml_lines import yaml_lines

    try:
        found = list(yaml_lines(decoded.text))
    except (yaml.YAMLError, ValueError, RecursionError):
        return text_document(decoded, "not valid YAML, read as plain text")
    return Document(tuple(line_blocks(found)), warnings=decoded.warnings)


def read_properties(file: FileContent) -> Document:
    """Return a catalog of messages as text with its escapes resolved and its continued lines joined."""
    decoded = decode(file.data, file.charset)
    return text_document(replace(decoded, text=_MESSAGE.sub(_on_one_line, decoded.text)))


def _on_one_line(message: re.Match[str]) -> str:
    """Return a message on its first line; the others are empty."""
    text = _CONTINUED.sub(_said_by_escape, message[0])
    return text + "\n" * (message[0].count("\n") - text.count("\n"))


def _said_by_escape(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return _WHITE_SPACE.get(escape[2], escape[2]) if escape[2] else ""


def _json_lines(decoded: Decoded) -> Document:
    """Read one value a line; a line that is not JSON stays as it is."""
    found: list[Line] = []
    failed = 0
    for number, line in enumerate(decoded.text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            texts = list(lines_of([_json(line, set())]))
        except (ValueError, RecursionError):
            failed += 1
            texts = [line.strip()]
        found += [(text, number, number) for text in texts]
    if failed * 2 > len(found):
        has_comments = _COMMENT.search(decoded.text) is not None
        return text_document(decoded, *() if has_comments else ("not valid JSON, read as plain text",))
    lines = "1 line is" if failed == 1 else f"{failed} lines are"
    warning = (f"{lines} not valid JSON, read as plain text",) if failed else ()
    return Document(tuple(line_blocks(found)), warnings=decoded.warnings + warning)


def _json(text: str, repeated: set[str]) -> Any:
    """Parse a text, and add the names that an object has twice to `repeated`."""
    # Numbers stay as they are written: a search looks for the characters.
    text = _ESCAPED_BYTES.sub(_as_utf8, text)
    return json.loads(
        text, parse_int=str, parse_float=str, object_pairs_hook=partial(_with_all_values, repeated)
    )


def _places_of_leaves(text: str) -> list[int]:
    """Return the lines of all leaves of a JSON text; none where lines say little."""
    if text.count("\n") * TARGET_CHARS < len(text):
        return []
    places: list[int] = []
    number, before = 1, 0
    for token in _TOKEN.finditer(text):
        number += text.count("\n", before, token.start())
        before = token.start()
        if token[1] is None:
            places.append(number)
    return places


def _as_utf8(escapes: re.Match[str]) -> str:
    try:
        return bytes.fromhex(escapes[0].replace("\\u00", "")).decode()
    except UnicodeDecodeError:
        return escapes[0]


def _with_all_values(repeated: set[str], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of an object; a repeated name keeps all its values."""
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    repeated.update(name for name, found in values.items() if len(found) > 1)
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _title(value: Any) -> str | None:
    titles = map(as_object(value).get, _TITLE_KEYS)
    return next((title for title in titles if isinstance(title, str) and title), None)
