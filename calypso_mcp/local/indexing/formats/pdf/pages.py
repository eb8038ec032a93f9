"""One page of a PDF: its text, what was filled in and noted on it, and whether it shows more than that."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.local.indexing.formats.pdf.clusters import has_clusters, read_clusters
from calypso_mcp.local.indexing.formats.pdf.direction import (
    has_letters_apart,
    has_right_to_left,
    has_torn_words,
    read_in_order,
    read_letters_together,
    read_whole_words,
)
from calypso_mcp.local.indexing.formats.pdf.fields import read_annotations
from calypso_mcp.local.indexing.formats.pdf.glyphs import join_accents
from calypso_mcp.local.indexing.formats.pdf.headings import Run, read_runs
from calypso_mcp.local.indexing.formats.pdf.legibility import judge
from calypso_mcp.local.indexing.formats.pdf.powers import FILLING, join_lines, with_powers

_pdfium: Any = pdfium  # not typed
#: PDFium marks a hyphen that only broke a word at a line end; WeasyPrint writes one that means nothing else.
_BROKEN_WORD_MARKS = "\ufffe\x02\xad\u2010"
_BROKEN_WORD = re.compile(r"[\ufffe\x02\xad][ \t]*\n?|(?<=[^\W\d_])\u2010[ \t]*\n(?=[^\W\d_])")
#: Presentation forms of Latin ligatures, which people do not type into a search.
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", FILLING: "", "\ufeff": ""}
)
#: A page with fewer characters, most of whose area is a picture, is a scan with a stamp on it.
_STAMP_CHARS = 100
_MOSTLY_PICTURE = 0.6


class Shortcoming(StrEnum):
    """Why the text of a page is not all that the page shows."""

    #: It holds pictures or drawings and no text, or a stamp's.
    PICTURE = "picture"
    #: Its fonts do not map to letters.
    GARBLED = "garbled"
    #: It cannot be opened.
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Page:
    """What a page holds."""

    text: str = ""
    #: Values of form fields, and notes.
    annotations: tuple[str, ...] = ()
    shortcoming: Shortcoming | None = None
    #: Whether some of the text is what OCR read.
    is_recognized: bool = False
    #: How its lines are set, in which headings differ from the text.
    runs: Sequence[Run] = ()


def read_page(pdf: Any, index: int, form: Any) -> Page:
    """Return what the page at `index` (from 0) holds; `form` is what `open_form` returns."""
    try:
        page = pdf[index]
    except pypdfium2.PdfiumError:
        return Page(shortcoming=Shortcoming.DAMAGED)
    try:
        text, runs = _text(page)
        legible = judge(text)
        annotations = tuple(read_annotations(page, form))
        shortcoming = Shortcoming.GARBLED if not legible.is_page else None
        if shortcoming is None and _is_picture(page, legible.characters):
            shortcoming = Shortcoming.PICTURE
    except pypdfium2.PdfiumError:
        return Page(shortcoming=Shortcoming.DAMAGED)
    finally:
        page.close()
    return Page(legible.text, annotations, shortcoming, runs=runs)


def _text(page: Any) -> tuple[str, list[Run]]:
    text_page = page.get_textpage()
    try:
        text = _drawn_text(page, text_page)
        is_turned = not text.isascii() and has_right_to_left(text)
        joined = text if is_turned else join_lines(text, text_page)
        runs = read_runs(joined, text_page)
        if is_turned:
            text = read_in_order(text_page)
        elif has_clusters(text) and (clusters := read_clusters(page, text_page)) is not None:
            text = clusters
        elif has_letters_apart(text):
            text = read_letters_together(text_page)
        else:
            whole = read_whole_words(text_page) if has_torn_words(text) else None
            text = whole or with_powers(joined, text_page)
        text = join_accents(text.replace("\r\n", "\n").replace("\r", "\n"), text_page)
    finally:
        text_page.close()
    if any(mark in text for mark in _BROKEN_WORD_MARKS):
        text = _BROKEN_WORD.sub("", text)
    return normalize("NFC", text.translate(_LIGATURES)), runs


def _drawn_text(page: Any, text_page: Any) -> str:
    """Return the text in the order in which it was drawn, without what a cropped page does not show."""
    if page.get_cropbox() == page.get_mediabox():
        try:
            # PDFium's other function leaves out some line ends, so that cells of a table run together.
            return text_page.get_text_range()
        except RecursionError:
            pass  # pypdfium2 recurses over characters that show nothing, at the beginning and the end
    return text_page.get_text_bounded()


def _is_picture(page: Any, characters: int) -> bool:
    if characters == 0:
        return next(page.get_objects(max_depth=1), None) is not None
    if characters >= _STAMP_CHARS or any(map(_is_invisible, _objects(page, pdfium.FPDF_PAGEOBJ_TEXT))):
        return False  # invisible text is what OCR saw
    area = page.get_width() * page.get_height()
    pictures = _objects(page, pdfium.FPDF_PAGEOBJ_IMAGE)
    return any(_area(picture) >= _MOSTLY_PICTURE * area for picture in pictures)


def _objects(page: Any, kind: int) -> Any:
    return page.get_objects(filter=[kind], max_depth=2)


def _is_invisible(text: Any) -> bool:
    return _pdfium.FPDFTextObj_GetTextRenderMode(text) == pdfium.FPDF_TEXTRENDERMODE_INVISIBLE


def _area(picture: Any) -> float:
    left, bottom, right, top = picture.get_bounds()
    return abs(right - left) * abs(top - bottom)
