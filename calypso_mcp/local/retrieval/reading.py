"""Reading a source on from a place: its passages in their order, as they were cut for the index."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

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
    """

    passage: int | None = None
    part: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands from a place on.

    Attributes:
        passages: In the order of the source.
        first: Index of the first of them.
        total: Passages of the source in all.
        following: Index of the next passage; None at the end.
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
    first = min(_first(connection, source, begin, start), total - 1)
    passages: list[Passage] = []
    chars = 0
    for _, text, heading, line_start, line_end, *part in connection.execute(_ROWS, (source, begin + first)):
        chars += len(text)
        if passages and chars > max_chars:
            break
        passages.append(Passage(file_id, text, heading or None, part_of(*part), line_start, line_end, 0.0))
    end = first + len(passages)
    return Reading(tuple(passages), first, total, end if end < total else None)


def _first(connection: sqlite3.Connection, source: int, begin: int, start: Start) -> int:
    """Return the index of the passage to begin with; the ids of a source's passages follow each other."""
    if start.passage is not None:
        return start.passage
    conditions, values = "", list[Any]()
    if start.part is not None:
        conditions += " AND part_number >= ?"
        values.append(start.part)
    if start.line is not None:
        # Of the part asked for; a later part begins with its first line.
        conditions += " AND (line_end >= ? OR part_number > ?)"
        values += [start.line, start.part or 0]
    if not conditions:
        return 0
    found = connection.execute(
        f"SELECT min(id) FROM passages WHERE source = ?{conditions}",  # noqa: S608 - the conditions are ours
        (source, *values),
    ).fetchone()[0]
    if found is None:  # behind the end: the last passage
        found = connection.execute("SELECT max(id) FROM passages WHERE source = ?", (source,)).fetchone()[0]
    return int(found) - begin
