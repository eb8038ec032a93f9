"""Structured values (JSON, YAML, TOML) as lines of text: every leaf with the keys that lead to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from calypso_mcp.local.indexing.chunking import TARGET_CHARS
from calypso_mcp.local.indexing.documents import Block
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR

#: A record up to this long is one line.
_RECORD_CHARS = 600
#: Deeper than this, only a program can have nested it.
_MOST_DEPTH = 200


def lines_of(value: Any) -> Iterator[str]:
    """Yield the text of a value: records on a line each, other leaves with their path of keys.

    A record is an object that holds leaves only: `plan: Business | monthly_eur: 249`. Elsewhere a leaf reads
    `policy.notice: three months`.

    Raises:
        ValueError: It is nested absurdly deep.
    """
    yield from _lines("", value, 0)


def line_blocks(lines: Iterable[tuple[str, int | None, int | None]]) -> Iterator[Block]:
    """Yield lines of text, each with its first and last line in the file, in blocks of whole lines."""
    gathered: list[str] = []
    size, first, last = 0, None, None
    for text, start, end in lines:
        if gathered and size + len(text) > TARGET_CHARS:
            yield Block("\n".join(gathered), None, first, last, is_table=True)
            gathered, size = [], 0
        first = first if gathered else start
        last = end
        gathered.append(text)
        size += len(text) + 1
    if gathered:
        yield Block("\n".join(gathered), None, first, last, is_table=True)


def leaf_text(value: Any) -> str:
    """Return what a leaf says; empty for null."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lines(path: str, value: Any, depth: int) -> Iterator[str]:
    if depth > _MOST_DEPTH:
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
            if len(joined) <= _RECORD_CHARS:
                yield from filter(None, [_named(path, joined)])
                return
        for entry in entries:
            yield from _lines(path, entry, depth + 1)
    elif text := leaf_text(value).strip():
        yield _named(path, text)


def _record(path: str, entries: Mapping[str, Any]) -> str | None:
    """Return an object of leaves as one line; None where it is none, or too long."""
    if not all(_is_leaf(entry) for entry in entries.values()):
        return None
    cells = [f"{key}: {text}" for key, entry in entries.items() if (text := leaf_text(entry).strip())]
    line = CELL_SEPARATOR.join(cells)
    if len(line) > _RECORD_CHARS or "\n" in line:
        return None
    if not line or not path:
        return line
    return _named(path, line) if len(cells) > 1 else f"{path}.{line}"


def _named(path: str, text: str) -> str:
    return f"{path}: {text}" if path and text else text


def _is_leaf(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
