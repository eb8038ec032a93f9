"""What stands on a PDF page besides its text layer, and text layers that are not what the page shows."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pypdf
import pytest
from pypdf.annotations import FreeText, Text
from pypdf.constants import PageLabelStyle
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, StreamObject, TextStringObject
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.pdf.legibility import Legible, judge
from calypso_mcp.local.indexing.formats.pdf.reader import name_pages, read_pages, read_pdf
from tests.support.pdfs import mapped_pdf, scanned_pdf, text_pdf
from tests.support.scans import photograph, typeset

#: Hebrew with a Latin name and a figure in it, and Arabic.
RIGHT_TO_LEFT = [
    "חופשה שנתית היא 15 ימים Acme Ltd בלבד",
    "מדיניות החזרים: תוך 30 ימים",
    "سياسة الإجازات السنوية هي 30 يوما",
]
ADVANCE = 6.0


def read(data: bytes) -> Document:
    return read_pdf(FileContent(data))


def drawn(*pages: Callable[[Canvas], Any]) -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target)
    for page in pages:
        page(canvas)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def rewritten(data: bytes, change: Callable[[pypdf.PdfWriter], Any]) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    change(writer)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


#: Lines, and how UAX 9 shows them from left to right.
FIGURES = {
    "كمية 2 149.50 ريال": "لاير 149.50 2 ةيمك",
    "تاريخ 2026-03-05 هنا": "انه 05-03-2026 خيرات",
    "رقم ٢٠٢٦-٧٨": "٧٨-٢٠٢٦ مقر",
    "خصم 15% عند 14:30": "14:30 دنع %15 مصخ",
    "תאריך 2026-03-05 כאן": "ןאכ 2026-03-05 ךיראת",
    "הנחה 15% או ₪250 כאן": "ןאכ ₪250 וא 15% החנה",
    "טלפון 50 123 4567": "4567 123 50 ןופלט",
}


def shown_from_left(line: str) -> str:
    """Return a right-to-left line as it stands on paper, from left to right."""
    backwards = line[::-1]
    return re.sub(r"[A-Za-z0-9]+(?: [A-Za-z]+)*", lambda run: run[0][::-1], backwards)


def placed(line: str, y: float = 700) -> list[tuple[float, float, str]]:
    shown = shown_from_left(line)
    return [(50 + ADVANCE * index, y, entry) for index, entry in enumerate(shown) if entry != " "]


@pytest.mark.parametrize("line", RIGHT_TO_LEFT)
def test_right_to_left_lines_are_read_in_order_however_their_letters_were_written(line: str) -> None:
    glyphs = placed(line)
    assert read(mapped_pdf(glyphs)).text == line
    assert read(mapped_pdf(glyphs[::-1])).text == line


@pytest.mark.parametrize("line", FIGURES)
def test_figures_of_right_to_left_lines_are_read_in_order(line: str) -> None:
    shown = enumerate(FIGURES[line])
    assert (
        read(mapped_pdf([(50 + ADVANCE * at, 700.0, sign) for at, sign in shown if sign != " "])).text == line
    )


def test_a_raised_figure_stays_in_its_right_to_left_line() -> None:
    shown = enumerate("הבוג 2מ 45 חטש")
    glyphs = [(50 + ADVANCE * at, 704.0 if sign == "2" else 700.0, sign) for at, sign in shown if sign != " "]
    raised = glyphs.index((50 + ADVANCE * 5, 704.0, "2"))
    pieces = (glyphs[:raised][::-1], [glyphs[raised]], glyphs[raised + 1 :][::-1])
    assert read(mapped_pdf([glyph for piece in pieces for glyph in piece])).text == "שטח 45 מ2 גובה"


@pytest.mark.parametrize("mirrored", ["", "()[]«»"])
def test_brackets_in_right_to_left_lines_open_before_they_close(mirrored: str) -> None:
    """Some fonts name a bracket by its shape, others by its meaning."""
    line = "חופשה (15 ימים) וגם [קומה 3] «בלבד»"
    turned = str.maketrans(mirrored, "".join(pair[::-1] for pair in re.findall("..", mirrored)))
    glyphs = [(x, y, entry.translate(turned)) for x, y, entry in placed(line)]
    assert read(mapped_pdf(glyphs)).text == line


def test_brackets_may_open_on_one_right_to_left_line_and_close_on_the_next() -> None:
    lines = ["חופשה שנתית (למעט", "שבת) בלבד"]
    turned = str.maketrans("()", ")(")
    glyphs = [entry for number, line in enumerate(lines) for entry in placed(line, 700 - 20 * number)]
    mirrored = [(x, y, entry.translate(turned)) for x, y, entry in glyphs]
    assert read(mapped_pdf(glyphs)).text.splitlines() == lines
    assert read(mapped_pdf(mirrored)).text.splitlines() == lines


def test_loosely_set_letters_of_a_right_to_left_line_stay_words() -> None:
    line = RIGHT_TO_LEFT[2]
    glyphs = [(50 + 1.25 * (x - 50), y, entry) for x, y, entry in placed(line)]
    assert read(mapped_pdf(glyphs)).text == line


def test_a_narrow_space_parts_the_words_of_a_right_to_left_line() -> None:
    glyphs = [
        (60.5, 700.0, "ב"),
        (66.5, 700.0, "א"),
        (60.0, 700.0, " "),
        (54.0, 700.0, "ג"),
        (48.0, 700.0, "ד"),
    ]
    assert read(mapped_pdf(glyphs)).text == "אב גד"


def with_drawn_accents(line: str) -> list[tuple[float, float, str]]:
    """Return the glyphs of a line as TeX draws them: an accent, raised over a capital, then its letter."""
    signs = dict(
        zip("\u0300\u0301\u0302\u0303\u0308\u030c\u0327", "`\xb4\u02c6\u02dc\xa8\u02c7\xb8", strict=True)
    )
    glyphs: list[tuple[float, float, str]] = []
    for index, character in enumerate(line):
        x = 50 + ADVANCE * index
        letter, *marks = unicodedata.normalize("NFD", character)
        glyphs += [(x, 703 if letter.isupper() else 700, signs[mark]) for mark in marks]
        if letter != " ":
            glyphs.append((x, 700, "\u0131" if marks and letter == "i" else letter))
    return glyphs


@pytest.mark.parametrize(
    "line",
    [
        "Der Wächter prüft",
        "The garçon of Señor Muñiz is naïf à Pau",
        "Übung für Élodie Příbram",
        "it`s d\xb4eau",
    ],
)
def test_accents_that_were_drawn_by_themselves_belong_to_their_letters(line: str) -> None:
    assert read(mapped_pdf(with_drawn_accents(line))).text == line


def test_accents_on_a_line_that_ends_a_broken_word_belong_to_their_letters() -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawString(50, 700, "Calibrated with the help of the instru-")
        canvas.drawString(50, 686, "ments of M")
        over = 50 + canvas.stringWidth("ments of M")
        canvas.drawString(over + 1, 686, "\xa8")
        canvas.drawString(over, 686, "uller from Kiel")

    assert read(drawn(page)).text == "Calibrated with the help of the instruments of Müller from Kiel"


@pytest.mark.parametrize(("sign", "right", "advance"), [("'", 6.1, 0), ("n", 6, 6)], ids=["above", "beside"])
@pytest.mark.parametrize(
    "words", ["พ นั ก ง า น|ค ลั ง สิ น ค้ า|มี|วั น ล า", "गो दा म|के|क र्म चा रि यों|को|छु ट्टी"], ids=["th", "hi"]
)
def test_letters_drawn_in_pieces_are_read_whole_and_once(
    words: str, sign: str, right: float, advance: int
) -> None:
    """Chromium draws the signs of a letter by themselves, and states what letter and signs say together."""

    def draw(page: Canvas) -> None:
        x = 50.0
        for word in words.split("|"):
            for cluster in word.split():
                page.addLiteral(f"/Span <</ActualText <feff{cluster.encode('utf-16-be').hex()}>>> BDC")
                page.drawString(x, 700, "n")
                for number in range(1, len(cluster)):
                    page.drawString(x + right + advance * (number - 1), 700, sign)
                page.addLiteral("EMC")
                x += 6 + advance * (len(cluster) - 1)
            page.drawString(x, 700, " ")
            x += 4

    assert read(drawn(draw)).text == words.replace(" ", "").replace("|", " ")


@pytest.mark.parametrize(("gap", "text"), [(0, "मेंक"), (1.5, "में क"), (3, "में क")])
def test_words_whose_letters_were_drawn_in_one_piece_are_told_apart_by_their_gap(
    gap: float, text: str
) -> None:
    """Typst draws no spaces."""

    def draw(page: Canvas) -> None:
        page.setFont("Courier", 10)
        page.addLiteral("/Span <</ActualText <feff092e09470902>>> BDC")
        page.drawString(50, 700, "mm")
        page.addLiteral("EMC /Span <</ActualText <feff0915>>> BDC")
        page.drawString(50 + page.stringWidth("mm") + gap, 700, "m")
        page.addLiteral("EMC")

    assert read(drawn(draw)).text == text


def test_right_to_left_letters_drawn_from_left_to_right_are_read_all_the_same() -> None:
    """Programs without any notion of direction write the letters in the order of the text."""
    line = "חופשה שנתית היא חמישה עשר ימים"
    glyphs = [(50 + ADVANCE * index, 700.0, entry) for index, entry in enumerate(line) if entry != " "]
    assert read(mapped_pdf(glyphs)).text == line


def test_left_to_right_text_with_a_foreign_word_keeps_its_order() -> None:
    line = "The word שלום means peace"
    shown = line.replace("שלום", "םולש")
    glyphs = [(50 + ADVANCE * index, 700.0, entry) for index, entry in enumerate(shown) if entry != " "]
    assert read(mapped_pdf(glyphs)).text == line


TABLE = [("Pos", "Article", "Price"), *((str(n), f"Rope {n}", f"{n * 3},00 EUR") for n in range(30, 41))]


@pytest.mark.parametrize("rows", [TABLE, [("Ticket",), ("From Bergen",), ("To Oslo",)]])
def test_letters_that_were_drawn_one_by_one_make_up_lines(rows: list[tuple[str, ...]]) -> None:
    """PDFium takes a page of a few narrow rows for one that is written down."""

    def page(canvas: Canvas) -> None:
        for number, row in enumerate(rows):
            for x, cell in zip((60, 180, 480), row, strict=False):
                left: float = x
                for letter in cell:
                    canvas.drawString(left, 780 - 18 * number, letter)
                    left += canvas.stringWidth(letter)

    assert read(drawn(page)).text.splitlines() == [" ".join(row) for row in rows]


@pytest.mark.parametrize("spacing", [3, 6, 9])
def test_a_heading_whose_letters_are_spaced_out_is_words(spacing: int) -> None:
    lines = ["INVOICE OF BERGEN", "A B C D E"]

    def page(canvas: Canvas) -> None:
        canvas.drawString(60, 780, lines[0], charSpace=spacing)
        for index, cell in enumerate(lines[1].split()):
            canvas.drawString(60 + 90 * index, 740, cell)
        canvas.drawString(
            60, 700, "The depot in Bergen closes at nine, and everybody who works there leaves."
        )

    assert read(drawn(page)).text.splitlines()[:2] == lines


@pytest.mark.parametrize("spacing", [1.2, 2, 4, 7])
def test_a_heading_of_words_and_signs_that_are_spaced_out_is_words(spacing: float) -> None:
    """As Chromium and WeasyPrint write it: every letter has its place, kerned pairs are closer."""
    lines = ["Annual Report 2025", "1. To & from Ulm (net)"]
    glyphs: list[tuple[float, float, str]] = []
    for number, line in enumerate(lines):
        x = 50.0
        for letter, following in zip(line, line[1:] + " ", strict=True):
            glyphs.append((x, 700.0 - 20 * number, letter))
            x += ADVANCE + spacing - (letter + following == "To")
    assert read(mapped_pdf(glyphs)).text.splitlines() == lines


@pytest.mark.parametrize("spacing", [200, 300, 500, 700])
def test_a_heading_set_as_one_text_with_distances_is_words(spacing: int) -> None:
    """As Chromium writes `letter-spacing`, in thousandths of an em. PDFium takes each letter for a word."""
    lines = [
        "Annual Report 2025",
        "The depot in Bergen closes at nine, and everybody who works there leaves.",
    ]

    def page(canvas: Canvas) -> None:
        letters = " ".join(f"({letter}) {-spacing}" for letter in lines[0])
        heading: Any = canvas.beginText(60, 780)  # reportlab itself writes no distances
        heading.setFont("Helvetica", 24)
        heading._code.append(f"[{letters}] TJ")
        canvas.drawText(heading)
        canvas.drawString(60, 700, lines[1])

    assert read(drawn(page)).text.splitlines() == lines


def test_a_row_of_figures_is_no_spaced_out_line() -> None:
    glyphs = [(50 + (ADVANCE + 5) * index, 700.0, cell) for index, cell in enumerate("A1234567")]
    assert read(mapped_pdf(glyphs)).text == "A 1 2 3 4 5 6 7"


def test_a_word_that_a_hyphen_of_its_own_breaks_is_whole_again() -> None:
    lines = ["Sie haften für Veruntreu\u2010", "ungen bis 9\u2010", "10 Euro."]
    glyphs = [
        (50 + ADVANCE * index, 700.0 - 12 * number, letter)
        for number, line in enumerate(lines)
        for index, letter in enumerate(line)
    ]
    text = read(mapped_pdf(glyphs)).text
    assert text.replace("\n", " ") == "Sie haften für Veruntreuungen bis 9\u2010 10 Euro."


def test_what_is_written_on_a_scan_is_read_with_what_the_scan_shows() -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(photograph(typeset(["Bin three"]))), 0, 0, *A4)
        canvas.drawString(60, 700, "Received 3 May")

    seen = "Weevils in\nbin three.\n\nRECEIVED 3 May"
    document = read_pages(FileContent(drawn(page)), lambda _pdf, _index: seen)
    assert document.text == "Received 3 May\n\nWeevils in\nbin three."
    assert document.warnings == ("Page 1 was read by OCR, which may err.",)
    said = read_pages(FileContent(drawn(page)), lambda _pdf, _index: "Received 3 May")
    assert (said.text, said.warnings) == ("Received 3 May", ())


def test_a_short_page_that_ocr_has_read_is_no_picture() -> None:
    """Scanners put the text that they see invisibly over the picture."""

    def page(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(photograph(typeset(["Bin three"]))), 0, 0, *A4)
        layer = canvas.beginText(60, 700)
        layer.setTextRenderMode(3)
        layer.textLine("Bin three")
        canvas.drawText(layer)

    document = read(drawn(page))
    assert (document.text, document.warnings, document.shows_unread_text) == ("Bin three", (), False)


@pytest.mark.parametrize("heading", ["", "关于码头的规定自下月一日起施行"])
def test_lines_that_go_down_are_read_whole_beside_lines_that_go_across(heading: str) -> None:
    lines = ["竖排文字在丰都码头可以看到", "员工须提前三天提交四百一十七份申请"]
    glyphs = [(50 + ADVANCE * index, 750.0, letter) for index, letter in enumerate(heading)]
    glyphs += [
        (300.0 - 30 * number, 700.0 - 11 * index, letter)
        for number, line in enumerate(lines)
        for index, letter in enumerate(line)
    ]
    assert read(mapped_pdf(glyphs)).text.split() == [heading, *lines][not heading :]


def test_values_of_form_fields_are_found_with_their_labels() -> None:
    def form(canvas: Canvas) -> None:
        canvas.drawString(50, 800, "Name of applicant:")
        fields: Any = canvas.acroForm
        fields.textfield(
            name="f1[0]", tooltip="Applicant", value="Ottilie Beispiel", x=200, y=790, width=200, height=20
        )
        secret = {"value": "swordfish", "fieldFlags": "password"}
        fields.textfield(name="p", tooltip="Pin", x=200, y=750, width=200, height=20, **secret)
        fields.checkbox(name="c1", tooltip="Wants the newsletter", checked=True, x=50, y=700)
        fields.checkbox(name="c2", tooltip="Wants calls", checked=False, x=50, y=650)

    document = read(drawn(lambda canvas: canvas.drawString(50, 800, "Cover"), form))
    assert [chunk.part.number for chunk in split(document) if chunk.part and "Ottilie" in chunk.text] == [2]
    assert "Applicant: Ottilie Beispiel" in document.text
    assert "Wants the newsletter: yes" in document.text
    assert "Wants calls" not in document.text
    assert "swordfish" not in document.text
    assert document.warnings == ()


def test_a_form_without_any_other_text_is_read() -> None:
    def form(canvas: Canvas) -> None:
        fields: Any = canvas.acroForm
        fields.textfield(name="n", value="Ottilie Beispiel", x=200, y=790, width=200, height=20)

    assert "Ottilie Beispiel" in read(drawn(form)).text


def test_notes_are_read() -> None:
    def annotate(writer: pypdf.PdfWriter) -> None:
        writer.add_annotation(0, FreeText(text="Approved by Corvus", rect=(50, 550, 200, 650)))
        writer.add_annotation(0, Text(text="Check clause nine", rect=(50, 450, 200, 480)))

    text = read(rewritten(text_pdf([["Contract"]]), annotate)).text
    assert "Approved by Corvus" in text
    assert "Check clause nine" in text


def test_printed_page_numbers_are_kept_where_they_differ() -> None:
    pages = text_pdf([["preface"], ["contents"], ["first chapter"], ["second"]])

    def label(writer: pypdf.PdfWriter) -> None:
        writer.set_page_label(0, 1, style=PageLabelStyle.LOWERCASE_ROMAN)
        writer.set_page_label(2, 3, style=PageLabelStyle.DECIMAL, prefix="A-")

    parts = [block.part for block in read(rewritten(pages, label)).blocks]
    assert [(part.number, part.name) for part in parts if part] == [
        (1, "i"),
        (2, "ii"),
        (3, "A-1"),
        (4, "A-2"),
    ]
    plain = [block.part for block in read(pages).blocks]
    assert {part.name for part in plain if part} == {""}


def test_pages_that_hold_pictures_only_are_named() -> None:
    def picture(canvas: Canvas) -> None:
        canvas.rect(100, 100, 300, 300, fill=1)

    def words(canvas: Canvas) -> None:
        canvas.drawString(50, 800, "words")

    def nothing(_canvas: Canvas) -> None:
        pass

    document = read(drawn(words, picture, picture, nothing, words, picture))
    assert document.warnings == ("Pages 2-3, 6 hold pictures only: searches do not find what they show.",)
    assert document.shows_unread_text


def test_private_use_text_is_not_called_text() -> None:
    glyphs = placed("An annual leave of fifteen days")
    with pytest.raises(ExtractionFailed) as caught:
        read(mapped_pdf(glyphs, maps=False))
    assert caught.value.code == "no_text_layer"
    assert "fonts" in caught.value.message
    assert "[ocr]" in caught.value.message


def test_garbled_pages_are_named_and_the_others_read() -> None:
    def merge(writer: pypdf.PdfWriter) -> None:
        writer.append(io.BytesIO(mapped_pdf(placed("An annual leave of fifteen days"), maps=False)))

    document = read(rewritten(text_pdf([["Good page."]]), merge))
    assert document.text == "Good page."
    assert document.warnings[0].startswith("The text of page 2 cannot be read in full")
    assert document.shows_unread_text


PROSE = {
    "english": "The notice period in the warehouse is nine weeks and it applies to every member of staff. ",
    "german": "Die Kündigungsfrist im Lager beträgt neun Wochen und gilt für alle Beschäftigten gleich. ",
    "polish": "Okres wypowiedzenia w magazynie wynosi dziewięć tygodni i dotyczy wszystkich pracowników. ",
    "czech": "Výpovědní lhůta ve skladu je devět týdnů a vztahuje se na všechny zaměstnance společnosti. ",
    "vietnamese": "Thời hạn báo trước trong kho là chín tuần và áp dụng cho tất cả nhân viên của công ty. ",
    "welsh": "Y cyfnod rhybudd yn y warws yw naw wythnos ac mae'n berthnasol i bob aelod o staff y cwmni. ",
    "russian": "Срок уведомления на складе составляет девять недель и распространяется на всех. ",
    "chinese": "仓库的通知期为九周。适用于所有员工。试用期员工除外。年假为每年十五天。" * 3,
    "parts": "BX-4411-RTK 12.50 17 pcs; FF-2210-KLM 13.75 22 pcs; QR-9914-PPW 9.99 144 pcs; ",
    "figures": "2024 -1,204.5 +12.0% $ 33.10 (4.2) 17/03 * 1=1 | 2025 -998.1 +3.5% $ 31.00 (3.9) ",
    "feet": "2'-4\" x 8'-10\" [7] 12'-0\" x 9'-6\" [8] ",
    "columns of numbers": '#1027 "12.5";"13" #1028 "9";"11" ',
    "contents": "1 Introduction ........................ 7\n2 Scope ............................... 12\n",
}


@pytest.mark.parametrize("text", PROSE.values(), ids=PROSE)
def test_text_of_any_language_is_legible(text: str) -> None:
    assert judge(text * 3) == Legible(text * 3, is_page=True)


@pytest.mark.parametrize(
    "garbled",
    [
        [sentence if sentence == " " else chr(ord(sentence) - 29) for sentence in PROSE["english"]],
        [chr(33 + sorted(set(PROSE["english"])).index(letter)) for letter in PROSE["english"]],
        [chr(0xF000 + ord(sentence)) for sentence in PROSE["english"]],
        [chr(1 + ord(sentence) % 8) for sentence in PROSE["english"]],
        ["\ufffd"] * len(PROSE["english"]),
    ],
    ids=["glyph numbers", "letters by number", "private use", "control", "replacement"],
)
def test_text_that_spells_nothing_is_not(garbled: list[str]) -> None:
    verdict = judge("".join(garbled) * 3)
    assert (verdict.text.strip(), verdict.is_page) == ("", False)


def test_bullets_of_symbol_fonts_spoil_no_page() -> None:
    verdict = judge("\uf0b7 Keys are returned\n\uf0b7\nto the depot\n" * 5)
    assert verdict.is_page
    assert "\uf0b7" not in verdict.text
    assert "Keys are returned" in verdict.text


def test_a_scan_says_which_extra_reads_it() -> None:
    with pytest.raises(ExtractionFailed, match=r"\[ocr\]"):
        read(scanned_pdf(2))


@pytest.mark.parametrize(
    ("pages", "name"),
    [([4], "Page 4"), ([1, 2, 3, 7], "Pages 1-3, 7"), ([2, 4], "Pages 2, 4")],
)
def test_pages_are_named_in_ranges(pages: list[int], name: str) -> None:
    assert name_pages(pages) == name


def test_many_ranges_are_counted() -> None:
    assert name_pages(list(range(1, 101, 2))).endswith("39 and others (50 in all)")


def test_files_attached_to_a_pdf_are_read() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(text_pdf([["The canteen opens at eleven."]])))
    writer.add_attachment("menu.txt", b"Soup.")
    writer.add_attachment("plan.pdf", text_pdf([["Fish on Fridays."]]))
    writer.add_attachment("menu.gif", b"GIF89a")
    document = read_pdf(FileContent(_written(writer)))
    attached = "Attachment: menu.txt\n\nSoup.\n\nAttachment: plan.pdf\n\nFish on Fridays."
    assert document.text == f"The canteen opens at eleven.\n\n{attached}"
    assert [(block.part, block.line_start) for block in document.blocks[1:]] == [(None, None)] * 4
    [warning] = document.warnings
    assert warning.startswith("attachment not read: 'menu.gif' is a picture.")


@pytest.mark.parametrize("is_parted", [True, False])
def test_what_was_filled_into_an_xfa_form_is_read(is_parted: bool) -> None:
    data = (
        b"<xfa:datasets xmlns:xfa='http://www.xfa.org/schema/xfa-data/1.0/'><xfa:data>"
        b"<tenant>Ottilie</tenant></xfa:data></xfa:datasets>"
    )
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(text_pdf([["Please wait..."]])))
    stream = StreamObject()
    stream.set_data(data if is_parted else b"<xdp><template>Tenant</template>" + data + b"</xdp>")
    packet = writer._add_object(stream)
    name = TextStringObject("datasets")
    xfa = ArrayObject([name, packet]) if is_parted else packet
    form = {"/XFA": xfa, "/Fields": ArrayObject()}
    entries = {NameObject(key): value for key, value in form.items()}
    writer.root_object[NameObject("/AcroForm")] = DictionaryObject(entries)
    document = read_pdf(FileContent(_written(writer)))
    assert document.text == "Please wait...\n\ntenant: Ottilie"
    [warning] = document.warnings
    assert "what was filled in were read" in warning


def _written(writer: pypdf.PdfWriter) -> bytes:
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()
