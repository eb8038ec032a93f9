"""Letters of scripts whose signs combine, such as Thai and Devanagari, which are drawn in several pieces.

Programs state what such pieces say together (ISO 32000-2, 14.9.4). PDFium takes all of it for the first
piece, repeats it where another stands above or below, and infers spaces from the place of the first.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass, field
from typing import Any

import pypdfium2.raw as pdfium

from calypso_mcp.local.indexing.formats.pdf.direction import is_level, place
from calypso_mcp.local.indexing.formats.pdf.glyphs import Glyph, read_characters, read_glyph

_pdfium: Any = pdfium  # not typed
#: From Devanagari to Myanmar, and Khmer.
_COMBINES = re.compile("[\u0900-\u109f\u1780-\u17ff]")


@dataclass(slots=True)
class _Cluster:
    box: tuple[float, float, float, float]
    text: str = ""
    #: Address of the piece for which PDFium took the text.
    first: int = 0


@dataclass(slots=True)
class _Line:
    given: str = ""
    glyphs: list[Glyph] = field(default_factory=list[Glyph])
    clusters: list[_Cluster] = field(default_factory=list[_Cluster])


def has_clusters(text: str) -> bool:
    """Whether `text` holds letters of scripts whose signs combine."""
    return not text.isascii() and _COMBINES.search(text) is not None


def read_clusters(page: Any, text_page: Any) -> str | None:
    """Return the text of a page with what pieces say together whole and once; None if no text is stated."""
    clusters, spaces = _find_clusters(page)
    if not clusters:
        return None
    lines = [_Line()]
    for index, character in enumerate(read_characters(text_page)):
        line = lines[-1]
        if character == "\n":
            lines.append(_Line())
        elif character not in "\r\0":
            line.given += character
            if _pdfium.FPDFText_IsGenerated(text_page, index) != 1:
                address = _address(_pdfium.FPDFText_GetTextObject(text_page, index))
                cluster = clusters.get(address)
                if cluster is None:
                    line.glyphs.append(read_glyph(text_page, index, character))
                elif cluster.first in {0, address}:
                    line.clusters += () if cluster.first else (cluster,)
                    cluster.first = address
                    cluster.text += character
    return "\n".join(_read_line(line, spaces) for line in lines)


def _read_line(line: _Line, spaces: list[Glyph]) -> str:
    glyphs = [*line.glyphs, *(Glyph(cluster.text, *cluster.box) for cluster in line.clusters)]
    if not line.clusters or not is_level(glyphs):
        return line.given
    bottom, top = min(glyph.bottom for glyph in glyphs), max(glyph.top for glyph in glyphs)
    return place([*glyphs, *(space for space in spaces if bottom <= space.y <= top)])


def _find_clusters(page: Any) -> tuple[dict[int, _Cluster], list[Glyph]]:
    """Return what pieces say together by the address of each, and the spaces, which have no width."""
    pieces: dict[int, list[tuple[int, tuple[float, float, float, float]]]] = {}
    spaces: list[Glyph] = []
    for drawn in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT], max_depth=1):
        left, bottom, right, top = box = drawn.get_bounds()
        if left == right:
            spaces.append(Glyph(" ", left, bottom, right + 1, top))
        elif mark := _find_statement(drawn):
            pieces.setdefault(mark, []).append((_address(drawn.raw), box))
    clusters: dict[int, _Cluster] = {}
    for parts in pieces.values():
        lefts, bottoms, rights, tops = zip(*(box for _, box in parts), strict=True)
        cluster = _Cluster((min(lefts), min(bottoms), max(rights), max(tops)))
        clusters.update((address, cluster) for address, _ in parts)
    return clusters, spaces


def _find_statement(drawn: Any) -> int:
    """Return the address of the mark that states the text of an object; 0 if there is none."""
    for index in range(_pdfium.FPDFPageObj_CountMarks(drawn)):
        mark = _pdfium.FPDFPageObj_GetMark(drawn, index)
        if _pdfium.FPDFPageObjMark_GetParamValueType(mark, b"ActualText") == pdfium.FPDF_OBJECT_STRING:
            return _address(mark)
    return 0


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
