"""From the words that tesseract saw to lines; columns side by side give lines of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby

from calypso_mcp.local.indexing.formats.ocr.layout import Line

#: A gap between words that is wider than this many times their height parts two columns.
_COLUMN_GAP = 2.0
_COLUMNS = 12
#: The first character of the scripts that are written without spaces between words.
_FIRST_UNSPACED = "\u2e80"
#: Level of a word in tesseract's table; pages, blocks, paragraphs and lines are the others.
_WORD = "5"


def parse_tesseract(table: str) -> dict[int, list[Line]]:
    """Return the lines of every page of tesseract's `tsv` output, which has one word a row.

    Its columns are level, page, block, paragraph, line, word, left, top, width, height, confidence and text.
    """
    pages: defaultdict[int, list[Line]] = defaultdict(list)
    rows = (row.split("\t", _COLUMNS - 1) for row in table.splitlines())
    words = (row for row in rows if len(row) == _COLUMNS and row[0] == _WORD and row[-1].strip())
    for place, line in groupby(words, key=lambda row: row[1:5]):
        pages[int(place[0])] += map(_join, _columns(list(map(_word, line))))
    return pages


def _word(row: list[str]) -> Line:
    left, top, width, height = map(float, row[6:10])
    return Line(row[-1].strip(), left, top, left + width, top + height)


def _columns(words: list[Line]) -> Iterator[list[Line]]:
    height = sorted(word.height for word in words)[len(words) // 2]
    part: list[Line] = []
    for word in words:
        if part and word.left - part[-1].right > _COLUMN_GAP * height:
            yield part
            part = []
        part.append(word)
    yield part


def _join(words: list[Line]) -> Line:
    return Line(
        _text(words),
        min(word.left for word in words),
        min(word.top for word in words),
        max(word.right for word in words),
        max(word.bottom for word in words),
    )


def _text(words: list[Line]) -> str:
    text = ""
    for word in words:
        is_unspaced = text[-1:] >= _FIRST_UNSPACED and word.text >= _FIRST_UNSPACED
        text += word.text if is_unspaced or not text else f" {word.text}"
    return text
