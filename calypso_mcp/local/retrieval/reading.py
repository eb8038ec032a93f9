"""Reading a source on from a place: its passages in their order, as they were cut for the index."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from calypso_mcp.api.sources import TextQuery
from calypso_mcp.domain.outlines import HEADING_SEPARATOR, Stretch
from calypso_mcp.local.retrieval.index import Passage, outline_of
from calypso_mcp.local.text_forms import fold_case

_ROWS = """
SELECT text, heading, line_start, line_end, part_kind, part_number, part_name, outline
FROM passages WHERE source = ? AND id >= ? ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands from a place on.

    Attributes:
        passages: In the order of the source; of a section without what stands around it.
        first: Index of the first of them.
        total: Passages of the source in all.
        following: Index of the next passage; None at the end of the source, or of the section asked for.
        section_after: The heading that follows the section asked for, when that was read to its end.
    """

    passages: tuple[Passage, ...]
    first: int
    total: int
    following: int | None
    section_after: str | None = None


class _Place(NamedTuple):
    """A place in a source: the index of a passage, and an offset in its text."""

    passage: int
    offset: int


class _Section(NamedTuple):
    """From a place to another, where `after` begins; without `stop`, to the end of the source."""

    start: _Place
    stop: _Place | None
    after: str | None


def read(connection: sqlite3.Connection, file_id: str, start: TextQuery) -> Reading:
    """Return passages of a source, at least one where there is one, as many as fit.

    They begin at the passage asked for, else at the first that reaches the part or line, else at the start.
    """
    source, begin, total = connection.execute(
        "SELECT passages.source, min(passages.id), count(*) FROM passages"
        " JOIN passage_sources ON passage_sources.id = passages.source WHERE passage_sources.file_id = ?",
        (file_id,),
    ).fetchone()
    if not total:
        return Reading((), 0, 0, None)
    section = _Section(_Place(0, 0), None, None)
    if start.section:
        found = _find_section(connection, source, begin, start.section)
        if found is None:
            return Reading((), 0, total, None)
        section = found
    stop = section.stop
    end = total if stop is None else stop.passage + (stop.offset > 0)
    first = _first(connection, source, begin, start, range(section.start.passage, end))
    passages: list[Passage] = []
    chars = 0
    for index, row in enumerate(connection.execute(_ROWS, (source, begin + first)), first):
        if index == end:
            break
        passage = _cut_to_section(Passage.stored((file_id, "", *row)), index, section)
        chars += len(passage.text)
        if passages and chars > start.max_chars:
            break
        passages.append(passage)
    following = first + len(passages)
    is_read = following == end
    return Reading(
        tuple(passages), first, total, None if is_read else following, section.after if is_read else None
    )


def _cut_to_section(passage: Passage, index: int, section: _Section) -> Passage:
    start = section.start.offset if index == section.start.passage else 0
    is_last = section.stop is not None and index == section.stop.passage
    return passage.cut_to(start, section.stop.offset if section.stop and is_last else len(passage.text))


def _first(connection: sqlite3.Connection, source: int, begin: int, start: TextQuery, within: range) -> int:
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


def _find_section(connection: sqlite3.Connection, source: int, begin: int, wanted: str) -> _Section | None:
    """Return the section whose heading or part name is `wanted`, else the first whose name holds it.

    Of passages without an outline, which older versions stored, the first whose text holds it.
    """
    stretches = [
        (_Place(index, stretch.start), stretch.heading, _titles(stretch.heading, name))
        for index, (heading, outline, name) in enumerate(
            connection.execute(
                "SELECT heading, outline, part_name FROM passages WHERE source = ? AND id >= ? ORDER BY id",
                (source, begin),
            )
        )
        for stretch in outline_of(outline, heading) or (Stretch(0, None, None, heading),)
    ]
    titles = fold_case(wanted).split(HEADING_SEPARATOR)
    for is_title in (str.__eq__, str.__contains__):
        for number, (place, _, path) in enumerate(stretches):
            level = _level(path, titles, is_title)
            if level is None:
                continue
            rest = (entry for entry in stretches[number + 1 :] if entry[2][:level] != path[:level])
            stop, after, _ = next(rest, (None, None, ()))
            return _Section(place, stop, after or None)
    texts = connection.execute(
        "SELECT text FROM passages WHERE source = ? AND id >= ? ORDER BY id", (source, begin)
    )
    found = next((index for index, (text,) in enumerate(texts) if titles[-1] in fold_case(text)), None)
    return None if found is None else _Section(_Place(found, 0), _Place(found + 1, 0), None)


def _titles(heading: str, part_name: str | None) -> tuple[str, ...]:
    return (*fold_case(heading).split(HEADING_SEPARATOR), *([fold_case(part_name)] if part_name else []))


def _level(path: Sequence[str], wanted: Sequence[str], is_title: Callable[[str, str], bool]) -> int | None:
    """Return how many titles of `path` lead to the first place where those wanted follow each other."""
    for first in range(len(path) - len(wanted) + 1):
        if all(is_title(title, other) for title, other in zip(path[first:], wanted, strict=False)):
            return first + len(wanted)
    return None
