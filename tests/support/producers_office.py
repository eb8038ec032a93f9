"""The sentences of `producers` in office files and books of further programs."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

import mkepub
import odfdo
import pylightxl
import xlsxwriter
import xlwt
from ebooklib import epub

from tests.support.node import ENVIRON, MODULES, find_program
from tests.support.producers import SECTIONS, SENTENCES, SOUGHT, Made

PAIRS = tuple(zip(SECTIONS, SENTENCES, strict=True))
_ROWS = (("section", "rule"), *PAIRS)
_PLACE_IN_ROWS = ("row", SOUGHT + 2)


def made_by_office_libraries() -> Iterator[Made]:
    """Yield spreadsheets, OpenDocument files and books of further libraries."""
    yield from _workbooks()
    yield Made("odfdo.odt", _odfdo_text(), SECTIONS[SOUGHT])
    yield Made("odfdo.ods", _odfdo_sheet(), _PLACE_IN_ROWS)
    yield Made("odfdo.odp", _odfdo_slides(), ("slide", SOUGHT + 1))
    yield Made("EbookLib.epub", _ebooklib(), SECTIONS[SOUGHT])
    yield Made("mkepub.epub", _mkepub(), SECTIONS[SOUGHT])


def find_pandoc() -> str | None:
    """Return pandoc's path, the one in the wheel of pypandoc included."""
    found = shutil.which("pandoc")
    if found is None:
        try:
            found = str(import_module("pypandoc").get_pandoc_path())
        except ImportError:
            return None
    return found


def made_by_pandoc(program: str) -> Iterator[Made]:
    """Yield what pandoc makes of a Markdown text."""
    text = "\n\n".join(f"# {title}\n\n{sentence}" for title, sentence in PAIRS)
    for ending in ("docx", "odt", "rtf", "epub", "pptx", "html", "ipynb"):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, f"pandoc.{ending}")
            command = [program, "-f", "markdown", "--standalone", "--metadata", "title=Rules"]
            command += ["--wrap=none", "-o", str(target)]
            subprocess.run(command, input=text.encode(), check=True, capture_output=True, timeout=120)
            # Pandoc's RTF marks headings by their look alone; a notebook is one cell.
            place = {"pptx": ("slide", SOUGHT + 2), "rtf": None, "ipynb": None}.get(ending, SECTIONS[SOUGHT])
            yield Made(target.name, target.read_bytes(), place)


def has_node_writers() -> bool:
    """Whether the writers of tests/node are installed."""
    return (
        all((MODULES / name).is_dir() for name in ("docx", "xlsx", "@tutao/oxmsg"))
        and find_program("node") is not None
    )


def made_by_node(folder: Path) -> Iterator[Made]:
    """Yield what docx, ExcelJS, PptxGenJS, SheetJS, epub-gen, nodemailer and oxmsg write."""
    script = MODULES.parent / "make_office.mjs"
    words = json.dumps({"sections": SECTIONS, "sentences": SENTENCES})
    command = ["node", str(script), str(folder), words]
    subprocess.run(command, env=ENVIRON, check=True, capture_output=True, timeout=120)
    yield Made("docx-js.docx", (folder / "docx-js.docx").read_bytes(), SECTIONS[SOUGHT])
    yield Made("ExcelJS.xlsx", (folder / "ExcelJS.xlsx").read_bytes(), _PLACE_IN_ROWS)
    yield Made("PptxGenJS.pptx", (folder / "PptxGenJS.pptx").read_bytes(), ("slide", SOUGHT + 1))
    for ending in ("xls", "2003.xls", "ods", "xlsx", "xlsb", "csv"):
        yield Made(f"SheetJS.{ending}", (folder / f"SheetJS.{ending}").read_bytes(), _PLACE_IN_ROWS)
    yield Made("SheetJS.rtf", (folder / "SheetJS.rtf").read_bytes(), None)
    yield Made("epub-gen.epub", (folder / "epub-gen.epub").read_bytes(), SECTIONS[SOUGHT])
    yield Made("oxmsg.msg", (folder / "oxmsg.msg").read_bytes(), SECTIONS[SOUGHT])
    yield Made("nodemailer.eml", (folder / "nodemailer.eml").read_bytes(), SECTIONS[SOUGHT])


def made_by_gnome(folder: Path, sources: Mapping[str, bytes]) -> Iterator[Made]:
    """Yield what Gnumeric and AbiWord make of a workbook and of a web page, where they are installed."""
    environ = {**os.environ, "HOME": str(folder)}
    book, page = folder / "book.xlsx", folder / "page.html"
    book.write_bytes(sources["openpyxl.xlsx"])
    body = "".join(f"<h1>{escape(title)}</h1><p>{escape(sentence)}</p>" for title, sentence in PAIRS)
    page.write_text(f"<html><head><meta charset=utf-8></head><body>{body}</body></html>")
    for program, endings, place in (
        ("ssconvert", ("xls", "ods", "xlsx", "csv"), _PLACE_IN_ROWS),
        ("abiword", ("odt", "docx", "rtf", "doc", "html"), None),
    ):
        for ending in endings if shutil.which(program) else ():
            target = folder / f"{program}.{ending}"
            to = (
                ["--to", ending, "-o", str(target), str(page)]
                if program == "abiword"
                else [str(book), str(target)]
            )
            subprocess.run([program, *to], env=environ, check=True, capture_output=True, timeout=120)
            yield Made(target.name, target.read_bytes(), place)


def _workbooks() -> Iterator[Made]:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as book:
        sheet = book.add_worksheet("Rules 2026")
        for number, row in enumerate(_ROWS):
            sheet.write_row(number, 0, row)
    yield Made("XlsxWriter.xlsx", target.getvalue(), _PLACE_IN_ROWS)
    # Cells that hold their strings themselves, and none in the shared table.
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(_ROWS):
            sheet.write_row(number, 0, row)
    yield Made("XlsxWriter-inline.xlsx", target.getvalue(), _PLACE_IN_ROWS)
    light: Any = pylightxl.Database()
    light.add_ws(ws="Rules")
    for number, row in enumerate(_ROWS, 1):
        for column, text in enumerate(row, 1):
            light.ws(ws="Rules").update_index(row=number, col=column, val=text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "light.xlsx")
        pylightxl.writexl(light, str(path))
        yield Made("pylightxl.xlsx", path.read_bytes(), _PLACE_IN_ROWS)
    old: Any = xlwt.Workbook()
    sheet = old.add_sheet("Rules")
    for number, row in enumerate(_ROWS):
        for column, text in enumerate(row):
            sheet.write(number, column, text)
    target = io.BytesIO()
    old.save(target)
    yield Made("xlwt.xls", target.getvalue(), _PLACE_IN_ROWS)


def _saved(document: Any) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def _odfdo_text() -> bytes:
    document = odfdo.Document("text")
    body: Any = document.body
    body.clear()
    for title, sentence in PAIRS:
        body.append(odfdo.Header(1, title))
        body.append(odfdo.Paragraph(sentence))
    return _saved(document)


def _odfdo_sheet() -> bytes:
    document = odfdo.Document("spreadsheet")
    body: Any = document.body
    body.clear()
    table = odfdo.Table("Rules 2026")
    for row in _ROWS:
        cells = odfdo.Row()
        for column, text in enumerate(row):
            cells.set_value(column, text)
        table.append_row(cells)
    body.append(table)
    return _saved(document)


def _odfdo_slides() -> bytes:
    document = odfdo.Document("presentation")
    body: Any = document.body
    body.clear()
    for number, (title, sentence) in enumerate(PAIRS, 1):
        page = odfdo.DrawPage(f"page{number}", name=f"Page {number}")
        page.append(odfdo.Frame.text_frame(f"{title}: {sentence}", size=("10cm", "5cm")))
        body.append(page)
    return _saved(document)


def _ebooklib() -> bytes:
    book: Any = epub.EpubBook()
    book.set_identifier("rules-2026")
    book.set_title("Rules")
    book.set_language("en")
    chapters: list[Any] = []
    for number, (title, sentence) in enumerate(PAIRS):
        chapter: Any = epub.EpubHtml(title=title, file_name=f"c{number}.xhtml")
        chapter.content = f"<h1>{escape(title)}</h1><p>{escape(sentence)}</p>"
        book.add_item(chapter)
        chapters.append(chapter)
    book.toc = chapters
    book.spine = ["nav", *chapters]
    book.add_item(epub.EpubNcx())
    book.add_item(epub.EpubNav())
    target = io.BytesIO()
    epub.write_epub(target, book)
    return target.getvalue()


def _mkepub() -> bytes:
    book: Any = mkepub.Book("Rules")
    for title, sentence in PAIRS:
        book.add_page(title, f"<p>{escape(sentence)}</p>")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rules.epub")
        book.save(str(path))
        book.tempdir.cleanup()
        assert zipfile.is_zipfile(path)
        return path.read_bytes()
