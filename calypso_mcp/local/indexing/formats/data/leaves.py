"""Structured values (JSON, YAML) as lines of text: every leaf with the keys that lead to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from typing import Any

from calypso_mcp.domain.json_values import is_list, is_object
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
#: Chats escape these signs in all their messages.
_REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[\da-fA-F]{1,6});")
_TAG = re.compile(r"<[^<>]{1,2000}>")
#: Only a program nests values deeper than this.
MOST_DEPTH = 200
#: How deep values in an item of a list may lie, and how many there may be, to stand on its line.
_ITEM_DEPTH, _MOST_CELLS = 4, 100

#: A line of text, with its first and last line in the file.
Line = tuple[str, int | None, int | None]


def lines_of(value: Any) -> Iterator[str]:
    """Yield the text of a value: records on a line each, other leaves with their path of keys.

    A record is a short object of leaves only, or in a list: `plan: Business | seats.most: 40`.
    Elsewhere a leaf reads `policy.notice: three months`.

    Raises:
        ValueError: It is nested too deeply.
    """
    yield from (text for text, _ in _lines("", value, 0) if text)


def placed_lines(value: Any, places: Sequence[int]) -> Iterator[Line]:
    """Yield what `lines_of` does; `places` are the lines of all leaves, those without text among them."""
    at = 0
    for text, leaves in _lines("", value, 0):
        if text:
            yield text, places[at], places[at + leaves - 1]
        at += leaves


def line_blocks(lines: Iterable[Line]) -> Iterator[Block]:
    """Yield lines in blocks of the size of a passage."""
    for run in fill_passages(lines, lambda line: len(line[0])):
        rows = [
            (start, end) for text, start, end in run if start and end for _ in range(text.count("\n") + 1)
        ]
        text = "\n".join(text for text, _, _ in run)
        # Of one leaf alone, which may have millions of lines, the block's own span says as much.
        is_placed = len(run) > 1 and len(rows) == text.count("\n") + 1
        yield Block(
            text, None, run[0][1], run[-1][2], is_table=True, row_lines=tuple(rows) if is_placed else ()
        )


def leaf_text(value: Any) -> str:
    """Return a leaf as text; empty for null."""
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "<" in text and _CLOSED_TAG.search(text) is not None:
        return without_tags(text)
    return _REFERENCE.sub(lambda reference: unescape(reference[0]), text) if "&" in text else text


def without_tags(markup: str) -> str:
    """Return what markup inside a value says, on one line."""
    return " ".join(unescape(_TAG.sub(" ", _INLINE_TAG.sub("", markup))).split())


def _lines(path: str, value: Any, depth: int, *, is_item: bool = False) -> Iterator[tuple[str, int]]:
    """Yield lines, and how many leaves each holds; the text of leaves that say nothing is empty."""
    if depth > MOST_DEPTH:
        raise ValueError("nested too deep")
    if is_object(value):
        record = _record(path, value, is_item=is_item)
        if record is not None:
            yield record
            return
        for key, entry in value.items():
            yield from _lines(_joined(path, key), entry, depth + 1)
    elif is_list(value):
        if all(map(_is_leaf, value)):
            joined = ", ".join(filter(None, map(leaf_text, value)))
            if len(joined) <= RECORD_CHARS:
                yield _named(path, joined), len(value)
                return
        for entry in value:
            yield from _lines(path, entry, depth + 1, is_item=True)
    else:
        yield _named(path, leaf_text(value).strip()), 1


def _record(path: str, entries: Mapping[str, Any], *, is_item: bool) -> tuple[str, int] | None:
    """Return an object as one line, and how many leaves it holds; None if it is too deep or too long."""
    found = _cells("", entries, _ITEM_DEPTH if is_item else 1)
    if found is None:
        return None
    cells = [" ".join(cell.split()) if is_item else cell for cell, _ in found if cell]
    line = CELL_SEPARATOR.join(cells)
    if len(line) > RECORD_CHARS or "\n" in line:
        return None
    text = _named(path, line) if len(cells) != 1 else _joined(path, line)
    return text, sum(leaves for _, leaves in found)


def _cells(path: str, value: Any, deepest: int) -> list[tuple[str, int]] | None:
    """Return the cells of a value, and how many leaves each holds; None if too many or too deep."""
    if _is_leaf(value):
        return [(_named(path, leaf_text(value).strip()), 1)]
    if not deepest or len(value) > _MOST_CELLS:
        return None
    if is_object(value):
        entries = [(_joined(path, key), entry) for key, entry in value.items()]
    elif all(map(_is_leaf, value)):
        return [(_named(path, ", ".join(filter(None, map(leaf_text, value)))), len(value))]
    else:
        entries = [(path, entry) for entry in value]
    found: list[tuple[str, int]] = []
    for name, entry in entries:
        cells = _cells(name, entry, deepest - 1)
        if cells is None or len(found) > _MOST_CELLS:
            return None
        found += cells
    return found


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else str(key)


def _named(path: str, text: str) -> str:
    return f"{path}: {text}" if path and text else text


def _is_leaf(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
