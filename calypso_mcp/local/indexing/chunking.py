"""Cutting a document into passages, on its own structure.

A chunk holds whole blocks up to about `TARGET_CHARS`. It never spans two parts (pages, slides, sheets), and
it ends before a heading once it is big enough to stand alone; headings join whatever text stands below them.
A block too long for one chunk is cut into parts of even size at the strongest boundary near each cut: blank
line, sentence end, line end, word end.
Chunks do not overlap; together they hold every character that is not white space, in order.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import takewhile

from calypso_mcp.domain.outlines import HEADING_SEPARATOR, REPEATED, Outline, Stretch
from calypso_mcp.local.indexing.documents import BLOCK_SEPARATOR, LONGEST_TITLE, Block, Document, Part

#: Blocks are gathered up to this many characters.
TARGET_CHARS = 1_200
#: A block up to this long stays whole.
MAX_CHARS = 1_500
#: A chunk this long ends before the next heading.
BIG_ENOUGH_CHARS = 200
#: Only rows far too long to be of use as a whole are cut.
_MOST_TABLE_CHARS = 24_000

#: How far from the even size a cut may lie, as a fraction of it.
_SLACK = 0.3


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage: the characters `start` to `end` of the document's text, with their place in the file."""

    text: str
    #: The headings above all of it, outermost first.
    heading: str | None
    #: None if the format has no parts.
    part: Part | None
    line_start: int | None
    line_end: int | None
    start: int
    end: int
    #: Empty if heading and lines say as much.
    outline: Outline = ()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block, or a part of one that is too long.

    `row_lines`: first and last line in the file of each of its lines; empty if they follow each other, None
    if the text flows.
    """

    start: int
    end: int
    part: Part | None
    line_start: int | None
    line_end: int | None
    is_heading: bool
    path: tuple[str, ...]
    row_lines: tuple[tuple[int, int], ...] | None


def split(document: Document) -> list[Chunk]:
    """Return the passages of `document` in reading order; none when it holds no text."""
    text = document.text
    chunks: list[Chunk] = []
    pending: list[_Piece] = []
    for piece in _pieces(document):
        if pending and _starts_new_chunk(pending, piece):
            kept = _without_trailing_headings(pending, piece)
            chunks.append(_chunk(text, pending[:kept]))
            pending = pending[kept:]
        pending.append(piece)
    if pending:
        chunks.append(_chunk(text, pending))
    return chunks


def _pieces(document: Document) -> Iterator[_Piece]:
    offset = 0
    path: list[tuple[int, str]] = []
    for block in document.blocks:
        if block.heading_level is not None:
            path = [entry for entry in path if entry[0] < block.heading_level]
            path.append((block.heading_level, " ".join(block.text.split())[:LONGEST_TITLE]))
        titles = () if block.is_aside else tuple(title for _, title in path if title)
        lines = _Lines(block)
        for start, end in _parts(block):
            line_start, line_end, numbers = lines.of(start, end)
            yield _Piece(
                offset + start,
                offset + end,
                block.part,
                line_start,
                line_end,
                block.heading_level is not None,
                titles,
                numbers,
            )
        offset += len(block.text) + len(BLOCK_SEPARATOR)


class _Lines:
    """Finds the lines of a block's parts, which are asked for in order."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._line, self._row, self._counted = block.line_start, 0, 0
        if self._line is not None and block.line_end is not None:
            flows = block.text.count("\n") != block.line_end - self._line
            self._line = None if flows else self._line

    def of(self, start: int, end: int) -> tuple[int | None, int | None, tuple[tuple[int, int], ...] | None]:
        """Return first and last line of a part, and its `row_lines`."""
        block = self._block
        if block.row_lines:
            first = self._row + block.text.count("\n", self._counted, start)
            self._row, self._counted = first + block.text.count("\n", start, end), end
            rows = block.row_lines[first : self._row + 1]
            stated = [row for row in rows if row[0] != REPEATED]
            return (stated[0][0], max(last for _, last in stated), rows) if stated else (None, None, rows)
        if self._line is None:
            return block.line_start, block.line_end, None
        first = self._line + block.text.count("\n", self._counted, start)
        self._line, self._counted = first + block.text.count("\n", start, end), end
        return first, self._line, ()


def _parts(block: Block) -> Iterator[tuple[int, int]]:
    """Yield the spans of a block's text that become pieces, trimmed and not empty."""
    text = block.text
    most = _MOST_TABLE_CHARS if block.is_table else MAX_CHARS
    position, end = _trimmed(text, 0, len(text))
    while end - position > most:
        cut = _cut(text, position, end)
        start, stop = _trimmed(text, position, cut)
        if start < stop:
            yield start, stop
        position, end = _trimmed(text, cut, end)
    if position < end:
        yield position, end


def _cut(text: str, start: int, end: int) -> int:
    """Return where to end a part that begins at `start`."""
    length = end - start
    even = length / math.ceil(length / TARGET_CHARS)
    ideal = start + int(even)
    low, high = start + int(even * (1 - _SLACK)), min(start + int(even * (1 + _SLACK)), end)
    for boundary in _boundaries():
        ends = (match.end() for match in boundary.finditer(text, low, high))
        best = min(ends, key=lambda cut: abs(cut - ideal), default=None)
        if best is not None:
            return best
    while ideal > low and unicodedata.combining(text[ideal]):
        ideal -= 1  # a mark stays with its letter
    return ideal


@cache
def _boundaries() -> tuple[re.Pattern[str], ...]:
    """Return where a long block may be cut, strongest first; never behind an item's number."""
    return (
        re.compile(r"\n\s*\n"),
        re.compile(
            r"(?<!\s\d)(?<!\s\d\d)(?<!\s\d{3})[.!?…؟።][)\]\"'’”»]{0,3}\s+|[。！？।॥၊။៕]+[」』）\"]?\s*"
        ),
        re.compile(r"\n"),
        re.compile(r"[,;:]\s+|[，；、：]\s*"),
        re.compile(r"\s+"),
    )


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _starts_new_chunk(pending: list[_Piece], piece: _Piece) -> bool:
    size = pending[-1].end - pending[0].start
    return (
        piece.part != pending[-1].part
        or bool(pending[-1].path and not piece.path)
        or piece.end - pending[0].start > _most_chars(pending, piece)
        or (piece.is_heading and size >= BIG_ENOUGH_CHARS)
    )


def _without_trailing_headings(pending: list[_Piece], following: _Piece) -> int:
    """Return how many pieces the chunk keeps; headings at its end move to the next one of the same part."""
    kept = len(pending)
    while kept and pending[kept - 1].is_heading and following.part == pending[kept - 1].part:
        kept -= 1
    headings = following.end - pending[kept].start if kept < len(pending) else 0
    # Headings stay if they are the whole chunk, or too long to join the next.
    return kept if kept and headings <= _most_chars(pending[kept:], following) else len(pending)


def _most_chars(pending: list[_Piece], following: _Piece) -> int:
    """Return how long a chunk may become; headings join whatever block they stand above, but for tables."""
    is_headed = not following.row_lines and all(piece.is_heading for piece in pending)
    return MAX_CHARS + BIG_ENOUGH_CHARS if is_headed else TARGET_CHARS


def _chunk(text: str, pieces: list[_Piece]) -> Chunk:
    first, last = pieces[0], pieces[-1]
    heading = HEADING_SEPARATOR.join(_shared_path(pieces))
    outline = tuple(_stretches(text, pieces))
    return Chunk(
        text=text[first.start : last.end],
        heading=heading or None,
        part=first.part,
        line_start=next((piece.line_start for piece in pieces if piece.line_start is not None), None),
        line_end=next((piece.line_end for piece in reversed(pieces) if piece.line_end is not None), None),
        start=first.start,
        end=last.end,
        outline=() if [(entry.line, entry.heading) for entry in outline] == [(None, heading)] else outline,
    )


def _stretches(text: str, pieces: list[_Piece]) -> Iterator[Stretch]:
    """Yield the stretches of a passage: one for pieces under the same heading whose lines follow on."""
    begin = pieces[0].start
    before: Stretch | None = None
    for piece in pieces:
        for stretch in _stretches_of(text, piece, begin):
            lines = text.count("\n", begin + before.start, begin + stretch.start) if before else 0
            if before is None or not _continues(before, stretch, lines):
                yield stretch
                before = stretch


def _continues(before: Stretch, stretch: Stretch, lines: int) -> bool:
    """Whether a stretch that begins so many lines after another continues it."""
    if before.heading != stretch.heading or before.last is not None or stretch.last is not None:
        return False
    return stretch.line == (before.line + lines if before.line else before.line)


def _stretches_of(text: str, piece: _Piece, begin: int) -> Iterator[Stretch]:
    heading = HEADING_SEPARATOR.join(piece.path)
    start = piece.start - begin
    if piece.row_lines is None:
        yield Stretch(start, piece.line_start, piece.line_end, heading)
    elif not piece.row_lines:
        yield Stretch(start, piece.line_start, None, heading)
    else:
        lines = text[piece.start : piece.end].split("\n")
        for (first, last), line in zip(piece.row_lines, lines, strict=True):
            yield Stretch(start, first, last if last != first else None, heading)
            start += len(line) + 1


def _shared_path(pieces: list[_Piece]) -> tuple[str, ...]:
    """Return the headings above all pieces; above unrelated sections, those of the longest piece."""
    texts = [piece for piece in pieces if not piece.is_heading] or pieces
    shared = tuple(
        titles[0]
        for titles in takewhile(
            lambda titles: len(set(titles)) == 1, zip(*(piece.path for piece in texts), strict=False)
        )
    )
    return shared or max(texts, key=lambda piece: piece.end - piece.start).path
