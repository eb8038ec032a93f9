"""Reading a source on from a place: its passages in their order, as they were cut for the index."""

from __future__ import annotations

import sqlite3
import unicodedata
from dataclasses import dataclass
from typing import Any

from calypso_mcp.local.indexing.chunking import HEADING_SEPARATOR
from calypso_mcp.local.retrieval.index import Passage, part_of

_ROWS = """
SELECT id, text, heading, line_start, line_end, part_kind, part_number, part_name
FROM passages WHERE source = ? AND id >= ? ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin: at a passage, else at the first that reaches a part or line, else at the beginning.

    Attributes:
        passage: 0-based.
        part: Page, slide, sheet, message or cell, 1-based.
        line: Line of the file, or row of the sheet that `part` names; 1-based.
        section: Part of a heading, or of the name of a sheet, in any case. Nothing outside is read.
    """

    passage: int | None = None
    part: int | None = None
    line: int | None = None
    section: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands from a place on.

    Attributes:
        passages: In the order of the source.
        first: Index of the first of them.
        total: Passages of the source in all.
        following: Index of the next passage; None at the end of the source, or of the section asked for.
    """

    passages: tuple[Passage, ...]
    first: int
    total: int
    following: int | None


def read(connection: sqlite3.Connection, file_id: str, start: Start, *, max_chars: int) -> Reading:
    """Return passages of a source, at least one where there is one, with at most `max_chars` characters."""
    row = connection.execute(
        "SELECT passages.source, min(passages.id), count(*) FROM passages"
        " JOIN passage_sources ON passage_sources.id = passages.source WHERE passage_sources.file_id = ?",
        (file_id,),
    ).fetchone()
    source, begin, total = row
    if not total:
        return Reading((), 0, 0, None)
    within = _section(connection, source, begin, start.section) if start.section else range(total)
    if not within:
        return Reading((), 0, total, None)
    first, stop = _first(connection, source, begin, start, within), within.stop
    passages: list[Passage] = []
    chars = 0
    for _, text, heading, line_start, line_end, *part in connection.execute(_ROWS, (source, begin + first)):
        chars += len(text)
        if first + len(passages) == stop or (passages and chars > max_chars):
            break
        passages.append(Passage(file_id, text, heading or None, part_of(*part), line_start, line_end, 0.0))
    end = first + len(passages)
    return Reading(tuple(passages), first, total, end if end < stop else None)


def _first(connection: sqlite3.Connection, source: int, begin: int, start: Start, within: range) -> int:
    """Return the index of the passage to begin with; the ids of a source's passages follow each other."""
    if start.passage is not None:
        return min(max(start.passage, within.start), within[-1])
    conditions, values = "", list[Any]()
    if start.part is not None:
        conditions += " AND part_number >= ?"
        values.append(start.part)
    if start.line is not None:
        # Of the part asked for; a later part begins with its first line.
        conditions += (
            " AND line_end >= ?" if start.part is None else " AND (line_end >= ? OR part_number > ?)"
        )
        values += [start.line] if start.part is None else [start.line, start.part]
    if not conditions:
        return within.start
    found = connection.execute(
        f"SELECT min(id) FROM passages WHERE source = ? AND id >= ? AND id < ?{conditions}",  # noqa: S608 - ours
        (source, begin + within.start, begin + within.stop, *values),
    ).fetchone()[0]
    return within[-1] if found is None else int(found) - begin  # behind the end: the last passage


def _section(connection: sqlite3.Connection, source: int, begin: int, wanted: str) -> range:
    """Return the indexes of the passages of a section.

    Of the first heading or part name that holds `wanted`; else the first passage whose text holds it, since a
    short section shares its passage with others. Empty where nothing does.
    """
    wanted = _folded(wanted)
    paths = [
        (*_folded(heading or "").split(HEADING_SEPARATOR), *([_folded(name)] if name else []))
        for heading, name in connection.execute(
            "SELECT heading, part_name FROM passages WHERE source = ? AND id >= ? ORDER BY id",
            (source, begin),
        )
    ]
    for first, path in enumerate(paths):
        level = next((level for level, title in enumerate(path) if wanted in title), None)
        if level is not None:
            others = (
                index
                for index, other in enumerate(paths)
                if index > first and other[: level + 1] != path[: level + 1]
            )
            return range(first, next(others, len(paths)))
    texts = connection.execute(
        "SELECT text FROM passages WHERE source = ? AND id >= ? ORDER BY id", (source, begin)
    )
    found = next((index for index, (text,) in enumerate(texts) if wanted in _folded(text)), None)
    return range(0) if found is None else range(found, found + 1)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
