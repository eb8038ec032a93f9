"""Office files with their sentences in places that readers easily miss."""

# ruff: noqa: E501  the content of a file stays on the lines it has there

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from io import BytesIO
from typing import Any

import docx
import openpyxl
import xlsxwriter
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from odf.office import Annotation
from odf.opendocument import OpenDocumentSpreadsheet, OpenDocumentText
from odf.style import Footer, Header, MasterPage, PageLayout
from odf.table import Table, TableCell, TableRow
from odf.text import H, List, ListItem, Note, NoteBody, NoteCitation, P
from pptx import Presentation
from pptx.util import Inches

from tests.support.sought import Sought


def sought_office_files() -> Iterator[Sought]:
    """Yield every file, several times where it holds several places to look into."""
    yield from _word()
    yield from _slides()
    yield from _sheets()
    yield from _open_documents()


def _saved(save: Callable[[BytesIO], object]) -> bytes:
    target = BytesIO()
    save(target)
    return target.getvalue()


def _word() -> Iterator[Sought]:
    document = docx.Document()
    document.add_heading("Fleet", 1)
    document.add_paragraph("Scrub the fenders", style="List Bullet")
    document.add_paragraph("Varnish the thwarts with tung oil", style="List Bullet 2")
    document.add_heading("Crew", 2)
    yield Sought("list.docx", _saved(document.save), "varnish thwarts", "tung oil", {"section": "Fleet"})

    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "Draft of the dockmaster Quillon"
    document.sections[0].footer.paragraphs[0].text = "Filed under reference Zephyr-88"
    document.add_paragraph("Body.")
    data = _saved(document.save)
    yield Sought("header.docx", data, "dockmaster Quillon", "Quillon")
    yield Sought("header.docx", data, "reference Zephyr-88", "Zephyr-88")

    document = docx.Document()
    document.add_heading("Box", 1)
    paragraph = document.add_paragraph("Beside the box.")
    box = (
        f"<w:r {nsdecls('w')} xmlns:v='urn:schemas-microsoft-com:vml'><w:pict><v:shape><v:textbox><w:txbxContent>"
        "<w:p><w:r><w:t>The boathook hangs starboard.</w:t></w:r></w:p></w:txbxContent></v:textbox></v:shape></w:pict></w:r>"
    )
    paragraph._p.append(parse_xml(box))
    yield Sought("textbox.docx", _saved(document.save), "boathook starboard", "boathook hangs starboard")

    document = docx.Document()
    document.add_heading("Tariff", 1)
    table = document.add_table(rows=1, cols=3)
    for cell, text in zip(table.rows[0].cells, ("Gate", "Season", "Toll"), strict=True):
        cell.text = text
    for number in range(120):
        cells = table.add_row().cells
        cells[0].text, cells[1].text, cells[2].text = f"Gate{number}", "winter", f"{number * 11} kroner"
    merged = table.add_row().cells
    merged[0].merge(merged[2]).text = "Exempt: the harbour pilots"
    data = _saved(document.save)
    yield Sought("tariff.docx", data, "Gate119 winter kroner", "1309 kroner", {"section": "Tariff"})
    yield Sought("tariff.docx", data, "exempt harbour pilots", "Exempt: the harbour pilots")

    document = docx.Document()
    paragraph = document.add_paragraph("The anchorage is ")
    changes = (
        f"<w:ins {nsdecls('w')} w:id='1' w:author='a'><w:r><w:t>newly dredged</w:t></w:r></w:ins>",
        f"<w:del {nsdecls('w')} w:id='2' w:author='a'><w:r><w:delText>silted up</w:delText></w:r></w:del>",
    )
    for change in changes:
        paragraph._p.append(parse_xml(change))
    document.add_comment(paragraph.runs[0], text="Ask the surveyor Ibsen first.", author="Ada")
    data = _saved(document.save)
    yield Sought("changes.docx", data, "anchorage dredged", "newly dredged", {}, "silted up")
    yield Sought("changes.docx", data, "surveyor Ibsen", "Ask the surveyor Ibsen")

    document = docx.Document()
    reading = (
        f"<w:r {nsdecls('w')}><w:ruby><w:rubyPr/><w:rt><w:r><w:t>とうだい</w:t></w:r></w:rt>"
        "<w:rubyBase><w:r><w:t>灯台守</w:t></w:r></w:rubyBase></w:ruby></w:r>"
    )
    document.add_paragraph()._p.append(parse_xml(reading))
    yield Sought("ruby.docx", _saved(document.save), "灯台守", "灯台守", {}, "とうだい")

    document = docx.Document()
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ("Stay", "Rigger", "Forestay", "Wendeline"), strict=True):
        cell.text = text
    control = parse_xml(f"<w:sdt {nsdecls('w')}><w:sdtPr/><w:sdtContent/></w:sdt>")
    row: Any = table.rows[1]._tr
    row.addprevious(control)
    control[1].append(row)
    yield Sought("controls.docx", _saved(document.save), "forestay rigger", "Forestay | Wendeline")


def _slides() -> Iterator[Sought]:
    deck = Presentation()
    slide: Any = None
    for title in ("Opening", "Winches"):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = title
    slide.notes_slide.notes_text_frame.text = "Mention the pawl recall of lot K12."
    group = slide.shapes.add_group_shape()
    box = group.shapes.add_textbox(Inches(1), Inches(1), Inches(3), Inches(1))
    box.text_frame.text = "Ratchets wear after 900 turns."
    nested = group.shapes.add_group_shape().shapes.add_textbox(Inches(1), Inches(2), Inches(3), Inches(1))
    nested.text_frame.text = "The gypsy wheel needs graphite."
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(3), Inches(4), Inches(1)).table
    for cell, text in zip(
        (c for row in table.rows for c in row.cells), ("Drum", "Pull", "Stainless", "640 kg"), strict=True
    ):
        cell.text = text
    data = _saved(deck.save)
    for query, text in (
        ("pawl recall lot", "lot K12"),
        ("ratchets wear turns", "900 turns"),
        ("gypsy wheel graphite", "needs graphite"),
        ("drum stainless pull", "640 kg"),
    ):
        yield Sought("winches.pptx", data, query, text, {"slide": 2})


def _sheets() -> Iterator[Sought]:
    book = openpyxl.Workbook()
    first: Any = book.active
    first.title = "Cover"
    first.append(["Prepared for the harbour board"])
    sheet: Any = book.create_sheet("Dues & fees")
    sheet.append(["vessel", "due", "share", "fee", "total", "paid"])
    sheet.append(["Marigold", date(2026, 3, 9), 0.125, 1234.5, "=D2*2", True])
    sheet.append(["Celandine", datetime(2026, 4, 10, 7, 30), 0.5, -20, "=SUM(D2:D3)", False])  # noqa: DTZ001  sheets know no zones
    sheet["B2"].number_format, sheet["B3"].number_format = "yyyy-mm-dd", "yyyy-mm-dd hh:mm"
    sheet["C2"].number_format, sheet["D2"].number_format = "0.0%", "#,##0.00 [$€-1]"
    sheet.merge_cells("A5:C5")
    sheet["A5"] = "Waived for the lifeboat Petrel"
    data = _saved(book.save)
    yield Sought("dues.xlsx", data, "vessel Marigold due", "2026-03-09", {"sheet": "Dues & fees"})
    yield Sought("dues.xlsx", data, "Celandine due", "2026-04-10", {"sheet": "Dues & fees"})
    yield Sought("dues.xlsx", data, "Marigold share fee", "12.5%", {"sheet": "Dues & fees"})
    yield Sought("dues.xlsx", data, "Marigold fee", "1,234.50 €", {"sheet": "Dues & fees"})
    yield Sought("dues.xlsx", data, "waived lifeboat Petrel", "lifeboat Petrel", {"sheet": "Dues & fees"})
    yield Sought("dues.xlsx", data, "prepared harbour board", "harbour board", {"sheet": "Cover"})

    book = openpyxl.Workbook()
    only: Any = book.active
    only.append(["mooring", "length"])
    only.append(["Alpha", 12])
    for title, state in (("Lists", "hidden"), ("Codes", "veryHidden")):
        sheet = book.create_sheet(title)
        sheet.sheet_state = state
        sheet.append(["berth", "owner"])
        sheet.append([f"{title} berth", f"{title} Ottokar"])
    data = _saved(book.save)
    yield Sought("moorings.xlsx", data, "Lists Ottokar", "Lists Ottokar", {"sheet": "Lists"})
    yield Sought("moorings.xlsx", data, "Codes Ottokar", "Codes Ottokar", {"sheet": "Codes"})

    target = BytesIO()
    drawn: Any = xlsxwriter.Workbook(target, {"in_memory": True})
    sheet = drawn.add_worksheet()
    sheet.write_row(0, 0, ["rope", "metres"])
    sheet.write_row(1, 0, ["Hawser", 40])
    sheet.write_comment(1, 0, "Splice it before Michaelmas.")
    sheet.insert_textbox(4, 0, "Chandler: Obadiah & sons")
    chart = drawn.add_chart({"type": "bar"})
    chart.add_series({"values": "=Sheet1!$B$2:$B$2"})
    chart.set_title({"name": "Cordage by tarring"})
    sheet.insert_chart(8, 0, chart)
    drawn.close()
    for query, text in (
        ("splice Michaelmas", "before Michaelmas"),
        ("chandler Obadiah", "Obadiah & sons"),
        ("cordage tarring", "Cordage by tarring"),
    ):
        yield Sought("ropes.xlsx", target.getvalue(), query, text)


def _open_documents() -> Iterator[Sought]:
    text: Any = OpenDocumentText()
    text.text.addElement(H(outlinelevel=1, text="Rigging"))
    items = List()
    item = ListItem()
    item.addElement(P(text="Whip the lanyard ends"))
    items.addElement(item)
    text.text.addElement(items)
    paragraph = P(text="Shrouds are steel")
    note = Note(noteclass="footnote", id="n1")
    note.addElement(NoteCitation(text="1"))
    body = NoteBody()
    body.addElement(P(text="Except the backstay of hemp."))
    note.addElement(body)
    paragraph.addElement(note)
    text.text.addElement(paragraph)
    master = MasterPage(name="Standard", pagelayoutname="page")
    for margin, words in ((Header, "Riggers' guild of Thule"), (Footer, "Printed by Eudora")):
        side = margin()
        side.addElement(P(text=words))
        master.addElement(side)
    text.automaticstyles.addElement(PageLayout(name="page"))
    text.masterstyles.addElement(master)
    data = _saved(text.write)
    yield Sought("rigging.odt", data, "guild Thule", "guild of Thule")
    yield Sought("rigging.odt", data, "printed Eudora", "by Eudora")
    yield Sought("rigging.odt", data, "whip lanyard ends", "lanyard", {"section": "Rigging"})
    yield Sought("rigging.odt", data, "backstay hemp", "backstay of hemp")

    sheet: Any = OpenDocumentSpreadsheet()
    for name, rows in (("One", [("a", "b")]), ("Täkel", [("block", "cost"), ("Geitau", "77,10")])):
        table = Table(name=name)
        for cells in rows:
            row = TableRow()
            for text_of_cell in cells:
                cell = TableCell(valuetype="string")
                cell.addElement(P(text=text_of_cell))
                row.addElement(cell)
            table.addElement(row)
        sheet.spreadsheet.addElement(table)
    odd = TableRow()
    for value, kind in ((0.25, "percentage"), (9.9, "currency"), (3, "float")):
        odd.addElement(TableCell(valuetype=kind, value=value))
    commented = TableCell(valuetype="string")
    remark = Annotation()
    remark.addElement(P(text="Counted by the chandler Odile."))
    commented.addElement(remark)
    commented.addElement(P(text="Reef"))
    odd.addElement(commented)
    table.addElement(odd)
    yield Sought("tackle.ods", _saved(sheet.write), "counted Odile", "Counted by the chandler Odile")
    yield Sought("tackle.ods", _saved(sheet.write), "block Geitau cost", "77,10", {"sheet": "Täkel"})
