"""Pages as a scanner leaves them: text rendered at 200 dpi, in picture files and in PDFs without text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pypdfium2
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

_DPI = 200
_PAGE = (420, 300)


def typeset(lines: Sequence[str], font: str = "Helvetica", size: float = 11) -> bytes:
    """Return a PDF of one small page with these lines."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=_PAGE)
    canvas.setFont(font, size)
    for index, line in enumerate(lines):
        canvas.drawString(30, _PAGE[1] - 40 - index * size * 1.4, line)
    canvas.save()
    return target.getvalue()


def typeset_columns(left: Sequence[str], right: Sequence[str]) -> bytes:
    """Return a PDF of one page with two columns of lines."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=_PAGE)
    for x, lines in ((30, left), (225, right)):
        for index, line in enumerate(lines):
            canvas.drawString(x, _PAGE[1] - 40 - index * 16, line)
    canvas.save()
    return target.getvalue()


def photograph(pdf: bytes) -> Image.Image:
    """Return the first page of a PDF as a picture at 200 dpi."""
    opened: Any = pypdfium2.PdfDocument(pdf)
    try:
        return opened[0].render(scale=_DPI / 72).to_pil().convert("L")
    finally:
        opened.close()


def picture_file(pages: Sequence[Image.Image], kind: str) -> bytes:
    """Return pictures in a file of that kind of Pillow's; more than one where it can hold them."""
    target = io.BytesIO()
    several = {"save_all": True, "append_images": pages[1:]} if len(pages) > 1 else {}
    pages[0].save(target, kind, dpi=(_DPI, _DPI), **several)
    return target.getvalue()


def scanned_pages(pages: Sequence[Image.Image | str]) -> bytes:
    """Return a PDF of pictures, and of pages of text where a line is given instead."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=_PAGE)
    for page in pages:
        if isinstance(page, str):
            canvas.drawString(30, 200, page)
        else:
            canvas.drawImage(ImageReader(page), 0, 0, *_PAGE)
        canvas.showPage()
    canvas.save()
    return target.getvalue()
