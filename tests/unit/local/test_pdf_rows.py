"""Rows of a table on a PDF page stay rows, and what a page does not show is not read."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pypdf
import pytest
from pypdf.generic import RectangleObject
from reportlab.pdfgen.canvas import Canvas

from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.pdf.reader import read_pdf


def text_of(draw: Callable[[Canvas], None]) -> str:
    target = BytesIO()
    canvas = Canvas(target)
    canvas.setFont("Helvetica", 8)
    draw(canvas)
    canvas.save()
    return " ".join(read_pdf(FileContent(target.getvalue())).text.split())


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
