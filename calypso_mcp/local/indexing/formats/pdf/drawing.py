"""What a page of a PDF looks like, for people who check a quotation."""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

import pypdfium2

from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.formats.pdf.reader import open_form, open_pdf

#: Pixels of a picture: a sheet of A4 is about 920 wide, enough to read small print.
_PIXELS = 1_200_000
#: Magnification of pages that are small on paper.
_LARGEST_SCALE = 4.0
_CHANNELS = 3


def draw_page(data: bytes, number: int) -> bytes:
    """Return page `number` (1-based) with its forms and notes as a PNG of at most `_PIXELS`.

    Raises:
        ExtractionFailed: `encrypted`, or `broken`: the PDF is damaged, or has no such page.
    """
    pdf = open_pdf(data)
    try:
        open_form(pdf)
        if not 1 <= number <= len(pdf):
            raise ExtractionFailed("broken", "The PDF has no such page.")
        page = pdf[number - 1]
        width, height = page.get_size()
        scale = math.sqrt(_PIXELS / max(1.0, width * height))
        return _encode_png(page.render(scale=min(scale, _LARGEST_SCALE), rev_byteorder=True))
    except pypdfium2.PdfiumError as error:
        raise ExtractionFailed("broken", "The page is damaged.") from error
    finally:
        pdf.close()


def _encode_png(bitmap: Any) -> bytes:
    """Return a bitmap of red, green and blue bytes as PNG (RFC 2083)."""
    width, height, stride = bitmap.width, bitmap.height, bitmap.stride
    pixels = bytes(bitmap.buffer)
    starts = range(0, stride * height, stride)
    # Each row begins with its filter: none.
    rows = b"".join(b"\0" + pixels[start : start + width * _CHANNELS] for start in starts)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_encode_chunk(kind, body) for kind, body in chunks)


def _encode_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
