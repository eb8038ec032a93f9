"""Documents made by other programs, with the words that went into them and where one of them stands."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import docx
import openpyxl
from odf.draw import Frame, Page, TextBox
from odf.opendocument import OpenDocumentPresentation, OpenDocumentSpreadsheet, OpenDocumentText
from odf.style import MasterPage, PageLayout
from odf.table import Table, TableCell, TableRow
from odf.text import H, P
from pptx import Presentation
from pptx.util import Inches

#: Written into every document, in several languages; one sentence for each section, row or slide.
SENTENCES = (
    "The deposit for a depot key is ninety euros.",
    "Die Kündigungsfrist im Lager beträgt neun Wochen.",
    "Le préavis est de deux mois où que l'on travaille.",
    "Отпуск составляет двадцать восемь календарных дней.",
    "年假为每年十五天。试用期员工除外。",
)
SECTIONS = ("Deposits", "Fristen", "Préavis", "Отпуск", "年假")
#: Of which the place is checked.
SOUGHT = 3


@dataclass(frozen=True, slots=True)
class Made:
    """A document, what was written into it, and where the sought sentence stands.

    Attributes:
        name: The file name, for people the name of the producer.
        data: The file.
        place: A part, as (kind, number), or a heading; None where the format keeps neither.
        texts: What was written.
        sought: The sentence whose place is checked.
    """

    name: str
    data: bytes
    place: tuple[str, int] | str | None
    texts: tuple[str, ...] = (*SECTIONS, *SENTENCES)
    sought: str = SENTENCES[SOUGHT]


def made_by_libraries() -> Iterator[Made]:
    """Yield a document of every office format that a Python library writes."""
    yield Made("python-docx.docx", _saved(_word().save), SECTIONS[SOUGHT])
    yield Made("openpyxl.xlsx", _saved(_workbook().save), ("row", SOUGHT + 2))
    yield Made("python-pptx.pptx", _saved(_slides().save), ("slide", SOUGHT + 1))
    for document, ending, place in (
        (_open_text(), "odt", SECTIONS[SOUGHT]),
        (_open_sheet(), "ods", ("row", SOUGHT + 2)),
        (_open_slides(), "odp", ("slide", SOUGHT + 1)),
    ):
        yield Made(f"odfpy.{ending}", _saved(document.write), place)


#: By source: into what LibreOffice turns it, the old formats among it.
CONVERSIONS = {
    "python-docx.docx": "docx doc odt rtf",
    "openpyxl.xlsx": "xlsx xls ods",
    "python-pptx.pptx": "pptx ppt odp",
}
#: Likewise, for the table of formats; seconds each.
MORE_CONVERSIONS = {"odfpy.odt": "docx doc epub rtf", "odfpy.ods": "xls", "odfpy.odp": "pptx ppt"}


def made_by_libreoffice(folder: Path, conversions: Mapping[str, str] = CONVERSIONS) -> Iterator[Made]:
    """Yield what LibreOffice makes of them."""
    sources = {made.name: made for made in made_by_libraries()}
    for name, endings in conversions.items():
        (folder / name).write_bytes(sources[name].data)
        for ending in endings.split():
            target = folder / f"{name}-{ending}"
            command = [
                "soffice",
                f"-env:UserInstallation=file://{folder}/profile",
                "--headless",
                "--convert-to",
            ]
            command += [ending, "--outdir", str(target), str(folder / name)]
            subprocess.run(command, check=True, capture_output=True, timeout=120)
            [path] = target.iterdir()
            place = sources[name].place
            # Headings do not survive in RTF; of the old presentations no slide numbers are known.
            yield Made(
                f"LibreOffice-{name}.{ending}", path.read_bytes(), None if ending in {"rtf", "ppt"} else place
            )


def has_libreoffice() -> bool:
    """Whether LibreOffice is installed."""
    return shutil.which("soffice") is not None


def _saved(save: Callable[[BytesIO], object]) -> bytes:
    target = BytesIO()
    save(target)
    return target.getvalue()


def _word() -> Any:
    document = docx.Document()
    for title, sentence in zip(SECTIONS, SENTENCES, strict=True):
        document.add_heading(title, 1)
        document.add_paragraph(sentence)
    table = document.add_table(rows=0, cols=2)
    for title, sentence in zip(SECTIONS, SENTENCES, strict=True):
        cells = table.add_row().cells
        cells[0].text, cells[1].text = title, sentence
    return document


def _workbook() -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Rules 2026"
    sheet.append(["section", "rule"])
    for row in zip(SECTIONS, SENTENCES, strict=True):
        sheet.append(row)
    return book


def _slides() -> Any:
    deck = Presentation()
    for title, sentence in zip(SECTIONS, SENTENCES, strict=True):
        slide = deck.slides.add_slide(deck.slide_layouts[6])
        box = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(5), Inches(1))
        box.text_frame.text = f"{title}: {sentence}"
    return deck


def _open_text() -> Any:
    document: Any = OpenDocumentText()
    for title, sentence in zip(SECTIONS, SENTENCES, strict=True):
        document.text.addElement(H(outlinelevel=1, text=title))
        document.text.addElement(P(text=sentence))
    return document


def _open_sheet() -> Any:
    document: Any = OpenDocumentSpreadsheet()
    table = Table(name="Rules 2026")
    for cells in (("section", "rule"), *zip(SECTIONS, SENTENCES, strict=True)):
        row = TableRow()
        for text in cells:
            cell = TableCell(valuetype="string")
            cell.addElement(P(text=text))
            row.addElement(cell)
        table.addElement(row)
    document.spreadsheet.addElement(table)
    return document


def _open_slides() -> Any:
    document: Any = OpenDocumentPresentation()
    layout = PageLayout(name="layout")
    document.automaticstyles.addElement(layout)
    master = MasterPage(name="master", pagelayoutname=layout)
    document.masterstyles.addElement(master)
    for title, sentence in zip(SECTIONS, SENTENCES, strict=True):
        page = Page(masterpagename=master)
        frame = Frame(width="10cm", height="5cm", x="1cm", y="1cm")
        box = TextBox()
        box.addElement(P(text=f"{title}: {sentence}"))
        frame.addElement(box)
        page.addElement(frame)
        document.presentation.addElement(page)
    return document
