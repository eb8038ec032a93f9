"""The outline of a passage: stretches of its text, each under one heading and in consecutive lines.

A passage of short sections holds several headings, and one of table rows may skip lines. Its outline leads
from any part of its text to the heading and the lines of just that part, and from lines to their text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise, takewhile
from typing import Any, Final, NamedTuple

from calypso_mcp.domain.json_values import as_list

#: Stands between the titles of a heading, the outermost first.
HEADING_SEPARATOR: Final = " > "
#: The line of column names that are repeated above rows.
REPEATED: Final = 0


class Stretch(NamedTuple):
    """Text from `start` to the next stretch.

    Attributes:
        start: Offset in the passage's text.
        line: 1-based line (in a sheet: row) that it begins on; None if unknown, `REPEATED` of column names.
        last: The line it ends on if its lines are not those of the source; None if each of its lines is a
            line of the source.
        heading: The titles above it; empty without titles.
    """

    start: int
    line: int | None
    last: int | None
    heading: str


Outline = tuple[Stretch, ...]


class Spot(NamedTuple):
    """The place of a part of a passage in its source; None for each fact that is unknown."""

    heading: str | None
    line_start: int | None
    line_end: int | None


def write_outline(outline: Sequence[Stretch], heading: str) -> list[list[Any]]:
    """Return an outline as JSON values: a heading only where it changes, beginning with the passage's own."""
    written: list[list[Any]] = []
    for stretch in outline:
        entry = [stretch.start, stretch.line, stretch.last, stretch.heading]
        entry = entry if stretch.heading != heading else entry[:-1]
        heading = stretch.heading
        while entry[-1] is None:
            entry.pop()
        written.append(entry)
    return written


def read_outline(written: Any, heading: str) -> Outline:
    """Return the outline that `write_outline` wrote; empty for any other value, since it may be foreign."""
    found: list[Stretch] = []
    for entry in as_list(written):
        stretch = _read_stretch(entry, heading)
        if stretch is None or (found and stretch.start <= found[-1].start):
            return ()
        heading = stretch.heading
        found.append(stretch)
    return tuple(found)


def _read_stretch(entry: Any, heading: str) -> Stretch | None:
    facts: list[Any] = [*as_list(entry), *[None] * 4]
    start, line, last, title = facts[:4]
    if not (_is_place(start) and all(place is None or _is_place(place) for place in (line, last))):
        return None
    if title is None or isinstance(title, str):
        return Stretch(start, line, last, heading if title is None else title)
    return None


def _is_place(value: Any) -> bool:
    return type(value) is int and value >= 0


def find_spot(outline: Outline, text: str, start: int, end: int) -> Spot:
    """Return the place of `text[start:end]`: the heading above all of it, its first and its last line."""
    covered = [
        (stretch, max(start, stretch.start), min(end, stop))
        for stretch, stop in _bounded(outline, len(text))
        if stretch.start < end and stop > start
    ]
    numbered = [entry for entry in covered if entry[0].line]
    return Spot(
        _shared([stretch.heading for stretch, _, _ in covered if stretch.line != REPEATED]) or None,
        _line_at(text, numbered[0][0], numbered[0][1]) if numbered else None,
        max((_last_line(text, *entry) or 0 for entry in numbered), default=None),
    )


def cut_outline(outline: Outline, text: str, start: int, end: int) -> Outline:
    """Return the outline of `text[start:end]` alone."""
    return tuple(
        stretch._replace(
            start=max(stretch.start - start, 0), line=_line_at(text, stretch, max(start, stretch.start))
        )
        for stretch, stop in _bounded(outline, len(text))
        if stretch.start < end and stop > start
    )


def widen_to_section(outline: Outline, text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span of the sections that `text[start:end]` reaches into, without sections below them."""
    bounded = list(_bounded(outline, len(text)))
    reached = [
        number for number, (stretch, stop) in enumerate(bounded) if stretch.start < end and stop > start
    ]
    if not reached:
        return 0, len(text)
    first, last = reached[0], reached[-1]
    while first and bounded[first - 1][0].heading == bounded[first][0].heading:
        first -= 1
    while last + 1 < len(bounded) and bounded[last + 1][0].heading == bounded[last][0].heading:
        last += 1
    return bounded[first][0].start, bounded[last][1]


def split_sections(outline: Outline, text: str) -> list[tuple[str, str]]:
    """Return the parts of the text that stand under one heading each, after that heading."""
    sections: list[tuple[str, str]] = []
    for heading, stretches in groupby(_bounded(outline, len(text)), key=lambda entry: entry[0].heading):
        run = list(stretches)
        sections.append((heading, text[run[0][0].start : run[-1][1]]))
    return sections


def find_lines(outline: Outline, text: str, first: int, last: int | None) -> tuple[int, int] | None:
    """Return the span of the lines from `first` to `last` (None: to the end), if there are any."""
    starts: list[int] = []
    ends: list[int] = []
    for stretch, stop in _bounded(outline, len(text)):
        for number, until, begin, end in _lines(text, stretch, stop):
            if until >= first and (last is None or number <= last):
                starts.append(begin)
                ends.append(end)
    return (min(starts), max(ends)) if starts else None


def find_column_names(outline: Outline, text: str, start: int) -> str:
    """Return the line of column names above the rows at `start`, or an empty text if they have none."""
    names = ""
    for stretch, stop in _bounded(outline, len(text)):
        if stretch.start > start:
            break
        if stretch.line == REPEATED:
            names = text[stretch.start : stop].strip()
        elif stretch.start and text[: stretch.start].endswith("\n\n"):
            names = ""
    return names


def _bounded(outline: Outline, length: int) -> Iterator[tuple[Stretch, int]]:
    """Yield each stretch with the offset of its end."""
    yield from ((stretch, following.start) for stretch, following in pairwise(outline))
    if outline:
        yield outline[-1], length


def _lines(text: str, stretch: Stretch, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield for each line of a stretch its number in the source, twice, and its span."""
    if not stretch.line:
        return
    if stretch.last is not None:
        yield stretch.line, stretch.last, stretch.start, stop
        return
    begin = stretch.start
    for number, line in enumerate(text[begin:stop].split("\n"), stretch.line):
        if line.strip():
            yield number, number, begin, begin + len(line)
        begin += len(line) + 1


def _line_at(text: str, stretch: Stretch, place: int) -> int | None:
    if not stretch.line or stretch.last is not None:
        return stretch.line
    return stretch.line + text.count("\n", stretch.start, place)


def _last_line(text: str, stretch: Stretch, start: int, end: int) -> int | None:
    if stretch.last is not None:
        return stretch.last
    return _line_at(text, stretch, start + len(text[start:end].rstrip()))


def _shared(headings: Sequence[str]) -> str:
    paths = [heading.split(HEADING_SEPARATOR) for heading in headings]
    alike = takewhile(lambda titles: len(set(titles)) == 1, zip(*paths, strict=False))
    return HEADING_SEPARATOR.join(titles[0] for titles in alike)
