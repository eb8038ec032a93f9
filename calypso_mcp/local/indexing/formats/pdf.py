"""PDF: the text of each page, through PDFium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed

#: PDFium marks a hyphen that only broke a word at a line end.
_BROKEN_WORD = re.compile(r"[\ufffe\x02\xad][ \t]*\r?\n?")
#: Presentation forms of Latin ligatures, which nobody types into a search.
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\x00": "", "\ufeff": ""}
)
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
#: A line shorter than this fraction of the page's longest that ends a sentence ends a paragraph, too.
_SHORT_LINE = 0.8
_SENTENCE_END = (".", "!", "?", ":", "。", "！", "？", "।")


def read_pdf(path: Path, max_chars: int) -> Document:
    """Return the paragraphs of every page.

    Raises:
        ExtractionFailed: `encrypted`, `broken`, `no_text_layer` or `too_large` (more than `max_chars`).
    """
    pdf = _open(path)
    try:
        blocks: list[Block] = []
        total = 0
        for number in range(len(pdf)):
            for text in _paragraphs(_page_text(pdf, number)):
                total += len(text)
                if total > max_chars:
                    raise ExtractionFailed(
                        "too_large", f"The PDF holds more than {max_chars:,} characters of text."
                    )
                blocks.append(Block(text, page=number + 1))
        if not blocks:
            raise ExtractionFailed("no_text_layer", _no_text_message(len(pdf)))
        return Document(tuple(blocks), _title(pdf))
    finally:
        pdf.close()


def _open(path: Path) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        code: Any = getattr(error, "err_code", None)
        if code in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}:
            raise ExtractionFailed(
                "encrypted", "The PDF is protected by a password. Upload a copy without it."
            ) from error
        raise ExtractionFailed("broken", "The file is damaged or not a PDF.") from error


def _page_text(pdf: pypdfium2.PdfDocument, index: int) -> str:
    """Return a page's text; a page that cannot be read is as good as empty."""
    try:
        page = pdf[index]
    except pypdfium2.PdfiumError:
        return ""
    try:
        text_page = page.get_textpage()
        try:
            text: str = text_page.get_text_range()
        finally:
            text_page.close()
    except pypdfium2.PdfiumError:
        return ""
    finally:
        page.close()
    text = _BROKEN_WORD.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return text.translate(_LIGATURES)


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a page: PDF knows only lines, so a short last line is the sign."""
    for part in _BLANK_LINES.split(text):
        lines = [line.strip() for line in part.split("\n") if line.strip()]
        longest = max(map(len, lines), default=0)
        start = 0
        for index, line in enumerate(lines):
            if line.endswith(_SENTENCE_END) and len(line) < _SHORT_LINE * longest:
                yield "\n".join(lines[start : index + 1])
                start = index + 1
        if start < len(lines):
            yield "\n".join(lines[start:])


def _title(pdf: pypdfium2.PdfDocument) -> str | None:
    title = pdf.get_metadata_value("Title").strip()
    # Printers put the name of the source file there.
    return None if not title or re.search(r"\.\w{2,5}$|^untitled|^microsoft", title, re.IGNORECASE) else title


def _no_text_message(pages: int) -> str:
    noun = "page is an image" if pages == 1 else "pages are images"
    return f"The PDF has no text layer: its {pages} {noun}, probably a scan. Run text recognition (OCR) on it first."
