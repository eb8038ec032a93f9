"""The comments on texts, cells and slides, with their places.

The markup is that of ECMA-376 part 1, 17.13.4, 18.7 and 19.4, and of OpenDocument 1.3 part 3, 14.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from html import unescape

from calypso_mcp.local.indexing.documents import Block, Part
from calypso_mcp.local.indexing.formats.office.packages import (
    OPEN_NOTE,
    WORD_TEXT,
    WORKBOOK,
    Markup,
    Package,
    without_notes,
)
from calypso_mcp.local.indexing.formats.office.slides import slide_parts

#: Of what a comment says.
COMMENT = "Comment: {}"
#: While anydoc reads a text, a private-use character marks the place of each comment on it.
_MARKS = range(0xF0000, 0xFFFFE)
_MARK = re.compile(f"[{chr(_MARKS[0])}-{chr(_MARKS[-1])}]")
_WORD_COMMENTS = re.compile(r"^word/comments\d*\.xml$")
_WORD_COMMENT = Markup(
    re.compile(r"<w:comment "), "</w:comment>", re.compile(rf"{WORD_TEXT.text.pattern}|</w:p>")
)
_ID = re.compile(r'\sw:id="(\d{1,9})"')
_REFERENCE = re.compile(r'<w:commentReference\b(?=[^<>]*?\sw:id="(\d{1,9})")[^<>]*/>')
_OPEN_CONTENT = "content.xml"
_CELL_COMMENT = Markup(
    re.compile(r"<(?:(?:x:)?c|threadedC)omment "),
    "omment>",
    re.compile(r"<(?:x:)?t(?:ext)?(?: [^<>]*)?>([^<]*)</"),
)
_CELL_COMMENTS = re.compile(
    r"^xl/(?:comments\d*|comments/comment\d+|threadedComments/threadedComment\d+)\.xml$"
)
_THREAD = "<threadedComment"
_CELL = re.compile(r'\sref="([A-Z]{1,3}([0-9]{1,7}))"')
_SLIDE_COMMENTS = re.compile(r"^ppt/comments/[^/]+\.xml$")
_SLIDE_COMMENT = Markup(
    re.compile(r"<(?:p|p188):cm[ >]"), ":cm>", re.compile(r"<(?:p:text|a:t)>([^<]*)</(?:p:text|a:t)>")
)
#: A page; a sheet and its name; a row and for how many rows it stands; a comment.
_OPEN_PLACE = re.compile(
    r'<(?:(draw:page)\b|table:table\s(?:[^<>]*?\s)?table:name="([^"<>]*)"'
    r'|(table:table-row)\b(?:[^<>]*?\stable:number-rows-repeated="(\d{1,7})")?|(office:annotation)\b)'
)

#: The part of the file, the row of a sheet, and what the comment says.
Comment = tuple[Part | None, int | None, str]


def read_text_comments(package: Package) -> Sequence[tuple[str, str]]:
    """Return the comments on a text: the id of each ("" in OpenDocument), and what it says."""
    if (part := next(filter(_WORD_COMMENTS.match, package.names), None)) is not None:
        comments = _WORD_COMMENT.paragraphs_of(package.text(part))
        ids = ((_ID.search(comment), comment) for comment in comments)
        return [(found[1] if found else "", _WORD_COMMENT.text_of(comment)) for found, comment in ids]
    if _OPEN_CONTENT in package.names:
        return [
            ("", OPEN_NOTE.text_of(note)) for note in OPEN_NOTE.paragraphs_of(package.text(_OPEN_CONTENT))
        ]
    return ()


def mark_word_comments(xml: str, comments: Sequence[tuple[str, str]]) -> str:
    """Return the text of Word with a mark for each comment where it refers to it."""
    marks = {key: chr(mark) for (key, _), mark in zip(comments, _MARKS, strict=False)}
    return _REFERENCE.sub(lambda found: f"<w:t>{marks.get(found[1], '')}</w:t>", xml) if marks else xml


def mark_open_comments(xml: str) -> str:
    """Return a text of OpenDocument with a mark in place of each comment."""
    return without_notes(xml, map(chr, _MARKS))


def place_comments(blocks: Iterable[Block], comments: Sequence[tuple[str, str]]) -> Iterator[Block]:
    """Yield the blocks of a text without marks, each before the comments on it."""
    left = {number: text for number, (_, text) in enumerate(comments, _MARKS[0])}
    for block in blocks:
        marks = [mark for mark in _MARK.findall(block.text) if ord(mark) in left] if comments else ()
        text = block.text.translate(dict.fromkeys(map(ord, marks)))
        if text.strip():
            yield replace(block, text=text)
        yield from (Block(COMMENT.format(said)) for mark in marks if (said := left.pop(ord(mark), "")))
    yield from (Block(COMMENT.format(said), is_aside=True) for said in left.values() if said)


def placed_comments(package: Package, sheets: Mapping[str, Part]) -> Iterator[Comment]:
    """Yield the comments on the cells of a workbook, whose sheets are given by name, or on slides."""
    if WORKBOOK in package.names:
        yield from _on_cells(package, sheets)
    elif _OPEN_CONTENT in package.names:
        yield from _in_opendocument(package.text(_OPEN_CONTENT), sheets)
    else:
        for number, slide in enumerate(slide_parts(package), 1):
            for part in package.targets(slide).values():
                if _SLIDE_COMMENTS.match(part) is not None and part in package.names:
                    for text in _SLIDE_COMMENT.texts_of(package.text(part)):
                        yield Part("slide", number), None, text


def _on_cells(package: Package, sheets: Mapping[str, Part]) -> Iterator[Comment]:
    for name, parts in package.sheets():
        comments = [
            comment
            for part in filter(_CELL_COMMENTS.match, parts)
            for comment in _CELL_COMMENT.paragraphs_of(package.text(part))
        ]
        # Of each thread, Excel also keeps a copy for its older versions, which says so at length.
        threads = {_cell(comment) for comment in comments if comment.startswith(_THREAD)}
        for comment in comments:
            cell, row = place = _cell(comment)
            is_copy = cell and place in threads and not comment.startswith(_THREAD)
            if not is_copy and (text := _CELL_COMMENT.text_of(comment)):
                yield sheets.get(name), row, text


def _cell(comment: str) -> tuple[str, int]:
    """Return the name of the cell that a comment is on, and its row."""
    found = _CELL.search(comment)
    return (found[1], int(found[2])) if found is not None else ("", 1)


def _in_opendocument(xml: str, sheets: Mapping[str, Part]) -> Iterator[Comment]:
    texts = map(OPEN_NOTE.text_of, OPEN_NOTE.paragraphs_of(xml))
    slides = first_row = last_row = 0
    sheet: Part | None = None
    for place in _OPEN_PLACE.finditer(xml):
        page, name, row, repeated, _ = place.groups()
        if page:
            slides += 1
        elif name is not None:
            sheet, last_row = sheets.get(unescape(name)), 0
        elif row:
            first_row, last_row = last_row + 1, last_row + int(repeated or 1)
        elif text := next(texts, ""):
            yield (Part("slide", slides), None, text) if slides else (sheet, first_row, text)
