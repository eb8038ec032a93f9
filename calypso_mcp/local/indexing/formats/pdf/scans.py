"""Scanned pages of a PDF, read from their pictures."""

from __future__ import annotations

import time
from typing import Any

from calypso_mcp.local.indexing.documents import Document, FileContent
from calypso_mcp.local.indexing.formats.ocr.reader import recognize
from calypso_mcp.local.indexing.formats.pdf.drawing import render_page
from calypso_mcp.local.indexing.formats.pdf.reader import read_pages

#: Processor seconds after which a warning names the remaining pages, so that the file does not fail.
_BUDGET_S = 1_200.0


def read_scans(file: FileContent) -> Document:
    """Return the paragraphs of every page; OCR reads pages without usable text.

    Raises:
        ExtractionFailed: As for `read_pdf`.
    """
    started = time.process_time()

    def read(pdf: Any, index: int) -> str | None:
        if time.process_time() - started > _BUDGET_S:
            return None
        page = pdf[index]
        try:
            return recognize(render_page(page))
        finally:
            page.close()

    return read_pages(file, read)
