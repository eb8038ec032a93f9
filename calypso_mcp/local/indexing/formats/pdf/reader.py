"""PDF: text, filled-in forms and notes of each page, through PDFium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed, FileContent, Part
from calypso_mcp.local.indexing.formats.members import Member, read_members
from calypso_mcp.local.indexing.formats.pdf.fields import read_xfa_data
from calypso_mcp.local.indexing.formats.pdf.headings import find_headings
from calypso_mcp.local.indexing.formats.pdf.pages import Page, Shortcoming, read_page
from calypso_mcp.local.indexing.formats.pdf.paragraphs import split_page

#: What programs put into the title without being asked: the source file's name, or nothing.
_NO_TITLE = re.compile(r"\.\w{2,5}$|^untitled|^\(anonymous\)|^microsoft", re.IGNORECASE)
#: Ranges of pages that a warning names.
_SHOWN_RANGES = 20
#: Longest printed page number that is one.
_LONGEST_LABEL = 20

_END = b"%%EOF"
_DAMAGED = "The file is damaged or not a PDF. Upload a copy that opens in its program."
_CUT_OFF = "The file is cut off: it lacks the end of a PDF. Upload a complete copy."
_WORD = re.compile(r"\w+")
_XFA = frozenset({pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND})

#: Reads the page at an index from its picture; returns its lines, or None if it gives up.
RecognizePage = Callable[[Any, int], str | None]


def read_pdf(file: FileContent) -> Document:
    """Return the paragraphs of every page.

    Raises:
        ExtractionFailed: `encrypted`, `broken`, `empty`, `no_text_layer` or `too_large` (over
            `file.max_chars`).
    """
    return read_pages(file, None)


def read_pages(file: FileContent, recognize: RecognizePage | None) -> Document:
    """Return the paragraphs of every page, those without usable text through `recognize` if given.

    Raises:
        ExtractionFailed: As for `read_pdf`.
    """
    with open_pdf(file.data) as pdf:
        pages = list(_read_each(pdf, recognize, file.max_chars))
        numbered = list(enumerate(pages, 1))
        short = {
            kind: [number for number, page in numbered if page.shortcoming is kind] for kind in Shortcoming
        }
        recognized = [number for number, page in numbered if page.is_recognized]
        headings = find_headings(pdf, [page.runs for page in pages])
        printed = (_blocks(pdf, index, page, headings.get(index, {})) for index, page in enumerate(pages))
        form_data = _form_data(pdf)
        blocks = (*chain.from_iterable(printed), *form_data)
        if not blocks:
            code = "no_text_layer" if any(short.values()) else "empty"
            raise ExtractionFailed(code, _no_text_message(len(pdf), short))
        attached = _attachments(pdf, file)
        warnings = (*_warnings(short, recognized), *_form_warning(pdf, form_data), *attached.warnings)
        is_incomplete = bool(short[Shortcoming.PICTURE] or short[Shortcoming.GARBLED])
        blocks += attached.blocks
        return Document(blocks, _title(pdf), warnings=warnings, shows_unread_text=is_incomplete)


def _read_each(pdf: Any, recognize: RecognizePage | None, most_chars: int) -> Iterator[Page]:
    """Yield the pages, those without usable text as they are recognized."""
    form = open_form(pdf)
    total = 0
    for index in range(len(pdf)):
        page = read_page(pdf, index, form)
        if page.shortcoming is not None and recognize is not None:
            seen = recognize(pdf, index)
            page = page if seen is None else _with_seen(page, seen)
        total += len(page.text) + sum(map(len, page.annotations))
        if total > most_chars:
            raise ExtractionFailed("too_large", f"The PDF holds more than {most_chars:,} characters of text.")
        yield page


def _with_seen(page: Page, seen: str) -> Page:
    """Return a page with the lines that only its picture shows."""
    text = page.text if page.shortcoming is Shortcoming.PICTURE else ""
    said = set(_WORD.findall(text.casefold()))
    unsaid = (line for line in seen.split("\n") if not line or set(_WORD.findall(line.casefold())) - said)
    whole = "\n\n".join(filter(None, (text, "\n".join(unsaid).strip())))
    return replace(page, text=whole, shortcoming=None, is_recognized=whole != text)


def open_pdf(data: bytes) -> Any:  # pypdfium2 is typed in parts only
    """Return a PDF of pypdfium2's, a context manager.

    Raises:
        ExtractionFailed: `encrypted` or `broken`.
    """
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        code: Any = getattr(error, "err_code", None)
        if code in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}:
            raise ExtractionFailed(
                "encrypted", "The PDF is protected by a password. Upload a copy without a password."
            ) from error
        raise ExtractionFailed("broken", _DAMAGED if _END in data else _CUT_OFF) from error


def open_form(pdf: Any) -> Any:
    """Return the form environment, which must exist before a page is opened; None if there is no form."""
    if pdf.get_formtype() == pdfium.FORMTYPE_NONE:
        return None
    try:
        pdf.init_forms()
    except pypdfium2.PdfiumError:
        return None
    return pdf.formenv


def _blocks(pdf: Any, index: int, page: Page, headings: dict[str, int]) -> Iterator[Block]:
    if not page.text and not page.annotations:
        return
    label = normalize("NFC", pdf.get_page_label(index)).strip()
    is_number = label == str(index + 1) or len(label) > _LONGEST_LABEL or not label.isprintable()
    part = Part("page", index + 1, "" if is_number else label)
    yield from split_page(page.text, part, headings)
    for note in page.annotations:
        yield Block(normalize("NFC", note), part=part)


def _warnings(short: dict[Shortcoming, list[int]], recognized: Sequence[int]) -> Iterator[str]:
    if pages := short[Shortcoming.PICTURE]:
        verb = _verb(pages, "holds", "hold")
        yield f"{name_pages(pages)} {verb} pictures only: searches do not find what they show."
    if pages := short[Shortcoming.GARBLED]:
        yield (
            f"The text of {name_pages(pages).lower()} cannot be read in full: the fonts do not map to "
            "letters."
        )
    if pages := short[Shortcoming.DAMAGED]:
        yield f"{name_pages(pages)} {_verb(pages, 'is', 'are')} damaged and left out."
    if recognized:
        yield f"{name_pages(recognized)} {_verb(recognized, 'was', 'were')} read by OCR, which may err."


def _form_data(pdf: Any) -> tuple[Block, ...]:
    """Return what was filled into an XFA form, whose pages only a few programs draw (XFA 3.3)."""
    if pdf.get_formtype() not in _XFA:
        return ()
    from calypso_mcp.local.indexing.formats.data.xml import read_xml

    return read_xml(FileContent(read_xfa_data(pdf))).blocks


def _form_warning(pdf: Any, data: Sequence[Block]) -> Iterator[str]:
    if pdf.get_formtype() in _XFA:
        read = "the printed page and what was filled in were" if data else "the printed page was"
        yield f"The PDF is an XFA form, of which only {read} read. Print it into a new PDF."


def _attachments(pdf: Any, file: FileContent) -> Document:
    """Return what the files attached to the PDF hold."""

    def members() -> Iterator[Member]:
        for index in range(count):
            attachment = pdf.get_attachment(index)
            yield Member(attachment.get_name(), "", bytes(attachment.get_data()))

    count = pdf.count_attachments()
    try:
        return read_members(members(), count, "attachment", file)
    except pypdfium2.PdfiumError:
        return Document((), warnings=("Files attached to the PDF are damaged and were not read.",))


def _verb(pages: Sequence[int], one: str, many: str) -> str:
    return one if len(pages) == 1 else many


def name_pages(pages: Sequence[int]) -> str:
    """Return "Page 4" or "Pages 3-5, 9" for ascending page numbers, which must not be empty."""
    # Where pages follow each other, their numbers grow as their positions do.
    runs = (list(run) for _, run in groupby(enumerate(pages), key=lambda page: page[1] - page[0]))
    ranges = ["-".join(dict.fromkeys(str(page) for _, page in (run[0], run[-1]))) for run in runs]
    shown = ", ".join(ranges[:_SHOWN_RANGES])
    more = f" and others ({len(pages):,} in all)" if len(ranges) > _SHOWN_RANGES else ""
    return f"{'Page' if len(pages) == 1 else 'Pages'} {shown}{more}"


def _title(pdf: Any) -> str | None:
    title = pdf.get_metadata_value("Title").strip()
    return None if not title or _NO_TITLE.search(title) else normalize("NFC", title)


def _no_text_message(count: int, short: dict[Shortcoming, list[int]]) -> str:
    what = "only page" if count == 1 else f"{count} pages"
    if not any(short.values()):
        return f"There is no text on the {what} of the PDF, nor in its pictures."
    if short[Shortcoming.GARBLED]:
        return (
            f"The text on the {what} of the PDF cannot be read: its fonts do not map to letters."
            " Run OCR on it, or install the [ocr] extra (pip install 'calypso-mcp[ocr]')."
        )
    if short[Shortcoming.DAMAGED] and not short[Shortcoming.PICTURE]:
        return f"The {what} of the PDF {_verb([0] * count, 'is', 'are')} damaged."
    return (
        f"The PDF has no text layer: its {what} {_verb([0] * count, 'is', 'are')} probably scanned. Run OCR"
        " on it first, or install the [ocr] extra (pip install 'calypso-mcp[ocr]')."
    )
