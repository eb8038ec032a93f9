"""Office files that are huge, nested or meant to do harm: read for their text, or refused with what to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import docx
import openpyxl
import pytest
from openpyxl.styles import Font

from calypso_mcp.local.indexing.documents import Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.office.comments import mark_word_comments
from calypso_mcp.local.indexing.formats.registry import choose_entry

Parts = dict[str, bytes]
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def read(name: str, data: bytes) -> Document:
    return choose_entry(name, "", data[:8_192]).read(FileContent(data, name))


def changed(data: bytes, change: Callable[[Parts], None]) -> bytes:
    """Return a package after a change to its parts."""
    with ZipFile(BytesIO(data)) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    change(parts)
    target = BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return target.getvalue()


def word(text: str = "The walrus sleeps.") -> bytes:
    target = BytesIO()
    document = docx.Document()
    document.add_paragraph(text)
    document.save(target)
    return target.getvalue()


def word_with(body: bytes) -> bytes:
    def insert(parts: Parts) -> None:
        parts["word/document.xml"] = parts["word/document.xml"].replace(b"<w:body>", b"<w:body>" + body, 1)

    return changed(word(), insert)


def workbook(change: Callable[[openpyxl.Workbook], None]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("lane", "fee"), ("Oslo", 7)):
        sheet.append(row)
    change(book)
    target = BytesIO()
    book.save(target)
    return target.getvalue()


def stray(place: str) -> bytes:
    def write(book: openpyxl.Workbook) -> None:
        book.worksheets[0][place] = "stray"

    return workbook(write)


def million_cells() -> bytes:
    cells = b"<c t='inlineStr'><is><t>x</t></is></c>" * 1_000

    def fill(parts: Parts) -> None:
        rows = b"<row>" + cells + b"</row>"
        parts["xl/worksheets/sheet1.xml"] = (
            f"<worksheet xmlns='{_SHEET}'><sheetData>".encode() + rows * 1_000 + b"</sheetData></worksheet>"
        )

    return changed(workbook(lambda _book: None), fill)


TOO_LARGE = {
    "a cell at the end of the grid": ("a.xlsx", lambda: stray("XFD1048576"), "Delete the cells far away"),
    "a million cells": ("a.xlsx", million_cells, "large sheets as CSV"),
    "a member of 200 MB": (
        "a.docx",
        lambda: word_with(b"<w:p><w:r><w:t>" + b"a" * 200_000_000 + b"</w:t></w:r></w:p>"),
        "unpacked file is larger",
    ),
    "20,000 tables inside each other": (
        "a.docx",
        lambda: word_with(b"<w:tbl><w:tr><w:tc>" * 20_000 + b"<w:p/>" + b"</w:tc></w:tr></w:tbl>" * 20_000),
        "nested too deeply",
    ),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_what_would_not_fit_is_refused_with_what_to_do(case: str) -> None:
    name, make, words = TOO_LARGE[case]
    with pytest.raises(ExtractionFailed, match=words) as refused:
        read(name, make())
    assert refused.value.code == "too_large"


def test_an_empty_cell_far_away_that_is_only_formatted_costs_nothing() -> None:
    def format_last(book: openpyxl.Workbook) -> None:
        book.worksheets[0]["XFD1048576"].font = Font(bold=True)

    assert "lane: Oslo | fee: 7" in read("a.xlsx", workbook(format_last)).text


def test_a_sheet_too_large_to_format_is_read_by_its_values_and_rows() -> None:
    found = read("a.xlsx", stray("Z9000"))
    [block] = [block for block in found.blocks if "stray" in block.text]
    assert (block.line_start, block.line_end) == (2, 9_000)
    assert "lane: Oslo | fee: 7" in block.text


def test_an_external_entity_is_not_opened() -> None:
    def declare(parts: Parts) -> None:
        start, end = parts["word/document.xml"].split(b"?>", 1)
        entity = f"?><!DOCTYPE x [<!ENTITY e SYSTEM 'file://{__file__}'>]>".encode()
        parts["word/document.xml"] = start + entity + end.replace(b"sleeps", b"sleeps &e;")

    found = read("a.docx", changed(word(), declare)).text
    assert "The walrus sleeps" in found
    assert "is not opened" not in found


@pytest.mark.parametrize("ending", ["docm", "dotm"])
def test_macros_are_left_out_and_the_text_is_read(ending: str) -> None:
    def arm(parts: Parts) -> None:
        parts["word/vbaProject.bin"] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"Sub AutoOpen()" * 100
        types = parts["[Content_Types].xml"]
        parts["[Content_Types].xml"] = types.replace(
            b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
            b"application/vnd.ms-word.document.macroEnabled.main+xml",
        )

    assert read(f"a.{ending}", changed(word(), arm)).text == "The walrus sleeps."


def test_macros_of_a_workbook_are_left_out() -> None:
    def arm(parts: Parts) -> None:
        parts["xl/vbaProject.bin"] = b"Sub Auto_Open()" * 100
        types = parts["[Content_Types].xml"]
        parts["[Content_Types].xml"] = types.replace(
            b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
            b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
        )

    found = read("a.xlsm", changed(workbook(lambda _book: None), arm)).text
    assert "lane: Oslo | fee: 7" in found
    assert "Auto_Open" not in found


def test_a_reference_to_countless_comments_takes_linear_time() -> None:
    ids = ("<w:commentReference" + ' w:id="1"' * 50_000) * 2
    started = time.process_time()
    assert mark_word_comments(ids, [("1", "Ask Anna.")]) == ids
    assert time.process_time() - started < 5
