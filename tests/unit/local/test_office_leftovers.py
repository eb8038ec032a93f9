"""What the office parser leaves out of a file is found all the same."""

from __future__ import annotations

import io
import tarfile
import time
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest
import xlsxwriter
from aspose.email_foss.cfb import CFBDocument, CFBStorage, CFBStream, CFBWriter
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from odf.dc import Date
from odf.draw import Frame, TextBox
from odf.office import Annotation
from odf.opendocument import OpenDocumentSpreadsheet, OpenDocumentText
from odf.table import Table, TableCell, TableRow
from odf.text import P
from openpyxl.chart import BarChart
from openpyxl.comments import Comment

from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import (
    CUT_OFF,
    Document,
    ExtractionFailed,
    FileContent,
    Part as FilePart,
)
from calypso_mcp.local.indexing.formats.compound_files import find_placed_files
from calypso_mcp.local.indexing.formats.office import binary_sheets
from calypso_mcp.local.indexing.formats.office.packages import Package
from calypso_mcp.local.indexing.formats.registry import choose_entry
from tests.support.binary_workbook import (
    binary_workbook,
    cell_next_to_the_last,
    cell_with_column,
    shared_cell,
)
from tests.support.old_files import holding_itself, with_an_endless_stream, with_one_stream_for_all
from tests.support.producers import made_by_libraries

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def read(name: str, data: bytes) -> Document:
    return choose_entry(name, "", data[:8_192]).read(FileContent(data, name))


def _cited(document: Document) -> dict[str, tuple[FilePart | None, int | None, str | None]]:
    return {
        line: (chunk.part, chunk.line_start, chunk.heading)
        for chunk in split(document)
        for line in chunk.text.split("\n")
    }


def test_what_lies_on_a_sheet_is_read_and_comments_are_cited_by_their_cell() -> None:
    book = openpyxl.Workbook()
    first, second = book.active, book.create_sheet("B & C")
    assert first is not None
    for sheet in (first, second):
        sheet.append(["lane", "days"])
        sheet.append(["Oslo", 3])
    first["B2"].comment = Comment("Ask Anna.", "A")
    chart = BarChart()
    chart.title = "Days by lane"
    first.add_chart(chart)
    target = BytesIO()
    book.save(target)
    cited = _cited(read("a.xlsx", target.getvalue()))
    assert cited["Comment: Ask Anna."] == (FilePart("sheet", 1, first.title), 2, None)
    assert cited["Days by lane"][0] == FilePart("sheet", 1, first.title)


def test_what_stands_beside_a_text_is_cited_under_none_of_its_headings() -> None:
    document = docx.Document()
    document.add_heading("Rent")
    document.add_paragraph("Nine euros.")
    document.sections[0].footer.paragraphs[0].text = "Manual"
    target = BytesIO()
    document.save(target)
    cited = _cited(read("a.docx", target.getvalue()))
    assert {line: place[2] for line, place in cited.items() if line} == {
        "Rent": "Rent",
        "Nine euros.": "Rent",
        "Manual": None,
    }


def test_a_comment_stands_under_the_heading_of_what_it_is_on() -> None:
    document = docx.Document()
    document.add_heading("Rent")
    paragraph = document.add_paragraph("Nine euros.")
    document.add_comment(paragraph.runs, text="Ask Anna.", author="A").add_paragraph("Or Bo.")
    document.add_heading("Term")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("lane", "days", "Oslo", "3"), strict=True):
        cell.text = text
    document.add_comment(table.cell(1, 1).paragraphs[0].runs, text="Four?", author="A")
    document.add_paragraph("Six years.")
    lost = document.add_comment(paragraph.runs, text="Of a deleted word.", author="A")
    [reference] = document.element.xpath(f"//w:commentReference[@w:id={lost.comment_id}]")
    reference.getparent().remove(reference)
    target = BytesIO()
    document.save(target)
    assert [(block.text, block.is_aside) for block in read("a.docx", target.getvalue()).blocks] == [
        ("Rent", False),
        ("Nine euros.", False),
        ("Comment: Ask Anna. Or Bo.", False),
        ("Term", False),
        ("lane | days\nOslo | 3", False),
        ("Comment: Four?", False),
        ("Six years.", False),
        ("Comment: Of a deleted word.", True),
    ]


def test_a_note_stands_under_the_heading_of_its_text() -> None:
    heading = rb"\s1\outlinelevel0 %c\par\pard "
    start = rb"{\rtf1{\stylesheet{\s1 heading 1;}}" + heading % b"A"
    letter = start + rb"x{\footnote nine}\par" + heading % b"B" + b"y}"
    assert read("a.rtf", letter).text.split("\n\n") == ["A", "x[1]", "[1] nine", "B", "y"]


RICH = {
    "Mac letters": (rb"{\rtf1\mac K\'9fndigung}", "Kündigung"),
    "raw Mac letters": (b"{\\rtf1\\mac K\x9fndigung}", "Kündigung"),
    "letters of the PC": (rb"{\rtf1\pc K\'81ndigung}", "Kündigung"),
    "letters of the PS/2": (rb"{\rtf1\pca K\'81ndigung}", "Kündigung"),
    "a Mac code page": (rb"{\rtf1\ansi\ansicpg10007 \'8e\'f2\'ef}", "Отп"),
    "a Mac font": (rb"{\rtf1\ansi{\fonttbl{\f0 A;}{\f1\fcharset77 B;}}\f0 \'fc{\f1 K\'9f}\'fc}", "üKüü"),
    "letters for old readers": (rb"{\rtf1\mac\uc1 K\u252\'9fndigung}", "Kündigung"),
    "two letters for old readers": (rb"{\rtf1\mac\uc2 K\u252\'9f\'9fn\'9f}", "Künü"),
    "a picture": (b"{\\rtf1\\mac{\\pict\\bin3 }}}}K\\'9fn}", "Kün"),
    "a tracked deletion": (rb"{\rtf1\ansi Nine{\deleted\revauthdel1  or {\b ten}} euros.}", "Nine euros."),
    "hidden text": (rb"{\rtf1\ansi Nine{\rtlch\v\loch  or {\b ten}}{\v0  euros}.}", "Nine euros."),
    "hidden text in a paragraph": (
        rb"{\rtf1\ansi{\pard Nine\v  or \u116?en{\b\'e9}\v0  euros.\par}\v none \plain Paid.}",
        "Nine euros.\n\nPaid.",
    ),
    "hidden text in a table": (
        rb"{\rtf1\ansi\trowd\cellx9\cellx99\intbl{\v x\cell}y\cell\row\pard\par}",
        "| y",
    ),
    "a header": (rb"{\rtf1\ansi{\header Manual\par}Body.\par}", "Body.\n\nManual"),
    "headers of sections": (
        rb"{\rtf1\ansi{\headerl Manual}{\headerr Manual}One{\footerf End}two.}",
        "Onetwo.\n\nManual\n\nEnd",
    ),
    "a comment": (
        rb"{\rtf1\ansi Body{\*\annotation{\*\atndate 1}Ask Anna.}.}",
        "Body.\n\nComment: Ask Anna.",
    ),
    "raw letters in UTF-8": ("{\\rtf1\\ansi Kündigung 年假 🚀}".encode(), "Kündigung 年假 🚀"),
    "groups left open": (rb"{\rtf1\ansi{\header Manual}Body {\b bold", "Body bold\n\nManual"),
    "groups closed twice": (rb"{\rtf1\mac K\'9fn}}}", "Kün"),
}


@pytest.mark.parametrize(("data", "text"), RICH.values(), ids=RICH)
def test_rich_text_is_read_in_full(data: bytes, text: str) -> None:
    assert read("a.rtf", data).text == text


def test_rich_text_is_read_itself_not_a_package_in_it() -> None:
    document = docx.Document()
    document.add_paragraph("10").add_run("6").font.superscript = True
    document.save(package := BytesIO())
    placed = rb"\bin%d %b" % (len(package.getvalue()), package.getvalue())
    data = rb"{\rtf1\ansi Ninety {\object{\*\objdata%b}}euros.}" % placed
    assert read("a.rtf", data).text == "Ninety euros."


def test_rich_text_that_is_cut_off_says_so() -> None:
    whole = b"{\\rtf1\\ansi Ninety days.\\par Sixty days.}"
    assert read("a.rtf", whole + b"\r\n\0").warnings == ()
    assert read("a.rtf", whole[:-9]).warnings == (CUT_OFF,)


CHUNKS = {
    "html": ("text/html", b"<p>Ninety euros</p>"),
    "mht": ("message/rfc822", b"MIME-Version: 1.0\nContent-Type: text/html\n\n<p>Ninety euros</p>"),
    "rtf": ("application/rtf", rb"{\rtf1\ansi Ninety euros}"),
    "txt": ("text/plain", b"Ninety euros"),
}


@pytest.mark.parametrize("ending", CHUNKS)
def test_a_document_placed_in_another_is_read(ending: str) -> None:
    content_type, data = CHUNKS[ending]
    assert (
        "Ninety euros"
        in read("a.docx", _word_with(f"/word/chunk.{ending}", content_type, data, "aFChunk")).text
    )


def test_an_embedded_workbook_is_read_and_what_is_no_document_is_named() -> None:
    kind = "application/octet-stream"

    def fill(book: Any) -> None:
        book.add_worksheet().write(0, 0, "Ninety euros")

    book = _workbook(fill)
    assert "Ninety euros" in read("a.docx", _word_with("/word/embeddings/a.xlsx", kind, book, "package")).text
    [warning] = read("a.docx", _word_with("/word/embeddings/a.bin", kind, b"\x7fELF", "package")).warnings
    assert warning.startswith("embedded file not read: 'a.bin' is a program.")


def test_documents_inside_documents_are_read_to_a_depth() -> None:
    data = b"Ninety euros"
    name, kind = "/word/chunk.txt", "text/plain"
    for _ in range(6):
        data = _word_with(name, kind, data, "aFChunk")
        name, kind = "/word/chunk.docx", "application/octet-stream"
    document = read("a.docx", data)
    assert "Ninety euros" not in document.text
    assert "too many files lie in each other" in document.warnings[0]


def test_watermarks_are_read() -> None:
    document: Any = docx.Document()
    document.add_paragraph("Body")
    art = f'<w:r xmlns:w="{_WORD}" xmlns:v="urn:schemas-microsoft-com:vml"><w:pict><v:shape><v:textpath '
    document.sections[0].header.paragraphs[0]._p.append(
        parse_xml(
            art
            + 'style="x" string="Ninety &amp;amp; euros"/></v:shape></w:pict></w:r>'.replace("amp;amp", "amp")
        )
    )
    target = BytesIO()
    document.save(target)
    assert "Ninety & euros" in read("a.docx", target.getvalue()).text


def test_hidden_rows_and_sheets_show_their_cells_as_they_are_formatted() -> None:
    def fill(book: Any) -> None:
        share = book.add_format({"num_format": "0.0%"})
        for name in ("Fees", "Secret"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["item", "share"])
            sheet.write_row(1, 0, ["Key", 0.125], share)
            sheet.write_row(2, 0, ["Card", 0.375], share)
            sheet.set_row(1, None, None, {"hidden": True})
        sheet.very_hidden()

    document = read("a.xlsx", _workbook(fill))
    assert document.text.count("item: Key | share: 12.5%\nitem: Card | share: 37.5%") == 2
    assert [(block.line_start, block.line_end) for block in document.blocks if block.is_table] == [(2, 3)] * 2


def test_what_is_printed_with_a_sheet_is_read() -> None:
    def fill(book: Any) -> None:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "Key")
        sheet.set_header('&L&"Arial,Bold"&14Rates &P of &N&RNinety && euros')

    assert "Ninety" in (text := read("a.xlsx", _workbook(fill)).text)
    assert "Arial" not in text


def _word_with(name: str, content_type: str, data: bytes, relation: str) -> bytes:
    document: Any = docx.Document()
    document.add_paragraph("Body")
    part = Part(PackURI(name), content_type, data, document.part.package)
    document.part.relate_to(part, f"{_OFFICE}/{relation}")
    target = BytesIO()
    document.save(target)
    return target.getvalue()


def _workbook(fill: Any) -> bytes:
    target = BytesIO()
    with xlsxwriter.Workbook(target) as book:
        fill(book)
    return target.getvalue()


@pytest.mark.parametrize(("name", "kind"), [("a.docx", "doc"), ("a.xlsm", "xls"), ("a.ppsx", "ppt")])
def test_an_old_or_protected_file_with_a_new_name_is_read_as_what_it_is(name: str, kind: str) -> None:
    assert choose_entry(name, "", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)).format.name == kind


def test_a_password_is_named_as_the_cause() -> None:
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    with pytest.raises(ExtractionFailed, match="protected by a password"):
        read("a.docx", head + "EncryptedPackage".encode("utf-16-le") + bytes(600))


#: By LibreOffice: a Word and an Excel file with text in every place beside their own.
OLD = Path(__file__).parents[2] / "data" / "old_office.tar.xz"
BESIDE = {
    "old.doc": ("Header of the dockmaster Größe", "Footer Заметка", "年假", "Box text boathook"),
    "old.xls": (
        *("Head of Quillon Page", "Foot of Zephyr", "Splice before Größe 年假", "Cordage by tarring"),
        "Chandler Obadiah",
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_stands_beside_the_text_of_an_old_file_is_read(name: str) -> None:
    text = read(name, _old(name)).text
    assert [words for words in BESIDE[name] if words not in text] == []


def test_comments_and_boxes_of_an_old_workbook_are_cited_by_their_sheet() -> None:
    place = FilePart("sheet", 1, "A")
    beside = {block.text: (block.part, block.line_start) for block in read("a.xls", _old("old.xls")).blocks}
    assert beside["Comment: Splice before Größe 年假"] == (place, 2)
    assert beside["Chandler Obadiah"] == beside["Cordage by tarring"] == (place, None)
    assert beside["Foot of Zephyr"] == (None, None)


@pytest.mark.parametrize("name", BESIDE)
def test_a_damaged_old_file_is_read_as_far_as_it_goes_or_fails_honestly(name: str) -> None:
    data = _old(name)
    for at in range(512, len(data), 509):
        with suppress(ExtractionFailed):
            read(name, data[:at] + b"\xff\x7f\xfe\xff\xff\x7f" + data[at + 6 :])


def _old(name: str) -> bytes:
    with tarfile.open(OLD) as archive:
        member = archive.extractfile(name)
        assert member is not None
        return member.read()


def test_a_package_without_its_end_is_called_damaged() -> None:
    target = BytesIO()
    docx.Document().save(target)
    with pytest.raises(ExtractionFailed, match="is damaged"):
        read("a.docx", target.getvalue()[:-200])


def test_what_stands_in_a_first_row_above_nothing_is_read() -> None:
    target = BytesIO()
    with xlsxwriter.Workbook(target) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["plan", "seats", "Prices of the harbour board"])
        sheet.write_row(1, 0, ["Business", 9])
    assert (
        "plan: Business | seats: 9\n\nPrices of the harbour board" in read("a.xlsx", target.getvalue()).text
    )


def test_boxes_on_sheets_of_opendocument_are_cited_by_their_sheet() -> None:
    sheet: Any = OpenDocumentSpreadsheet()
    table = Table(name="Fees")
    row = TableRow()
    cell = TableCell(valuetype="string")
    cell.addElement(P(text="Key"))
    frame = Frame(width="5cm", height="1cm")
    box = TextBox()
    box.addElement(P(text="Ninety euros"))
    frame.addElement(box)
    cell.addElement(frame)
    row.addElement(cell)
    table.addElement(row)
    sheet.spreadsheet.addElement(table)
    target = BytesIO()
    sheet.write(target)
    places = {block.text: block.part for block in read("a.ods", target.getvalue()).blocks}
    assert places["Ninety euros"] == FilePart("sheet", 1, "Fees")


def test_the_data_of_charts_is_left_out_whatever_else_their_relations_say():
    """Every name was once sought in all of their text: twice the file took four times as long."""
    parts = {f"word/embeddings/{number}.xlsx": "x" for number in range(2_000)}
    target = '<Relationship Target="../embeddings/7.xlsx" Id="1"/>'
    relations = f"<Relationships>{' a' * 2_000_000}{target}</Relationships>"
    chart = {"word/charts/c.xml": "<c:chart/>"}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in {**parts, "word/charts/_rels/c.xml.rels": relations, **chart}.items():
            package.writestr(name, content)
    started = time.process_time()
    members = {member.name for member in Package(archive.getvalue()).members()}

    assert time.process_time() - started < 5
    assert members == {f"{number}.xlsx" for number in range(2_000)} - {"7.xlsx"}


def test_a_comment_in_an_opendocument_text_is_kept_apart_from_its_words() -> None:
    document: Any = OpenDocumentText()
    paragraph = P(text="Ninety ")
    comment = Annotation()
    comment.addElement(Date(text="2026-11-29T13:08:40"))
    comment.addElement(P(text="Ask Anna."))
    comment.addElement(P(text="Or Bo."))
    paragraph.addElement(comment)
    paragraph.addText("euros")
    document.text.addElement(paragraph)
    document.text.addElement(P(text="for a key"))
    target = BytesIO()
    document.write(target)
    assert read("a.odt", target.getvalue()).text == "Ninety euros\n\nComment: Ask Anna. Or Bo.\n\nfor a key"


def test_the_sheets_of_an_opendocument_workbook_keep_their_names() -> None:
    [data] = (made.data for made in made_by_libraries() if made.name == "odfpy.ods")
    assert {block.part.name for block in read("odfpy.ods", data).blocks if block.part} == {"Rules 2026"}


def test_what_a_presentation_shows_in_place_of_a_text_is_no_header() -> None:
    styles = (
        "<style:master-page><style:header /><style:footer/><draw:frame><text:p>Click</text:p></draw:frame>"
        "</style:master-page><style:master-page><style:header><text:p>Manual</text:p></style:header></style:master-page>"
    )
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as package:
        package.writestr("styles.xml", styles)
    assert list(Package(target.getvalue()).margins()) == ["Manual"]


def test_cells_of_a_binary_workbook_are_read_in_both_their_forms() -> None:
    long = "The lane to Oslo takes three days. " * 8
    cells = cell_with_column("lane", 1), cell_next_to_the_last(long), cell_next_to_the_last("slow")
    document = read("a.xlsb", binary_workbook(*cells, comment="Ask Anna."))
    assert document.text == f"Rates\n\nlane | {long.strip()} | slow\n\nComment: Ask Anna."


def test_a_file_on_which_a_library_gives_up_is_called_damaged() -> None:
    with pytest.raises(ExtractionFailed, match="may be damaged"):
        read("a.xlsb", binary_workbook(shared_cell(0)))


def _object(**streams: bytes) -> bytes:
    """Return an OLE file of these streams, one of them in a storage."""
    root = CFBStorage("Root Entry")
    for name, data in streams.items():
        root.add_storage(CFBStorage("Pool")).add_stream(CFBStream(name, data))
    return CFBWriter.to_bytes(CFBDocument(root))


def _packed(name: str, data: bytes) -> bytes:
    place = f"C:\\\\{name}".encode("cp1252") + b"\0"
    head = (
        b"\2\0"
        + name.encode("cp1252")
        + b"\0"
        + place
        + b"\0\0\3\0"
        + len(place).to_bytes(4, "little")
        + place
    )
    body = head + len(data).to_bytes(4, "little") + data
    return len(body).to_bytes(4, "little") + body


#: By what is placed: the object, what is read of it, and how many warnings name it.
PLACED = {
    "a text": (
        _packed("Regel für Anna.txt", b"The heron fee is ninety euros."),
        "\n\nThe heron fee is ninety euros.",
        0,
    ),
    "a drawing": (b"\x10\0\0\0\2\0\0" + bytes(40), "", 0),
    "a damaged package": (_packed("a.txt", b"words")[:20], "", 0),
    "a damaged PDF": (b"%PDF-1.4 no more", "", 1),
}


@pytest.mark.parametrize("what", PLACED)
def test_files_placed_in_documents_as_they_are_are_read(what: str) -> None:
    content, text, count = PLACED[what]
    stream = "CONTENTS" if content.startswith(b"%PDF") else "\x01Ole10Native"
    document = docx.Document()
    document.add_paragraph("Body.")
    name, kind = PackURI("/word/embeddings/oleObject1.bin"), "application/vnd.oleObject"
    part = Part(name, kind, _object(**{stream: content}), document.part.package)
    document.part.relate_to(part, f"{_OFFICE}/oleObject")
    target = BytesIO()
    document.save(target)
    found = read("a.docx", target.getvalue())
    assert (found.text, len(found.warnings)) == (f"Body.{text}", count)
    assert all(block.line_start is None for block in found.blocks)


def test_an_old_document_that_holds_a_package_is_no_package() -> None:
    """Word since 2007 keeps the theme as a ZIP in the old files that it writes."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as theme:
        theme.writestr("theme/theme1.xml", "<a:theme/>")
    data = _old("old.doc") + target.getvalue()
    text = read("old.doc", data).text
    assert [words for words in BESIDE["old.doc"] if words not in text] == []


@pytest.mark.parametrize("name", BESIDE)
def test_an_old_file_that_holds_itself_is_read_as_far_as_it_goes(name: str) -> None:
    data = holding_itself(_old(name))
    assert list(find_placed_files(data)) == []
    assert read(name, data).blocks


def test_a_stream_longer_than_any_file_is_not_read() -> None:
    data = _object(CONTENTS=b"%PDF-1.4 no more")
    assert list(find_placed_files(with_an_endless_stream(data, "CONTENTS"))) == []


def test_streams_that_share_their_bytes_are_not_read_again_and_again() -> None:
    root = CFBStorage("Root Entry")
    for number in range(1_000):
        stream = CFBStream("CONTENTS", b"x" * (2 << 20 if number == 0 else 1))
        root.add_storage(CFBStorage(f"Pool {number}")).add_stream(stream)
    data = with_one_stream_for_all(CFBWriter.to_bytes(CFBDocument(root)), "CONTENTS")
    started = time.process_time()
    assert list(find_placed_files(data)) == []
    assert time.process_time() - started < 2


def _sheet(data: bytes) -> bytes:
    return Package(data).part("xl/worksheets/sheet1.bin")


def _with_sheet(data: bytes, sheet: bytes) -> bytes:
    return Package(data).copy({"xl/worksheets/sheet1.bin": sheet})


def test_a_damaged_binary_sheet_fails_honestly() -> None:
    data = binary_workbook(cell_with_column("lane", 1), cell_next_to_the_last("slow"))
    sheet = _sheet(data)
    for at in range(len(sheet)):
        for rest in (b"", b"\xff\xff\xff\x7f" + sheet[at + 4 :]):
            with suppress(ExtractionFailed):
                read("a.xlsb", _with_sheet(data, sheet[:at] + rest))


def test_a_binary_sheet_of_countless_records_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary_sheets, "_MOST_RECORDS", 1_000)
    data = binary_workbook(cell_next_to_the_last("slow"))
    with pytest.raises(ExtractionFailed, match="more than 1,000 records"):
        read("a.xlsb", _with_sheet(data, _sheet(data) + b"\x01\x00" * 1_000))


def test_a_package_with_a_damaged_part_is_called_damaged() -> None:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as package:
        package.writestr("meta.xml", "Ninety euros")
    whole = target.getvalue()
    before_the_beginning = whole[:-6] + (9_999).to_bytes(4, "little") + whole[-2:]
    other_bytes, other_mark = whole.replace(b"euros", b"pound"), whole.replace(b"PK\3\4", b"PK\3\5")
    for data in (other_bytes, other_mark, before_the_beginning):
        with pytest.raises(ExtractionFailed, match="is damaged"):
            Package(data).text("meta.xml")
