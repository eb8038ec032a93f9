"""Diagrams of draw.io, which may hold their pages deflated: as percent-encoded XML in base64."""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from urllib.parse import unquote

_DEFLATED = re.compile(r"(?<=>)\s*+([A-Za-z0-9+/=]++)\s*+(?=</diagram>)")
_START = "<mxfile"
_HEAD_CHARS = 1_000
#: Most characters that the pages of a file may unpack to.
_MOST_CHARS = 30_000_000


def inflate_diagrams(text: str) -> str:
    """Return the XML of a diagram with its pages as XML; any other XML as it is.

    Raises:
        ValueError: A page is damaged, or the pages unpack to too much.
    """
    if _START not in text[:_HEAD_CHARS]:
        return text
    left = _MOST_CHARS

    def inflate(page: re.Match[str]) -> str:
        nonlocal left
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            quoted = inflater.decompress(b64decode(page[1]), max(1, left))
        except zlib.error as error:
            raise ValueError("a page is damaged") from error
        left -= len(quoted)
        if not inflater.eof:
            raise ValueError("a page is cut off, or unpacks to too much")
        return " ".join(unquote(quoted.decode("ascii", "replace")).split())

    return _DEFLATED.sub(inflate, text)
