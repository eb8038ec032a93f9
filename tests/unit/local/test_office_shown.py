"""What an office program shows is read, and cited by the place where it shows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import docx
import openpyxl
import pptx
import pytest
import xlsxwriter
import xlwt
from docx.oxml import parse_xml
from ebooklib import epub
from odf.draw import Frame, Page, PageThumbnail, TextBox
from odf.office import Annotation
from odf.opendocument import OpenDocumentPresentation, OpenDocumentSpreadsheet, OpenDocumentText
from odf.presentation import FooterDecl, Notes
from odf.style import MasterPage, PageLayout, Style, TextProperties
from odf.table import Table, TableCell, TableRow
from odf.text import P, Ruby, RubyBase, RubyText, Span
from openpyxl.comments import Comment

from calypso_mcp.local.indexing.documents import Document, ExtractionFailed, FileContent, Part
from calypso_mcp.local.indexing.formats.registry import choose_entry

Edits = Mapping[str, Callable[[str], str | bytes]]

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_OLD_COMMENT = "<p:cmLst><p:cm><p:text>Ask Ann &amp; Bo</p:text></p:cm></p:cmLst>"
_NEW_COMMENT = (
    "<p188:cm id='1'><a:p><a:r><a:t>Ask Ann </a:t></a:r><a:r><a:t>&amp; Bo</a:t></a:r></a:p></p188:cm>"
)


def read(name: str, data: bytes) -> Document:
    return choose_entry(name, "", data[:8_192]).read(FileContent(data, name))


def saved(save: Callable[[BytesIO], object]) -> bytes:
    save(target := BytesIO())
    return target.getvalue()


def edited(data: bytes, edits: Edits, added: dict[str, str] | None = None) -> bytes:
    with ZipFile(BytesIO(data)) as source, ZipFile(target := BytesIO(), "w") as copy:
        for name in source.namelist():
            part = source.read(name)
            copy.writestr(name, edits[name](part.decode()) if name in edits else part)
        for name, text in (added or {}).items():
            copy.writestr(name, text)
    return target.getvalue()


def deck() -> bytes:
    """Return three slides, of which the one that was made last comes first."""
    presentation = pptx.Presentation()
    for title in ("Second", "Third", "First"):
        slide = presentation.slides.add_slide(presentation.slide_layouts[5])
        assert slide.shapes.title is not None
        slide.shapes.title.text = title
    order = presentation.slides._sldIdLst  # pyright: ignore[reportPrivateUsage]
    order.insert(0, order[2])
    return saved(presentation.save)


def shape(text: str, placeholder: str = "") -> str:
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="90" name="x"/><p:cNvSpPr/><p:nvPr>{placeholder}</p:nvPr></p:nvSpPr>'
        f"<p:spPr/><p:txBody><a:bodyPr/><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp></p:spTree>"
    )


@pytest.mark.parametrize("comment", [_OLD_COMMENT, _NEW_COMMENT])
def test_a_comment_on_a_slide_is_cited_by_its_slide(comment: str) -> None:
    end = "</Relationships>"
    relation = f'<Relationship Id="rId50" Type="{_RELATIONS}/comments" Target="../comments/one.xml"/>{end}'
    rels = "ppt/slides/_rels/slide1.xml.rels"
    data = edited(
        deck(),
        {rels: lambda xml: xml.replace(end, relation)},
        {"ppt/comments/one.xml": comment},
    )
    shown = [(block.part, block.text) for block in read("a.pptx", data).blocks]
    assert shown == [
        (Part("slide", 1), "First"),
        (Part("slide", 2), "Second"),
        (Part("slide", 2), "Comment: Ask Ann & Bo"),
        (Part("slide", 3), "Third"),
    ]


def test_footers_are_read_once_and_what_layouts_show_is_not() -> None:
    def with_shape(text: str, placeholder: str = "") -> Callable[[str], str]:
        return lambda xml: xml.replace("</p:spTree>", shape(text, placeholder))

    footer = '<p:ph type="ftr" sz="quarter" idx="11"/>'
    edits = {f"ppt/slides/slide{number}.xml": with_shape("Internal use", footer) for number in (1, 2)}
    edits["ppt/slideLayouts/slideLayout6.xml"] = with_shape("Larus Ltd")
    edits["ppt/slideMasters/slideMaster1.xml"] = with_shape("Since 1897")
    texts = [block.text for block in read("a.pptx", edited(deck(), edits)).blocks]
    assert texts == ["First", "Second", "Third", "Internal use"]


@pytest.mark.parametrize(
    ("font", "signs", "text"),
    [
        ("Wingdings", "in \uf0e0 out \uf0e8 end", "in → out → end"),
        ("Symbol", "\uf0b3 5 \uf06d", "≥ 5 μ"),
        ("Wingdings", "a\uf021", "a\uf021"),
    ],
)
def test_signs_on_a_slide_are_read_as_they_are_shown(font: str, signs: str, text: str) -> None:
    run = f'<a:rPr><a:sym typeface="{font}" charset="2"/></a:rPr><a:t>{signs}</a:t>'
    edits: Edits = {"ppt/slides/slide3.xml": lambda xml: xml.replace("<a:t>First</a:t>", run)}
    assert read("a.pptx", edited(deck(), edits)).blocks[0].text == text


def test_slides_in_utf_16_are_read() -> None:
    def in_utf_16(xml: str) -> bytes:
        return xml.replace("UTF-8", "UTF-16", 1).replace("First", "Größe").encode("utf-16")

    edits: Edits = {"ppt/slides/slide3.xml": in_utf_16}
    assert [block.text for block in read("a.pptx", edited(deck(), edits)).blocks] == [
        "Größe",
        "Second",
        "Third",
    ]


def test_the_footer_that_slides_of_opendocument_declare_is_read_once() -> None:
    deck: Any = OpenDocumentPresentation()
    layout = PageLayout(name="L")
    master = MasterPage(name="M", pagelayoutname=layout)
    deck.automaticstyles.addElement(layout)
    deck.masterstyles.addElement(master)
    deck.presentation.addElement(FooterDecl(name="f", text="Internal use"))
    deck.presentation.addElement(FooterDecl(name="empty"))
    for title in ("One", "Two"):
        page = Page(masterpagename=master)
        page.addElement(frame := Frame(width="9cm", height="2cm"))
        frame.addElement(box := TextBox())
        box.addElement(P(text=title))
        page.addElement(notes := Notes())
        notes.addElement(PageThumbnail())
        deck.presentation.addElement(page)
    assert read("a.odp", saved(deck.save)).text.split("\n\n") == ["One", "Two", "Internal use"]


@pytest.mark.parametrize("indent", ["", "\n   "])
def test_a_comment_on_a_cell_is_cited_by_its_row_however_the_sheet_is_written(indent: str) -> None:
    book: Any = OpenDocumentSpreadsheet()
    sheet = Table(name="Rates")
    for texts, repeated in ((["lane", "eur"], 1), ([], 3), (["Oslo", "410"], 1)):
        row = TableRow(numberrowsrepeated=repeated)
        for text in texts:
            cell = TableCell(valuetype="string")
            if text == "410":
                cell.addElement(note := Annotation())
                note.addElement(P(text="Too dear"))
            cell.addElement(P(text=text))
            row.addElement(cell)
        if not texts:
            row.addElement(TableCell())
        sheet.addElement(row)
    book.spreadsheet.addElement(sheet)
    data = edited(saved(book.save), {"content.xml": lambda xml: xml.replace("<table:", f"{indent}<table:")})
    place = Part("sheet", 1, "Rates")
    assert [(block.part, block.line_start, block.text) for block in read("a.ods", data).blocks] == [
        (place, None, "Rates"),
        (place, 5, "lane: Oslo | eur: 410"),
        (place, 5, "Comment: Too dear"),
    ]


_THREAD = "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"
_THREAD_TYPE = "http://schemas.microsoft.com/office/2017/10/relationships/threadedComment"


def test_a_thread_on_a_cell_is_read_without_the_copy_for_older_programs() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Rates"
    sheet.append(["lane", "eur"])
    sheet.append(["Oslo", "410"])
    sheet["B2"].comment = Comment("[Threaded comment] Your version is old. Comment: Too dear", "tc={1}")
    sheet["A2"].comment = Comment("By sea", "Ann")
    end = "</Relationships>"
    relation = (
        f'<Relationship Type="{_THREAD_TYPE}" Target="/xl/threadedComments/threadedComment1.xml" Id="t"/>'
    )
    says = "".join(
        f'<threadedComment ref="B2"><text>{text}</text></threadedComment>' for text in ("Too dear", "Ask Bo")
    )
    data = edited(
        saved(book.save),
        {"xl/worksheets/_rels/sheet1.xml.rels": lambda xml: xml.replace(end, relation + end)},
        {
            "xl/threadedComments/threadedComment1.xml": (
                f'<ThreadedComments xmlns="{_THREAD}">{says}</ThreadedComments>'
            )
        },
    )
    place = Part("sheet", 1, "Rates")
    comments = [block for block in read("a.xlsx", data).blocks if block.is_aside]
    assert {(block.part, block.line_start, block.text) for block in comments} == {
        (place, 2, "Comment: By sea"),
        (place, 2, "Comment: Too dear"),
        (place, 2, "Comment: Ask Bo"),
    }


def test_boxes_and_charts_on_a_sheet_are_cited_by_it() -> None:
    book: Any = xlsxwriter.Workbook(target := BytesIO())
    for name in ("Rates", "Costs"):
        sheet = book.add_worksheet(name)
        sheet.write_column(0, 0, [1, 2])
        sheet.insert_textbox(3, 3, f"Box of {name}")
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": f"={name}!$A$1:$A$2"})
        chart.set_title({"name": f"Chart of {name}"})
        sheet.insert_chart(9, 3, chart)
    book.close()
    blocks = read("a.xlsx", target.getvalue()).blocks
    assert {(block.part, block.text) for block in blocks if block.is_aside} == {
        (Part("sheet", number, name), f"{kind} of {name}")
        for number, name in ((1, "Rates"), (2, "Costs"))
        for kind in ("Box", "Chart")
    }


def test_an_old_sheet_that_ends_in_a_formula_without_its_result_is_read_as_it_is_shown() -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Rates")
    percent = xlwt.XFStyle()
    percent.num_format_str = "0.0%"
    sheet.write(0, 0, "rate")
    sheet.write(1, 0, 0.125, percent)
    sheet.write(2, 0, xlwt.Formula("A2*2"))
    assert "12.5%" in read("a.xls", saved(book.save)).text


@pytest.mark.parametrize(("error", "text"), [("#N/A", "Rates\n\n12.5%\n#N/A"), (" ", "Rates\n\n12.5%")])
def test_a_sheet_that_ends_in_an_error_or_spaces_is_read_as_it_is_shown(error: str, text: str) -> None:
    book: Any = xlsxwriter.Workbook(target := BytesIO())
    sheet = book.add_worksheet("Rates")
    sheet.write(0, 0, 0.125, book.add_format({"num_format": "0.0%"}))
    sheet.write_formula(1, 0, "=A2", None, error)
    book.close()
    assert read("a.xlsx", target.getvalue()).text == text


def test_no_day_is_no_time() -> None:
    book: Any = xlsxwriter.Workbook(target := BytesIO())
    book.add_worksheet("Rates").write(0, 0, 0, book.add_format({"num_format": "yyyy-mm-dd"}))
    book.close()
    assert read("a.xlsx", target.getvalue()).text == "Rates\n\n0"


#: Built-in formats of some languages by their numbers (ECMA-376 part 1, 18.8.30), eras, Islamic dates.
DATES: tuple[int | str, ...] = (
    *(27, 31, 36, 50, 57, 58),
    *('[$-411]ggge"年"m"月"d"日";@', "[$-404]e/m/d;@", "yyyy/m/d(aaa)", "[$-2060401]B2dd/mm/yyyy"),
)


@pytest.mark.parametrize("form", DATES)
def test_a_date_of_a_sheet_is_a_date_in_the_formats_of_all_languages(form: int | str) -> None:
    book = xlsxwriter.Workbook(target := BytesIO())
    sheet = book.add_worksheet()
    dated = book.add_format({"num_format": form})
    for row, (day, number) in enumerate(((46086, 46086), (46087.5, 3)), 4):
        sheet.write_number(row, 2, day, dated)
        sheet.write_number(row, 3, number)
    book.close()
    assert read("a.xlsx", target.getvalue()).text.split("\n\n")[1] == (
        "2026-03-05 | 46086\n2026-03-06 12:00:00 | 3"
    )


def test_a_date_of_a_workbook_that_counts_from_1904_is_a_date() -> None:
    book = xlsxwriter.Workbook(target := BytesIO(), {"date_1904": True})
    book.add_worksheet().write_number(0, 0, 46086 - 1462, book.add_format({"num_format": 31}))
    book.close()
    assert "2026-03-05" in read("a.xlsx", target.getvalue()).text


def test_a_time_of_a_sheet_is_a_time_in_the_formats_of_all_languages() -> None:
    book = xlsxwriter.Workbook(target := BytesIO())
    book.add_worksheet().write_number(0, 0, 0.5, book.add_format({"num_format": 33}))
    book.close()
    assert "12:00:00" in read("a.xlsx", target.getvalue()).text


def test_a_date_of_an_old_sheet_is_a_date_in_the_formats_of_all_languages() -> None:
    book, dated = xlwt.Workbook(), xlwt.XFStyle()
    dated.num_format_str = '[$-411]ggge"年"m"月"d"日"'
    book.add_sheet("A").write(0, 0, 46086, dated)
    assert "2026-03-05" in read("a.xls", saved(book.save)).text


@pytest.mark.parametrize(
    ("cell", "is_named"),
    [
        ("<c><f>A2*1.19</f><v></v></c>", True),
        ("<c><f>A2*1.19</f><v/></c>", True),
        ('<c r="B2"><f t="shared" si="0"/></c>', True),
        ("<c><f>A2*1.19</f><v>119</v></c>", False),
        ('<c t="str"><f>IF(A2,"","x")</f><v></v></c>', False),
    ],
)
def test_a_formula_without_its_result_is_named(cell: str, *, is_named: bool) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["net", "gross"])
    sheet.append([100, "=formula"])
    edits: Edits = {"xl/worksheets/sheet1.xml": lambda xml: re.sub(r'<c r="B2">.*?</c>', cell, xml)}
    data = edited(saved(book.save), edits)
    warnings = " ".join(read("a.xlsx", data).warnings)
    assert ("formulas without stored results were left out" in warnings) == is_named


def _field(data: str, code: str) -> str:
    return (
        f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{data}</w:ffData></w:fldChar></w:r>'
        f'<w:r><w:instrText>{code}</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def _sign(font: str, code: str) -> str:
    return f'<w:r><w:sym w:font="{font}" w:char="{code}"/></w:r>'


_LIST = '<w:ddList>{}<w:listEntry w:val="Oslo"/><w:listEntry w:val="Bergen &amp; Voss"/></w:ddList>'
SIGNS = {
    "hyphen": ("<w:r><w:t>555</w:t><w:noBreakHyphen/><w:t>0199</w:t></w:r>", "555-0199"),
    "symbol": (f"{_sign('Symbol', 'F0B3')}<w:r><w:t> 5 </w:t></w:r>{_sign('Symbol', 'F06D')}", "≥ 5 μ"),
    "arrow": (f"<w:r><w:t>in</w:t></w:r>{_sign('Wingdings', 'F0E0')}<w:r><w:t>out</w:t></w:r>", "in→out"),
    "chosen": (_field(_LIST.format('<w:result w:val="1"/>'), "FORMDROPDOWN"), "Bergen & Voss"),
    "default": (_field(_LIST.format(""), "FORMDROPDOWN"), "Oslo"),
    "checked": (_field("<w:checkBox><w:default w:val='0'/><w:checked/></w:checkBox>", "FORMCHECKBOX"), "[x]"),
    "unchecked": (_field('<w:checkBox><w:default w:val="0"/></w:checkBox>', "FORMCHECKBOX"), "[ ]"),
}


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ("<w:b/><w:vanish/><w:i/>", ""),
        ('<w:vanish w:val="true"/>', ""),
        ('<w:vanish w:val="0"/>', "on"),
        ("<w:rPrChange><w:rPr><w:vanish/></w:rPr></w:rPrChange>", "on"),
        ("<w:webHidden/>", "on"),
    ],
)
def test_hidden_text_of_a_document_is_not_read(properties: str, text: str) -> None:
    mark = "<w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr>"
    run = f'<w:r w:rsidR="1">\n<w:rPr>{properties}</w:rPr><w:t>o</w:t><w:t>n</w:t></w:r>'
    inside = f"{mark}<w:r><w:t>a-</w:t></w:r>{run}{_field('', 'XE')}<w:r><w:t>-b</w:t></w:r>"
    # The field of an index is hidden in parts, of which the first must not go alone.
    inside = inside.replace("<w:r><w:fldChar", "<w:r><w:rPr><w:vanish/></w:rPr><w:fldChar", 1)
    document = docx.Document()
    document.element.body.insert(0, parse_xml(f'<w:p xmlns:w="{_WORD}">{inside}</w:p>'))
    assert read("a.docx", saved(document.save)).text == f"a-{text}-b"


@pytest.mark.parametrize(("runs", "text"), SIGNS.values(), ids=SIGNS)
def test_signs_and_fields_of_a_document_are_read_as_they_are_shown(runs: str, text: str) -> None:
    document = docx.Document()
    document.element.body.insert(0, parse_xml(f'<w:p xmlns:w="{_WORD}"><w:r><w:t>a </w:t></w:r>{runs}</w:p>'))
    assert read("a.docx", saved(document.save)).text == f"a {text}"


@pytest.mark.parametrize("properties", ["", '<w:pPr><w:jc w:val="both"/></w:pPr>'])
def test_a_large_first_letter_belongs_to_its_word(properties: str) -> None:
    frame = '<w:pPr><w:framePr w:dropCap="drop" w:lines="3" w:wrap="around"/></w:pPr>'
    paragraphs = (
        f"<w:p>{frame}<w:r><w:t>T</w:t></w:r></w:p><w:p>{properties}<w:r><w:t>he lease</w:t></w:r></w:p>"
    )
    document = docx.Document()
    for paragraph in reversed(parse_xml(f'<w:body xmlns:w="{_WORD}">{paragraphs}</w:body>')):
        document.element.body.insert(0, paragraph)
    document.add_paragraph("Ends in May.")
    assert read("a.docx", saved(document.save)).text == "The lease\n\nEnds in May."


def test_rows_in_controls_are_read_whatever_the_controls_declare() -> None:
    row = "<w:tr><w:tc><w:p><w:r><w:t>Key holder</w:t></w:r></w:p></w:tc></w:tr>"
    control = f'<w:sdt xmlns:o="urn:o"><w:sdtContent>{row}</w:sdtContent></w:sdt>'
    table = f'<w:tbl xmlns:w="{_WORD}"><w:tblPr/><w:tblGrid><w:gridCol/></w:tblGrid>{control}</w:tbl>'
    document = docx.Document()
    document.element.body.insert(0, parse_xml(table))
    assert read("a.docx", saved(document.save)).text == "Key holder"


def test_a_style_makes_a_heading_of_rich_text() -> None:
    styles = r"{\stylesheet{\s0 Normal;}{\s1\sbasedon0\b heading 1;}{\s2 Heading 2,Sub;}}"
    data = rf"{{\rtf1\ansi{styles}\pard\s1 Leave\par\pard\s2 Notice\par\pard\s0 Six weeks.\par}}"
    levels = [(block.heading_level, block.text) for block in read("a.rtf", data.encode()).blocks]
    assert levels == [(1, "Leave"), (2, "Notice"), (None, "Six weeks.")]


def test_letters_of_opendocument_are_read_without_what_says_how_to_read_them() -> None:
    document: Any = OpenDocumentText()
    paragraph = P(text="\u5348\u524d")
    ruby = Ruby()
    ruby.addElement(RubyBase(text="\u6f22\u5b57"))
    ruby.addElement(RubyText(text="\u304b\u3093\u3058"))
    unsaid = Ruby()
    unsaid.addElement(RubyBase(text="\u5e74"))
    unsaid.addElement(RubyText(stylename="R"))
    paragraph.addElement(unsaid)
    paragraph.addElement(Span(text="\u4e2d"))
    paragraph.addElement(ruby)
    document.text.addElement(paragraph)
    assert read("a.odt", saved(document.save)).text == "\u5348\u524d\u5e74\u4e2d\u6f22\u5b57"


def test_hidden_text_of_opendocument_is_not_read() -> None:
    document: Any = OpenDocumentText()
    for name, display in (("T1", "none"), ("T2", "true")):
        style = Style(name=name, family="text")
        style.addElement(TextProperties(display=display))
        document.automaticstyles.addElement(style)
    paragraph = P(text="Nine")
    for name, text in (("T1", " or ten"), ("T2", " euros"), ("T1", "")):
        paragraph.addElement(Span(stylename=name, text=text))
    paragraph.addText(".")
    document.text.addElement(paragraph)
    assert read("a.odt", saved(document.save)).text == "Nine euros."


@pytest.mark.parametrize("field", ["7", "- 7 -", "7 / 12"])
def test_a_margin_that_only_numbers_pages_is_left_out(field: str) -> None:
    document = docx.Document()
    document.add_paragraph("Six weeks.")
    margins = document.sections[0]
    margins.footer.paragraphs[0].text = field
    for kept in ("+47 55 12 34 56", "2023/2024"):
        margins.header.paragraphs[0].text = kept
        assert read("a.docx", saved(document.save)).text.split("\n\n") == ["Six weeks.", kept]


def test_notes_have_the_numbers_that_a_reader_sees() -> None:
    letter = rb"{\rtf1 one{\footnote nine}\par two{\footnote ten}\par}"
    assert read("a.rtf", letter).text.split("\n\n") == ["one[1]", "[1] nine", "two[2]", "[2] ten"]


def test_comments_in_the_part_of_a_program_in_the_browser_are_read() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Six weeks.")
    document.add_comment(paragraph.runs, text="Or eight?", author="A")
    data = saved(document.save)
    with ZipFile(BytesIO(data)) as source, ZipFile(target := BytesIO(), "w") as copy:
        for name in source.namelist():
            part = source.read(name).replace(b"comments.xml", b"comments2.xml")
            copy.writestr(name.replace("comments.xml", "comments2.xml"), part)
    assert read("a.docx", target.getvalue()).text.split("\n\n") == ["Six weeks.", "Comment: Or eight?"]


def test_a_book_whose_pages_are_pictures_says_so() -> None:
    book = epub.EpubBook()
    book.set_title("Atlas")
    page = epub.EpubHtml(
        title="Map", file_name="a.xhtml", content="<html><body><img src='a.png'/></body></html>"
    )
    book.add_item(page)
    book.toc = [page]
    book.spine = [page]
    book.add_item(epub.EpubNcx())
    epub.write_epub(target := BytesIO(), book)
    with pytest.raises(ExtractionFailed, match="pages of the book are pictures"):
        read("a.epub", target.getvalue())
