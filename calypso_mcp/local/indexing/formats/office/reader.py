"""Word, PowerPoint, Excel, OpenDocument, RTF and EPUB: through anydoc's model of a document."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import anydoc

from calypso_mcp.local.indexing.documents import CUT_OFF, Block, Document, ExtractionFailed, FileContent, Part
from calypso_mcp.local.indexing.formats.compound_files import OLE_START, find_placed_files
from calypso_mcp.local.indexing.formats.members import MOST_MEMBERS, read_member
from calypso_mcp.local.indexing.formats.office.binary_sheets import binary_comments, with_long_cells
from calypso_mcp.local.indexing.formats.office.books import with_chapter_names
from calypso_mcp.local.indexing.formats.office.comments import (
    COMMENT,
    mark_open_comments,
    mark_word_comments,
    place_comments,
    placed_comments,
    read_text_comments,
)
from calypso_mcp.local.indexing.formats.office.model import document_blocks, parse
from calypso_mcp.local.indexing.formats.office.old_files import is_old_workbook, read_beside
from calypso_mcp.local.indexing.formats.office.packages import (
    BAD_ZIP,
    OPEN_CONTENT,
    Package,
    with_powers,
    without_hidden,
    without_ruby,
)
from calypso_mcp.local.indexing.formats.office.pictures import read_pictures
from calypso_mcp.local.indexing.formats.office.rich_text import with_all_text
from calypso_mcp.local.indexing.formats.office.slides import SLIDE_MARK, footers_of_slides, with_slide_marks
from calypso_mcp.local.indexing.formats.office.spreadsheets import read_spreadsheet
from calypso_mcp.local.indexing.formats.office.word_text import with_plain_text

_SPREADSHEETS = frozenset({"xlsx", "ods"})
_WITHOUT_RESULTS = (
    "formulas without stored results were left out: save the workbook in its program, and upload it again"
)
#: What programs leave behind the last brace of RTF.
_AFTER_RICH_TEXT = b"\0\t\r\n\x1a "
_TEXTS = frozenset({"docx", "odt"})
_PRESENTATIONS = frozenset({"pptx", "odp"})


def read_office(file: FileContent) -> Document:
    """Return headings, paragraphs, lists, tables and notes; of presentations, slide by slide.

    Raises:
        ExtractionFailed: `encrypted`, `broken`, `too_large` or `unsupported`.
    """
    data = file.data
    package = _package(data)
    kind = anydoc.format_from_bytes(data)
    placed = _read_placed_files(package, file) if kind != "epub" else Document(())
    if kind in _SPREADSHEETS or (kind is None and is_old_workbook(data)):
        return _read_workbook(data, package, placed)
    comments = read_text_comments(package) if package is not None and kind in _TEXTS else ()
    marked = with_all_text(data) if kind == "rtf" else package and _mark(package, kind, comments)
    blocks = list(_number_slides(place_comments(document_blocks(parse(marked or data)), comments)))
    if kind == "epub" and all(block.heading_level is not None for block in blocks):
        raise ExtractionFailed("empty", "The pages of the book are pictures. Upload a copy that holds text.")
    if package is not None and kind in _PRESENTATIONS:
        blocks = _with_comments(blocks, package)
    seen = read_pictures(package, blocks, file) if package is not None and kind != "epub" else Document(())
    blocks = [*_in_order((*blocks, *seen.blocks)), *placed.blocks]
    texts = (said.text for said in read_beside(data))
    blocks += _asides(texts if package is None else _beside_text(package, kind))
    title = package.title if package is not None else None
    if title is None and blocks and blocks[0].heading_level == 1:
        title = blocks[0].text
    is_cut = kind == "rtf" and not data.rstrip(_AFTER_RICH_TEXT).endswith(b"}")
    warnings = (*((CUT_OFF,) if is_cut else ()), *seen.warnings, *placed.warnings)
    return Document(tuple(blocks), title, warnings=warnings)


def _read_workbook(data: bytes, package: Package | None, placed: Document) -> Document:
    if package is None:
        document = read_spreadsheet(data)
        sheets = _parts_by_name(document.blocks)
        beside = (
            Block(text, sheets.get(sheet), row, row, is_aside=True) for text, sheet, row in read_beside(data)
        )
        blocks = (*_in_order((*document.blocks, *beside)), *placed.blocks)
        return replace(document, blocks=blocks, warnings=placed.warnings)
    document = read_spreadsheet(package.with_plain_sheets() or with_long_cells(package) or data)
    sheets = _parts_by_name(document.blocks)
    drawn = (Block(text, sheets.get(name), is_aside=True) for name, text in package.drawn_on_sheets())
    blocks = (*_with_comments(document.blocks, package, drawn), *placed.blocks, *_beside_cells(package))
    warnings = (_WITHOUT_RESULTS, *placed.warnings) if package.lacks_results() else placed.warnings
    return replace(document, blocks=blocks, warnings=warnings)


def _read_placed_files(package: Package | None, file: FileContent) -> Document:
    """Return the content of the files inside this one."""
    members = package.members() if package is not None else find_placed_files(file.data)
    found = [read_member(member, "embedded file", file) for member in islice(members, MOST_MEMBERS)]
    blocks = (block for document in found for block in document.blocks)
    warnings = (warning for document in found for warning in document.warnings)
    return Document(tuple(blocks), warnings=tuple(warnings))


def _mark(package: Package, kind: str | None, comments: Sequence[tuple[str, str]]) -> bytes | None:
    """Return a copy in which anydoc finds all text, slides and comments; None if it does so already."""
    if kind in _PRESENTATIONS:
        return with_slide_marks(package)
    if kind == "epub":
        package.check_protection()
        return with_chapter_names(package)
    if kind == "odt":
        return package.rewrite(
            OPEN_CONTENT, lambda xml: mark_open_comments(with_powers(without_ruby(without_hidden(xml))))
        )
    if kind == "docx":
        return with_plain_text(package, lambda xml: mark_word_comments(xml, comments))
    return None


def _with_comments(blocks: Sequence[Block], package: Package, drawn: Iterable[Block] = ()) -> list[Block]:
    """Return the blocks of a workbook or presentation, those of each part before what is said beside it."""
    comments = [
        Block(COMMENT.format(text), part, row, row, is_aside=True)
        for part, row, text in placed_comments(package, _parts_by_name(blocks))
    ]
    return _in_order((*blocks, *comments, *drawn))


def _in_order(blocks: Iterable[Block]) -> list[Block]:
    """Return the blocks by their parts, those without one at the end."""
    return sorted(blocks, key=lambda block: block.part.number if block.part is not None else math.inf)


def _parts_by_name(blocks: Iterable[Block]) -> dict[str, Part]:
    return {block.part.name: block.part for block in blocks if block.part is not None}


def _beside_cells(package: Package) -> Iterator[Block]:
    yield from _asides(map(COMMENT.format, binary_comments(package)))
    yield from _asides(package.printed_with_sheets())


def _beside_text(package: Package, kind: str | None) -> Iterator[str]:
    if kind in _PRESENTATIONS:
        yield from footers_of_slides(package)
    elif kind != "epub":
        yield from package.margins()


def _asides(texts: Iterable[str]) -> Iterator[Block]:
    return (Block(text, is_aside=True) for text in texts)


def _package(data: bytes) -> Package | None:
    """Open a package; None for the older formats, which may contain one."""
    try:
        return None if data.startswith(OLE_START) else Package(data)
    except BAD_ZIP:
        return None


def _number_slides(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield blocks with the number of their slide; a mark begins each slide."""
    slide: Part | None = None
    for block in blocks:
        if SLIDE_MARK in block.text:
            slide = Part("slide", slide.number + 1 if slide is not None else 1)
        else:
            yield block if slide is None else replace(block, part=slide)
