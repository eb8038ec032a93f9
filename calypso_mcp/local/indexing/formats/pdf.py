"""PDF: the text of each page, through PDFium."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pypdfium2  # pyright: ignore[reportMissingTypeStubs]
import pypdfium2.raw as pdfium  # pyright: ignore[reportMissingTypeStubs]

from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed, FileContent, Part

#: PDFium marks a hyphen that only broke a word at a line end.
_BROKEN_WORD = re.compile(r"[\ufffe\x02\xad][ \t]*\r?\n?")
#: Presentation forms of Latin ligatures, which nobody types into a search.
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\x00": "", "\ufeff": ""}
)
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
#: A line shorter than this fraction of the page's longest that ends a sentence ends a paragraph, too.
_SHORT_LINE = 0.8
_SENTENCE_END = (".", "!", "?", ":", "。", "！", "？", "।")  # noqa: RUF001
#: What programs put into the title without being asked: the source file's name, or nothing.
_NO_TITLE = re.compile(r"\.\w{2,5}$|^untitled|^microsoft", re.IGNORECASE)
#: Bookmarks looked at; more are not headings but an index.
_MAX_BOOKMARKS = 5_000
_DEEPEST_HEADING = 6
#: What stands before a heading's words on the page but not in its bookmark, or the other way round.
_NUMBERING = re.compile(r"^(?:chapter|section|part|appendix)?[\s\d.:IVX-]*\b(?=\D)", re.IGNORECASE)


def read_pdf(file: FileContent) -> Document:
    """Return the paragraphs of every page.

    Raises:
        ExtractionFailed: `encrypted`, `broken`, `no_text_layer` or `too_large` (over `file.max_chars`).
    """
    pdf = _open(file.data)
    try:
        headings = _bookmarks(pdf)
        blocks: list[Block] = []
        total = 0
        for index in range(len(pdf)):
            text = _page_text(pdf, index)
            total += len(text)
            if total > file.max_chars:
                raise ExtractionFailed(
                    "too_large", f"The PDF holds more than {file.max_chars:,} characters of text."
                )
            page = Part("page", index + 1)
            blocks += _page_blocks(text, page, headings.get(index, {}))
        if not blocks:
            raise ExtractionFailed("no_text_layer", _no_text_message(len(pdf)))
        return Document(tuple(blocks), _title(pdf))
    finally:
        pdf.close()


def _open(data: bytes) -> Any:  # pypdfium2 is typed in parts only
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        code: Any = getattr(error, "err_code", None)
        if code in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}:
            raise ExtractionFailed(
                "encrypted", "The PDF is protected by a password. Upload a copy without it."
            ) from error
        raise ExtractionFailed("broken", "The file is damaged or not a PDF.") from error


def _page_text(pdf: Any, index: int) -> str:
    """Return a page's text; a page that cannot be read is as good as empty."""
    try:
        page = pdf[index]
    except pypdfium2.PdfiumError:
        return ""
    try:
        text_page = page.get_textpage()
        try:
            text = text_page.get_text_bounded()
        finally:
            text_page.close()
    except pypdfium2.PdfiumError:
        return ""
    finally:
        page.close()
    text = _BROKEN_WORD.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text.translate(_LIGATURES))


def _page_blocks(text: str, page: Part, headings: dict[str, int]) -> Iterator[Block]:
    """Yield a page's paragraphs and headings.

    PDF knows only lines: a blank line, a short last line or a heading's own line part paragraphs.
    """
    for part in _BLANK_LINES.split(text):
        lines = [line.strip() for line in part.split("\n") if line.strip()]
        longest = max(map(len, lines), default=0)
        start = 0
        for index, line in enumerate(lines):
            level = headings.get(_heading_key(line)) if headings else None
            if level is not None and start < index:
                yield Block("\n".join(lines[start:index]), part=page)
            if level is not None:
                yield Block(line, part=page, heading_level=level)
                start = index + 1
            elif line.endswith(_SENTENCE_END) and len(line) < _SHORT_LINE * longest:
                yield Block("\n".join(lines[start : index + 1]), part=page)
                start = index + 1
        if start < len(lines):
            yield Block("\n".join(lines[start:]), part=page)


def _bookmarks(pdf: Any) -> dict[int, dict[str, int]]:
    """Return, by page index, the headings that the PDF's outline places there and their levels."""
    found: dict[int, dict[str, int]] = {}
    for bookmark in islice(pdf.get_toc(), _MAX_BOOKMARKS):
        target = bookmark.get_dest()
        page = target.get_index() if target is not None else None
        key = _heading_key(bookmark.get_title())
        if page is not None and key:
            found.setdefault(page, {})[key] = min(bookmark.level + 1, _DEEPEST_HEADING)
    return found


def _heading_key(line: str) -> str:
    return "".join(_NUMBERING.sub("", line).split()).casefold()


def _title(pdf: Any) -> str | None:
    title = pdf.get_metadata_value("Title").strip()
    return None if not title or _NO_TITLE.search(title) else unicodedata.normalize("NFC", title)


def _no_text_message(pages: int) -> str:
    what = "only page holds" if pages == 1 else f"{pages} pages hold"
    return f"The PDF has no text layer: its {what} images at most, probably scans. Run OCR on it first."
