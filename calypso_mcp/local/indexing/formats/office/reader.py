"""Word, PowerPoint, Excel, OpenDocument, RTF and EPUB: through anydoc's model of a document."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

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
_PRESENTATIONS = frozenset({"pptx", "odp"})


def read_office(file: FileContent) -> Document:
    """Return headings, paragraphs, lists, tables and notes; of presentations, slide by slide.

    Raises:
        ExtractionFailed: `encrypted`, `broken`, `too_large` or `unsupported`.
    """
    kind = anydoc.format_from_bytes(file.data)
    package = _package(file.data) if kind != "rtf" else None  # which may contain one
    if kind == "epub" and package is not None:
        return _read_book(package, file.data)
    placed = _read_placed_files(package, file)
    if kind in _SPREADSHEETS or (kind is None and is_old_workbook(file.data)):
        document, beside = _read_workbook(package, file.data)
    elif package is None:
        document, beside = _read_old_text(kind, file.data)
    elif kind in _PRESENTATIONS:
        document, beside = _read_slides(package, file), footers_of_slides(package)
    else:
        document, beside = _read_text(package, file), package.margins()
    asides = (Block(text, is_aside=True) for text in beside)
    blocks = (*document.blocks, *placed.blocks, *asides)
    return replace(document, blocks=blocks, warnings=document.warnings + placed.warnings)


def _read_book(package: Package, data: bytes) -> Document:
    package.check_protection()
    blocks = tuple(document_blocks(parse(with_chapter_names(package) or data)))
    if all(block.heading_level is not None for block in blocks):
        raise ExtractionFailed("empty", "The pages of the book are pictures. Upload a copy that holds text.")
    return Document(blocks, package.title or _first_heading(blocks))


def _read_text(package: Package, file: FileContent) -> Document:
    comments = read_text_comments(package)
    copy = with_plain_text(package, lambda xml: mark_word_comments(xml, comments)) or package.rewrite(
        OPEN_CONTENT, lambda xml: mark_open_comments(with_powers(without_ruby(without_hidden(xml))))
    )
    blocks = place_comments(document_blocks(parse(copy or file.data)), comments)
    return _with_pictures(list(blocks), package, file)


def _read_slides(package: Package, file: FileContent) -> Document:
    slides = _number_slides(document_blocks(parse(with_slide_marks(package) or file.data)))
    return _with_pictures(_with_comments(list(slides), package), package, file)


def _with_pictures(blocks: Sequence[Block], package: Package, file: FileContent) -> Document:
    """Return the content of a package, with the text in its pictures on their slides."""
    seen = read_pictures(package, blocks, file)
    blocks = tuple(_in_order((*blocks, *seen.blocks)))
    return Document(blocks, package.title or _first_heading(blocks), warnings=seen.warnings)


def _read_old_text(kind: str | None, data: bytes) -> tuple[Document, Iterator[str]]:
    """Return the content of RTF or a file of Office 97-2003, and what it says beside."""
    is_rich = kind == "rtf"
    blocks = tuple(document_blocks(parse(with_all_text(data) if is_rich else data)))
    is_cut = is_rich and not data.rstrip(_AFTER_RICH_TEXT).endswith(b"}")
    document = Document(blocks, _first_heading(blocks), warnings=(CUT_OFF,) if is_cut else ())
    return document, (said.text for said in read_beside(data))


def _first_heading(blocks: Sequence[Block]) -> str | None:
    """Return the title of a document that begins with it."""
    return blocks[0].text if blocks and blocks[0].heading_level == 1 else None


def _read_workbook(package: Package | None, data: bytes) -> tuple[Document, Iterator[str]]:
    """Return the rows, with what is said beside them on each sheet, and what is said of none."""
    if package is None:
        document = read_spreadsheet(data)
        sheets = _parts_by_name(document.blocks)
        said = (
            Block(text, sheets.get(sheet), row, row, is_aside=True) for text, sheet, row in read_beside(data)
        )
        return replace(document, blocks=tuple(_in_order((*document.blocks, *said)))), iter(())
    document = read_spreadsheet(package.with_plain_sheets() or with_long_cells(package) or data)
    sheets = _parts_by_name(document.blocks)
    drawn = (Block(text, sheets.get(name), is_aside=True) for name, text in package.drawn_on_sheets())
    blocks = tuple(_with_comments(document.blocks, package, drawn))
    warnings = (_WITHOUT_RESULTS,) if package.lacks_results() else ()
    beside = chain(map(COMMENT.format, binary_comments(package)), package.printed_with_sheets())
    return replace(document, blocks=blocks, warnings=warnings), beside


def _read_placed_files(package: Package | None, file: FileContent) -> Document:
    """Return the content of the files inside this one."""
    members = package.members() if package is not None else find_placed_files(file.data)
    found = [read_member(member, "embedded file", file) for member in islice(members, MOST_MEMBERS)]
    blocks = (block for document in found for block in document.blocks)
    warnings = (warning for document in found for warning in document.warnings)
    return Document(tuple(blocks), warnings=tuple(warnings))


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
