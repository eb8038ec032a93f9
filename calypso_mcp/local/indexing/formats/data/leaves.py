"""Structured values (JSON, YAML, TOML) as lines of text: every leaf with the keys that lead to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from typing import Any, cast

from calypso_mcp.local.indexing.documents import Block
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR, fill_passages

#: A record up to this long is one line.
RECORD_CHARS = 600
_INLINE = "a|abbr|b|code|em|i|mark|s|small|span|strong|su[bp]|u"
#: A value that closes one of these is HTML, as exports of help centres hold it.
_CLOSED_TAG = re.compile(
    rf"</(?:{_INLINE}|blockquote|body|div|h[1-6]|html|li|ol|p|pre|t[adrh]\w*|ul)\s*>|<br\s*/?>", re.IGNORECASE
)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE})(?:\s[^<>]{{0,2000}})?>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{1,2000}>")
#: Only a program nests values deeper than this.
MOST_DEPTH = 200

#: A line of text, with its first and last line in the file.
Line = tuple[str, int | None, int | None]


def lines_of(value: Any) -> Iterator[str]:
    """Yield the text of a value: records on a line each, other leaves with their path of keys.

    A record is an object that holds leaves only: `plan: Business | monthly_eur: 249`. Elsewhere a leaf reads
    `policy.notice: three months`.

    Raises:
        ValueError: It is nested absurdly deep.
    """
    yield from _lines("", value, 0)


def line_blocks(lines: Iterable[Line]) -> Iterator[Block]:
    """Yield lines in blocks of the size of a passage."""
    for run in fill_passages(lines, lambda line: len(line[0])):
        yield Block("\n".join(text for text, _, _ in run), None, run[0][1], run[-1][2], is_table=True)


def leaf_text(value: Any) -> str:
    """Return a leaf as text; empty for null."""
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return without_tags(text) if _CLOSED_TAG.search(text) is not None else text


def without_tags(markup: str) -> str:
    """Return what markup inside a value says, on one line."""
    return " ".join(unescape(_TAG.sub(" ", _INLINE_TAG.sub("", markup))).split())


def _lines(path: str, value: Any, depth: int) -> Iterator[str]:
    if depth > MOST_DEPTH:
        raise ValueError("nested too deep")
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        record = _record(path, entries)
        if record is not None:
            yield from filter(None, [record])
            return
        for key, entry in entries.items():
            yield from _lines(f"{path}.{key}" if path else str(key), entry, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        entries = cast("Sequence[Any]", value)
        if all(_is_leaf(entry) for entry in entries):
            joined = ", ".join(filter(None, map(leaf_text, entries)))
            if len(joined) <= RECORD_CHARS:
                yield from filter(None, [_named(path, joined)])
                return
        for entry in entries:
            yield from _lines(path, entry, depth + 1)
    elif text := leaf_text(value).strip():
        yield _named(path, text)


def _record(path: str, entries: Mapping[str, Any]) -> str | None:
    """Return an object of leaves as one line; None if it holds other values or is too long."""
    if not all(_is_leaf(entry) for entry in entries.values()):
        return None
    cells = [f"{key}: {text}" for key, entry in entries.items() if (text := leaf_text(entry).strip())]
    line = CELL_SEPARATOR.join(cells)
    if len(line) > RECORD_CHARS or "\n" in line:
        return None
    if not line or not path:
        return line
    return _named(path, line) if len(cells) > 1 else f"{path}.{line}"


def _named(path: str, text: str) -> str:
    return f"{path}: {text}" if path and text else text


def _is_leaf(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
