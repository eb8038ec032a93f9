"""Headings of PDFs without bookmarks, which size and weight set off from the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import groupby

import pytest
from fpdf import FPDF
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate

from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import Block, FileContent
from calypso_mcp.local.indexing.formats.pdf.reader import read_pdf

#: Each paragraph with its size in points, and whether it is bold.
Set = tuple[str, float, bool]
PROSE = "The warranty lasts two years from the day of purchase and covers all parts of it, but no glass. "
TEXT: Set = (3 * PROSE + "It ends then.", 10, False)


def with_reportlab(paragraphs: Sequence[Set]) -> bytes:
    styles = [
        ParagraphStyle(
            "", fontName="Helvetica-Bold" if is_bold else "Helvetica", fontSize=size, leading=1.2 * size
        )
        for _, size, is_bold in paragraphs
    ]
    target = BytesIO()
    SimpleDocTemplate(target, pagesize=A4).build(
        [Paragraph(text, style) for (text, _, _), style in zip(paragraphs, styles, strict=True)]
    )
    return target.getvalue()


def with_fpdf(paragraphs: Sequence[Set]) -> bytes:
    pdf = FPDF()
    pdf.add_page()
    for text, size, is_bold in paragraphs:
        pdf.set_font("Times", "B" if is_bold else "", size)
        pdf.multi_cell(0, size / 2, text, new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def scaled(paragraphs: Sequence[Set]) -> bytes:
    """Return the paragraphs in fonts of one size, which a matrix makes larger."""
    target = BytesIO()
    canvas = Canvas(target, pagesize=A4)
    line = 800.0
    for text, size, is_bold in paragraphs:
        canvas.setFont(f"Helvetica{'-Bold' * is_bold}", 1)
        words = text.split()
        for start in range(0, len(words), 8):
            line -= 1.3 * size
            canvas.saveState()
            canvas.transform(size, 0, 0, size, 60, line)
            canvas.drawString(0, 0, " ".join(words[start : start + 8]))
            canvas.restoreState()
    canvas.save()
    return target.getvalue()


PROGRAMS = pytest.mark.parametrize("make", [with_reportlab, with_fpdf, scaled])
Make = Callable[[Sequence[Set]], bytes]


def read(data: bytes) -> tuple[Block, ...]:
    return read_pdf(FileContent(data)).blocks


def headings(data: bytes) -> list[tuple[str, int]]:
    blocks = ((" ".join(block.text.split()), block.heading_level) for block in read(data))
    return [(text, level) for text, level in blocks if level is not None]


@PROGRAMS
def test_lines_larger_or_bolder_than_the_text_are_headings(make: Make) -> None:
    titles: list[Set] = [
        ("Warranty of the washing machine", 20, True),
        ("Duration", 15, False),
        ("Abroad", 13, True),
        ("1.1.1 In Switzerland", 11, True),
        ("Section 2", 15, False),
        ("Glass", 10, True),
    ]
    data = make([paragraph for title in titles for paragraph in (title, TEXT)])
    assert headings(data) == [
        ("Warranty of the washing machine", 1),
        ("Duration", 2),
        ("Abroad", 3),
        ("1.1.1 In Switzerland", 5),
        ("Section 2", 2),
        ("Glass", 5),
    ]
    [path] = {chunk.heading for chunk in split(read_pdf(FileContent(data))) if "1.1.1" in chunk.text}
    assert path == "Warranty of the washing machine > Duration > Abroad > 1.1.1 In Switzerland"


@PROGRAMS
def test_a_heading_of_two_lines_is_one(make: Make) -> None:
    title = "Terms and conditions of the warranty of washing machines and of all the other large machines"
    data = make([TEXT, (title, 16, True), TEXT])
    assert headings(data) == [(title, 2)]
    assert any("\n" in block.text for block in read(data) if block.heading_level)


def test_a_number_that_did_not_fit_belongs_to_its_heading() -> None:
    title = "The terms of warranty of our washing machine 120"
    assert headings(scaled([(title, 18, True), TEXT])) == [(title, 1)]


def test_figures_say_nothing_of_the_size_of_text() -> None:
    figures = [
        (" ".join(str(number) for number in range(row, row + 8)), 7, False) for row in range(1000, 1040)
    ]
    lines: list[Set] = [("A line of prose that stands alone.", 10, False), ("Money", 12, True)]
    assert headings(scaled([*lines, *figures, *lines])) == [("Money", 4)] * 2


@PROGRAMS
@pytest.mark.parametrize(
    "line",
    [
        ("Total: 1,234.00 EUR", 18, True),
        ("You save 20 %", 18, True),
        ("Total 90 EUR", 10, True),
        ("Please pay at once.", 18, True),
        ("12 345 678", 18, True),
        ("2 Duration of the warranty 17", 14, True),
        (2 * PROSE, 15, False),
        ("a note in small print", 7, True),
        ("text of the same size", 10, False),
    ],
)
def test_lines_that_are_no_headings_stay_text(make: Make, line: Set) -> None:
    assert headings(make([TEXT, line, TEXT])) == []


def test_lines_that_each_have_their_own_size_are_text() -> None:
    """OCR gives a line the size of its letters as it saw them."""
    lines = [(PROSE[: 40 + index % 7], 8 + index % 9 * 0.7, False) for index in range(60)]
    assert headings(scaled(lines)) == []


def test_a_bookmark_names_a_heading_that_takes_two_lines() -> None:
    target = BytesIO()
    canvas = Canvas(target, pagesize=A4)
    canvas.bookmarkPage("here")
    canvas.addOutlineEntry("Terms of the warranty of machines", "here")
    lines = ["4. Terms of the warranty", "of machines", "The warranty lasts two years.", "of machines"]
    for index, (_, group) in enumerate(groupby(lines, key=lines.index)):
        canvas.setFont("Helvetica", 16 if index < 2 else 10)
        canvas.drawString(60, 800 - 20 * index, next(group))
    canvas.save()
    first, second = read(target.getvalue())
    assert (first.text, first.heading_level) == ("4. Terms of the warranty\nof machines", 1)
    assert (second.text, second.heading_level) == ("The warranty lasts two years.\nof machines", None)


def test_a_heading_with_a_small_figure_is_a_heading() -> None:
    pdf = FPDF()
    pdf.add_page()
    x = 10.0
    for text, lower in (("Over 10", 0), ("6", -2.5), (" t of CO", 0), ("2", 1), (" saved", 0)):
        pdf.set_font("helvetica", size=11 if lower else 18)
        pdf.text(x, 20 + lower, text)
        x += pdf.get_string_width(text)
    pdf.set_font("helvetica", size=10)
    pdf.set_y(40)
    pdf.multi_cell(0, 5, TEXT[0])
    assert headings(bytes(pdf.output())) == [("Over 10^6 t of CO2 saved", 1)]
