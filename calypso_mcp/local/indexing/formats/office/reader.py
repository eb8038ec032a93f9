"""Word, PowerPoint, Excel, OpenDocument, RTF and EPUB: through anydoc's model of a document."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace

import anydoc

from calypso_mcp.local.indexing.documents import Block, Document, FileContent, Part
from calypso_mcp.local.indexing.formats.office.books import with_chapter_names
from calypso_mcp.local.indexing.formats.office.model import document_blocks, parse
from calypso_mcp.local.indexing.formats.office.packages import SLIDE_MARK, Package
from calypso_mcp.local.indexing.formats.office.spreadsheets import read_spreadsheet

_SPREADSHEETS = frozenset({"xlsx", "ods"})
_PRESENTATIONS = frozenset({"pptx", "odp"})


def read_office(file: FileContent) -> Document:
    """Return headings, paragraphs, lists, tables and notes; of presentations, slide by slide.

    Raises:
        ExtractionFailed: `encrypted`, `broken`, `too_large` or `unsupported`.
    """
    kind = anydoc.format_from_bytes(file.data)
    package = _package(file.data)
    if kind in _SPREADSHEETS:
        document = read_spreadsheet(file)
        return replace(document, blocks=(*document.blocks, *_beside_cells(package)))
    marked = None
    if package is not None and kind in _PRESENTATIONS:
        marked = package.with_slide_marks()
    elif package is not None and kind == "epub":
        marked = with_chapter_names(package)
    elif package is not None and kind == "docx":
        marked = package.with_plain_runs()
    blocks = list(_parted(document_blocks(parse(file.data if marked is None else marked))))
    title = package.title if package is not None else None
    if package is not None and kind != "epub":
        blocks += _comments(package)
        blocks += map(Block, package.margins())
    if title is None and blocks and blocks[0].heading_level == 1:
        title = blocks[0].text
    return Document(tuple(blocks), title)


def _beside_cells(package: Package | None) -> Iterator[Block]:
    if package is not None:
        yield from _comments(package)
        yield from (Block(f"Comment: {note}") for note in package.cell_notes())
        yield from map(Block, package.drawn_on_sheets())


def _comments(package: Package) -> Iterator[Block]:
    yield from (Block(f"Comment: {comment}") for comment in package.comments())


def _package(data: bytes) -> Package | None:
    """Return the package that a file is; None for the older formats."""
    try:
        return Package(data)
    except zipfile.BadZipFile:
        return None


def _parted(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield blocks with the number of their slide, which marks between them count."""
    slide: Part | None = None
    for block in blocks:
        if SLIDE_MARK in block.text:
            slide = Part("slide", slide.number + 1 if slide is not None else 1)
        else:
            yield block if slide is None else replace(block, part=slide)
