"""Web archives of Safari: property lists that hold a page, and those in its frames."""

from __future__ import annotations

import plistlib
from collections.abc import Iterator
from typing import Any

from calypso_mcp.domain.json_values import as_list, as_object
from calypso_mcp.local.indexing.documents import Allowance, Block, Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import decode
from calypso_mcp.local.indexing.formats.html.reader import read_html
from calypso_mcp.local.indexing.formats.texts.text import text_document

_BINARY = b"bplist"
#: Pages of which the text is read; frames of frames among them.
_MOST_PAGES = 100


def read_web_archive(file: FileContent) -> Document:
    """Return the visible text of the page and of its frames.

    Raises:
        ExtractionFailed: As for `read_html`; `broken` if the archive holds no page.
    """
    try:
        pages = list(_pages(plistlib.loads(file.data), file.allowance))
    except (ValueError, RecursionError):
        pages = []
    if not pages and file.data.startswith(_BINARY):
        raise ExtractionFailed("broken", "The web archive is damaged: it holds no page.")
    if not pages:
        return text_document(decode(file.data, file.charset), "not a web archive, read as plain text")
    documents = list(map(read_html, pages))
    blocks: Iterator[Block] = (block.without_place() for document in documents for block in document.blocks)
    warnings = tuple(warning for document in documents for warning in document.warnings)
    return Document(tuple(blocks), documents[0].title, warnings=warnings)


def _pages(archive: Any, allowance: Allowance) -> Iterator[FileContent]:
    """Yield the page of an archive, then those of its frames."""
    archives = [archive]
    for number, fields in enumerate(map(as_object, archives)):
        if number == _MOST_PAGES:
            return
        page = as_object(fields.get("WebMainResource"))
        data = page.get("WebResourceData")
        if isinstance(data, bytes) and allowance.take(len(data)):
            charset = str(page.get("WebResourceTextEncodingName", ""))
            yield FileContent(data, charset=charset, allowance=allowance)
        archives += as_list(fields.get("WebSubframeArchives"))[:_MOST_PAGES]
