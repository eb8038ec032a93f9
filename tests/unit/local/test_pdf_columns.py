"""Columns of a PDF page are read one after the other however they were drawn; rows of a table stay rows."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from itertools import zip_longest
from textwrap import wrap

import pypdf
import pytest
from pypdf.generic import RectangleObject
from reportlab.pdfgen.canvas import Canvas

from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.pdf.reader import read_pdf

KEYS = (
    "The deposit for a depot key is ninety euros and it is paid back when the key returns to the office in"
    " the north. Every member signs for the key at the front desk and keeps the receipt until the end."
    " Lost keys are charged in full."
)
BIRDS = (
    "Herons nest in the reeds beside the depot from March to the end of June each year. During these months"
    " no lorry may pass the western gate after sunset and the lamps stay off. The warden counts the nests."
)
COUNCIL = (
    "The council meets on the first Monday of each month in the old mill and everybody may listen. Minutes"
    " are kept by the clerk and put on the notice board within nine days after the meeting is over."
)
Draw = Callable[[Canvas, float, float, str], None]


def draw_line(canvas: Canvas, x: float, y: float, line: str) -> None:
    canvas.drawString(x, y, line)


def draw_words(canvas: Canvas, x: float, y: float, line: str) -> None:
    for word in line.split():
        canvas.drawString(x, y, word)
        x += canvas.stringWidth(f"{word} ")


def text_of(draw: Callable[[Canvas], None]) -> str:
    target = BytesIO()
    canvas = Canvas(target)
    canvas.setFont("Helvetica", 8)
    draw(canvas)
    canvas.save()
    return " ".join(read_pdf(FileContent(target.getvalue())).text.split())


@pytest.mark.parametrize("draw", [draw_line, draw_words])
@pytest.mark.parametrize("columns", [(KEYS, BIRDS), (KEYS, BIRDS, COUNCIL), (f"{KEYS} {COUNCIL}", BIRDS)])
def test_columns_that_were_drawn_row_by_row_are_read_one_after_the_other(
    columns: tuple[str, ...], draw: Draw
) -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawString(
            40, 800, "A heading that stands above all of the columns of this page, and over the gaps"
        )
        for row, lines in enumerate(zip_longest(*(wrap(text, 36) for text in columns), fillvalue="")):
            for column, line in enumerate(lines):
                draw(canvas, 40 + 180 * column, 760 - 11 * row, line)
        canvas.drawString(40, 300, "Page 1")

    text = text_of(page)
    assert text.startswith("A heading")
    assert " ".join(columns) in text
    assert text.endswith("Page 1")


TABLES = {
    "figures": [(f"Oslo to Hamburg {row}", str(row), f"{row}0.00") for row in range(12)],
    "names": [
        (f"Customer number {row} in the north", f"Harbour street {row}, Bergen town") for row in range(12)
    ],
    "form": [
        ("Name of the applicant", "Ottilie Beispiel of Bergen"),
        ("Address of the applicant", "Harbour street nine, Oslo"),
        ("Date of the application", "The first of March 2026"),
        ("Kind of the contract", "Full time, from now on"),
        ("Name of the manager", "Anna of the north depot"),
    ],
}


@pytest.mark.parametrize("rows", TABLES.values(), ids=TABLES)
def test_rows_of_a_table_stay_rows_and_their_cells_apart(rows: list[tuple[str, ...]]) -> None:
    def page(canvas: Canvas) -> None:
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                canvas.drawString(40 + 180 * column, 760 - 11 * number, cell)

    text = text_of(page)
    for row in rows:
        assert " ".join(row) in text


def test_what_a_cropped_page_does_not_show_is_not_read() -> None:
    target = BytesIO()
    canvas = Canvas(target)
    canvas.drawString(50, 700, "Shown words")
    canvas.drawString(50, 100, "Hidden marks")
    canvas.save()
    writer = pypdf.PdfWriter(BytesIO(target.getvalue()))
    writer.pages[0].cropbox = RectangleObject((0, 400, 595, 842))
    target = BytesIO()
    writer.write(target)
    assert read_pdf(FileContent(target.getvalue())).text == "Shown words"
