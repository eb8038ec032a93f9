"""Powers and the numbers of notes stand apart from the numbers before them, in formats that raise letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import docx
import pptx
import pypdf
import pytest
import xlsxwriter
from ebooklib import epub
from fpdf import FPDF
from odf.draw import Frame, Page, TextBox
from odf.opendocument import OpenDocumentPresentation, OpenDocumentSpreadsheet, OpenDocumentText
from odf.style import MasterPage, PageLayout, Style, TextProperties
from odf.table import Table, TableCell, TableRow
from odf.text import P, Span
from pptx.util import Inches
from pypdf.generic import RectangleObject
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Paragraph, SimpleDocTemplate

from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.registry import choose_entry

#: Each text, and whether it stands above (1), on (0) or below (-1) the line.
RUNS = (
    ("10", 0),
    ("6", 1),
    (" or 10", 0),
    ("-12", 1),
    (" or 10", 0),
    ("\u22129", 1),
    (" in 2019", 0),
    ("3", 1),
    (" on the 1", 0),
    ("st", 1),
    (" of 1", 0),
    ("0", 0),
    (" of CO", 0),
    ("2", -1),
)
READ = "10^6 or 10^-12 or 10^\u22129 in 2019^3 on the 1st of 10 of CO2"
#: The fonts that every PDF program has lack the longer minus sign.
IN_LATIN_1 = tuple((text.replace("\u2212", "-"), level) for text, level in RUNS)


def saved(save: Callable[[Any], object]) -> bytes:
    save(target := BytesIO())
    return target.getvalue()


def word() -> bytes:
    document = docx.Document()
    paragraph = document.add_paragraph()
    for text, level in RUNS:
        run = paragraph.add_run(text)
        run.bold, run.font.superscript, run.font.subscript = True, level > 0, level < 0
    return saved(document.save)


def powerpoint() -> bytes:
    presentation = pptx.Presentation()
    box = presentation.slides.add_slide(presentation.slide_layouts[6]).shapes.add_textbox(*(Inches(1),) * 4)
    for text, level in RUNS:
        run = box.text_frame.paragraphs[0].add_run()
        run.text, run.font.bold = text, True
        run.font._element.set("baseline", str(30000 * level))  # pyright: ignore[reportPrivateUsage]
    return saved(presentation.save)


def excel() -> bytes:
    book = xlsxwriter.Workbook(target := BytesIO())
    scripts = {level: book.add_format({"font_script": script}) for level, script in ((1, 1), (-1, 2))}
    plain = book.add_format({"bold": True})
    parts = (part for text, level in RUNS for part in (scripts.get(level, plain), text))
    book.add_worksheet().write_rich_string(0, 0, *parts)
    book.close()
    return target.getvalue()


def open_runs(document: Any) -> Iterator[Any]:
    """Yield the paragraph, for a document of OpenDocument that gets its styles."""
    paragraph = P()
    for level, position in ((1, "super 58%"), (-1, "sub 58%")):
        style = Style(name=f"T{level}", family="text")
        style.addElement(TextProperties(textposition=position))
        document.automaticstyles.addElement(style)
    for text, level in RUNS:
        if level:
            paragraph.addElement(Span(stylename=f"T{level}", text=text))
        else:
            paragraph.addText(text)
    yield paragraph


def open_text() -> bytes:
    document: Any = OpenDocumentText()
    for paragraph in open_runs(document):
        document.text.addElement(paragraph)
    return saved(document.save)


def open_sheet() -> bytes:
    document: Any = OpenDocumentSpreadsheet()
    table, row, cell = Table(name="A"), TableRow(), TableCell(valuetype="string")
    for paragraph in open_runs(document):
        cell.addElement(paragraph)
    row.addElement(cell)
    table.addElement(row)
    document.spreadsheet.addElement(table)
    return saved(document.save)


def open_slide() -> bytes:
    document: Any = OpenDocumentPresentation()
    layout = PageLayout(name="L")
    document.automaticstyles.addElement(layout)
    master = MasterPage(name="M", pagelayoutname=layout)
    document.masterstyles.addElement(master)
    page, frame, box = Page(masterpagename=master), Frame(width="9cm", height="9cm"), TextBox()
    for paragraph in open_runs(document):
        box.addElement(paragraph)
    frame.addElement(box)
    page.addElement(frame)
    document.presentation.addElement(page)
    return saved(document.save)


def in_html(runs: tuple[tuple[str, int], ...] = RUNS, above: str = "sup", below: str = "sub") -> str:
    tags = {1: above, -1: below}
    return "".join(f"<{tags[level]}>{text}</{tags[level]}>" if level else text for text, level in runs)


def book() -> bytes:
    made: Any = epub.EpubBook()
    page: Any = epub.EpubHtml(title="A", file_name="a.xhtml", content=f"<p>{in_html()}</p>")
    made.add_item(page)
    made.spine = [page]
    return saved(lambda target: epub.write_epub(target, made))


def rich_text(start: str, line_end: str, minus: str) -> bytes:
    groups = {1: "super", -1: "sub", 0: "plain"}
    runs = "".join(f"{{{start}\\{groups[level]}{line_end or ' '}{text}}}" for text, level in RUNS)
    return ("{\\rtf1\\ansi " + runs.replace("\u2212", minus) + "\\par}").encode()


def reportlab_pdf() -> bytes:
    text = in_html(IN_LATIN_1, above="super")
    return saved(lambda target: SimpleDocTemplate(target).build([Paragraph(text, ParagraphStyle("a"))]))


def fpdf_pdf() -> bytes:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica", size=10)
    for text, level in IN_LATIN_1:
        pdf.char_vpos = {1: "SUP", 0: "LINE", -1: "SUB"}[level]
        pdf.write(text=text)
    return bytes(pdf.output())


MAKE: dict[str, Callable[[], bytes]] = {
    "a.docx": word,
    "a.pptx": powerpoint,
    "a.xlsx": excel,
    "a.odt": open_text,
    "a.ods": open_sheet,
    "a.odp": open_slide,
    "a.epub": book,
    "a.html": lambda: in_html().encode(),
    "word.rtf": lambda: rich_text("\\rtlch\\fcs1 \\af0 ", "", "\\'96"),
    "libreoffice.rtf": lambda: rich_text("\\loch", "\\loch\r\n", "\\u8722\\'3f"),
    "pandoc.rtf": lambda: rich_text("", "", "\\u8722?"),
    "reportlab.pdf": reportlab_pdf,
    "fpdf.pdf": fpdf_pdf,
}


def read(name: str, data: bytes) -> str:
    return " ".join(choose_entry(name, "", data[:8_192]).read(FileContent(data, name)).text.split())


@pytest.mark.parametrize("name", MAKE)
def test_powers_stand_apart_from_the_numbers_before_them(name: str) -> None:
    text = read(name, MAKE[name]()).replace("\u2013", "\u2212")
    assert text.endswith(READ.replace("\u2212", "-") if ".pdf" in name else READ)


def test_a_raised_number_that_begins_a_line_of_rich_text_is_no_power() -> None:
    assert read("a.rtf", rb"{\rtf1 Section 10\par {\super 6} See page 8\par}") == "Section 10 6 See page 8"


def test_figures_of_a_pdf_that_differ_in_size_or_place_alone_are_no_powers() -> None:
    pdf = FPDF()
    pdf.add_page()
    for x, y, size, text in ((10, 20, 24, "1"), (15, 20, 9, "9"), (10, 40, 12, "1"), (12.4, 39, 12, "7")):
        pdf.set_font("helvetica", size=size)
        pdf.text(x, y, text)
    assert "^" not in read("a.pdf", bytes(pdf.output()))


#: Text, size in points, and how far below its line in millimetres.
Run = tuple[str, float, float]


def set_lines(*lines: tuple[float, *tuple[Run, ...]]) -> bytes:
    """Return a PDF of lines, each at its height in millimetres and of runs one after the other."""
    pdf = FPDF()
    pdf.add_page()
    for y, *runs in lines:
        x = 10.0
        for text, size, lower in runs:
            pdf.set_font("helvetica", size=size)
            pdf.text(x, y + lower, text)
            x += pdf.get_string_width(text)
    return bytes(pdf.output())


def read_lines(data: bytes) -> list[str]:
    return choose_entry("a.pdf", "", b"%PDF-").read(FileContent(data, "a.pdf")).text.split("\n")


def test_small_figures_of_a_pdf_stay_on_the_line_beside_which_they_stand() -> None:
    data = set_lines(
        (20, ("1,50 m", 14, 0), ("3", 8, -2), (" 13,35", 14, 0)),
        (40, ("10", 14, 0), ("9", 8, -2), ("/l", 14, 0)),
        (60, ("H", 14, 0), ("2", 8, 1.5), ("O", 14, 0)),
        (80, ("6", 7, -1.6), ("of the lease", 10, 0)),
        (100, ("Section 1", 14, 0)),
        (104, ("2 rooms", 8, 0)),
    )
    assert read_lines(data) == ["1,50 m3 13,35", "10^9/l", "H2O", "6 of the lease", "Section 1", "2 rooms"]


#: What is read, and what is set: figures between letters, an ordinal, and a word a little lower.
SET: dict[str, tuple[Run, ...]] = {
    "rn2on": (("rn", 14, 0), ("2", 8, -2.6), ("on", 14, 0)),
    "rn3lang": (("rn", 14, 0), ("3", 8, -3), ("lang", 14, 0)),
    "1st": (("1", 14, 0), ("st", 8, -2)),
    "5\nbeds": (("5", 14, 0), ("beds", 8, 3)),
}


@pytest.mark.parametrize("text", SET)
def test_small_letters_of_a_pdf_stay_beside_figures_on_their_line(text: str) -> None:
    assert read_lines(set_lines((10, ("Rooms", 14, 0)), (20, *SET[text]))) == ["Rooms", *text.split("\n")]


@pytest.mark.parametrize("figure", ["7", "42"])
def test_a_large_figure_of_a_pdf_stands_apart_from_what_is_right_below_it(figure: str) -> None:
    assert read_lines(set_lines((30, (figure, 40, 0)), (34.3, ("open", 10, 0)))) == [figure, "open"]


@pytest.mark.parametrize("cropped", [1, 4, 7])
def test_lines_of_a_cropped_page_are_put_together_by_their_own_letters(cropped: int) -> None:
    area: Run = ("Area 45 m", 14, 0)
    data = set_lines(
        (3, ("c" * cropped, 6, 0)),
        (20, area, ("2", 8, -2), (" ok", 14, 0)),
        (40, ("5", 12, 0)),
        (47, ("beds", 12, 0)),
    )
    writer = pypdf.PdfWriter(clone_from=BytesIO(data))
    writer.pages[0].cropbox = RectangleObject((0, 0, 596, 815))
    writer.write(target := BytesIO())
    assert read_lines(target.getvalue()) == ["Area 45 m2 ok", "5", "beds"]
