"""Pages of a PDF as pictures: for people who check a quotation, and for text recognition."""

from __future__ import annotations

import math
import struct
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pypdfium2

from calypso_mcp.local.indexing.documents import Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.ocr.pictures import Picture
from calypso_mcp.local.indexing.formats.ocr.reader import recognize
from calypso_mcp.local.indexing.formats.pdf.reader import open_form, open_pdf, read_pages

#: Most pixels of a picture for people: a sheet of A4 is about 920 wide, enough to read small print.
_SHOWN_PIXELS = 1_200_000
#: Magnification of pages that are small on paper; at 1, a point is a pixel.
_LARGEST_SCALE = 4.0
#: For text recognition: 200 dpi, fewer for large plans.
_RECOGNIZED_PIXELS = 12_000_000
_RECOGNIZED_SCALE = 200 / 72
#: Processor seconds after which a warning names the remaining pages, so that the file does not fail.
_BUDGET_S = 1_200.0


def draw_page(data: bytes, number: int) -> bytes:
    """Return page `number` (1-based) with its forms and notes as a PNG of at most 1.2 million pixels.

    Raises:
        ExtractionFailed: `encrypted`, or `broken`: the PDF is damaged, or has no such page.
    """
    with open_pdf(data) as pdf:
        open_form(pdf)
        if not 1 <= number <= len(pdf):
            raise ExtractionFailed("broken", "The PDF has no such page.")
        try:
            page = pdf[number - 1]
            return _encode_png(_render(page, _SHOWN_PIXELS, _LARGEST_SCALE, rev_byteorder=True))
        except pypdfium2.PdfiumError as error:
            raise ExtractionFailed("broken", "The page is damaged.") from error


def render_page(page: Any) -> Picture:
    """Return a page of pypdfium2's in grey, sharp enough for text recognition."""
    bitmap = _render(page, _RECOGNIZED_PIXELS, _RECOGNIZED_SCALE, grayscale=True)
    return Picture(bitmap.width, bitmap.height, 1, b"".join(_rows(bitmap)))


def _render(page: Any, most_pixels: int, largest_scale: float, **options: bool) -> Any:
    width, height = page.get_size()
    scale = math.sqrt(most_pixels / max(1.0, width * height))
    return page.render(scale=min(scale, largest_scale), **options)


def _rows(bitmap: Any) -> Iterator[bytes]:
    """Yield the rows of a bitmap without the gaps between them."""
    pixels, stride, row_bytes = bytes(bitmap.buffer), bitmap.stride, bitmap.width * bitmap.n_channels
    for start in range(0, stride * bitmap.height, stride):
        yield pixels[start : start + row_bytes]


def _encode_png(bitmap: Any) -> bytes:
    """Return a bitmap of red, green and blue bytes as PNG (RFC 2083)."""
    header = struct.pack(">IIBBBBB", bitmap.width, bitmap.height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row for row in _rows(bitmap))  # each row begins with its filter: none
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_encode_chunk(kind, body) for kind, body in chunks)


def _encode_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def read_scans(file: FileContent) -> Document:
    """Return the paragraphs of every page; OCR reads pages without usable text.

    Raises:
        ExtractionFailed: As for `read_pdf`.
    """
    started = time.process_time()

    def read(pdf: Any, index: int) -> str | None:
        if time.process_time() - started > _BUDGET_S:
            return None
        try:
            page = pdf[index]
        except pypdfium2.PdfiumError:  # damaged, as the reader says
            return None
        try:
            return recognize(render_page(page))
        finally:
            page.close()

    return read_pages(file, read)
