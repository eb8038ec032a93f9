"""Reads the values filled into a PDF's form and the notes beside its text."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator
from typing import Any

import pypdfium2.raw as pdfium

_pdfium: Any = pdfium  # not typed

#: Annotations looked at on one page; more are drawings.
_MOST_ANNOTATIONS = 5_000
_MOST_BYTES = 2_000_000
#: Kinds of annotation whose contents a person wrote. Those of links and media describe them.
_WRITTEN: frozenset[int] = frozenset(
    {
        *(pdfium.FPDF_ANNOT_TEXT, pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_STAMP),
        *(pdfium.FPDF_ANNOT_HIGHLIGHT, pdfium.FPDF_ANNOT_UNDERLINE, pdfium.FPDF_ANNOT_SQUIGGLY),
        *(pdfium.FPDF_ANNOT_STRIKEOUT, pdfium.FPDF_ANNOT_CARET, pdfium.FPDF_ANNOT_INK),
        *(pdfium.FPDF_ANNOT_LINE, pdfium.FPDF_ANNOT_SQUARE, pdfium.FPDF_ANNOT_CIRCLE),
        *(pdfium.FPDF_ANNOT_POLYGON, pdfium.FPDF_ANNOT_POLYLINE),
    }
)
_CHOSEN = frozenset({pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON})
_FILLED_IN = frozenset(
    {pdfium.FPDF_FORMFIELD_TEXTFIELD, pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX}
)
#: Flag of a field whose value no program shows (PDF 1.7, 12.7.4.3).
_IS_PASSWORD: int = pdfium.FPDF_FORMFLAG_TEXT_PASSWORD
_DATA_START, _DATA_END = b"<xfa:datasets", b"</xfa:datasets>"
#: A name that a person gave a field, not its path in a generated form.
_SPEAKING_NAME = re.compile(r"[^\W\d_]{3}[\w .,:()/-]*")


def read_annotations(page: Any, form: Any) -> Iterator[str]:
    """Yield the filled-in values ("label: value") and the notes of a page, in their order there."""
    for index in range(min(_pdfium.FPDFPage_GetAnnotCount(page), _MOST_ANNOTATIONS)):
        annotation = _pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            kind = _pdfium.FPDFAnnot_GetSubtype(annotation)
            if kind == _pdfium.FPDF_ANNOT_WIDGET and form is not None:
                text = _field(form, annotation)
            elif kind in _WRITTEN:
                text = _string(_pdfium.FPDFAnnot_GetStringValue, annotation, b"Contents")
            else:
                text = ""
        finally:
            _pdfium.FPDFPage_CloseAnnot(annotation)
        if text:
            yield text


def read_xfa_data(pdf: Any) -> bytes:
    """Return the XML of what was filled into a PDF's XFA form: a packet, or a part of the only one."""
    for index in range(_pdfium.FPDF_GetXFAPacketCount(pdf)):
        name = _bytes(_pdfium.FPDF_GetXFAPacketName, pdf, index).rstrip(b"\0")
        if name in {b"datasets", b""}:
            content = _bytes(_xfa_packet, pdf, index)
            start, end = content.find(_DATA_START), content.find(_DATA_END)
            return content[start : end + len(_DATA_END)] if 0 <= start < end else content
    return b""


def _xfa_packet(pdf: Any, index: int, buffer: Any, most: int) -> int:
    size = ctypes.c_ulong()
    _pdfium.FPDF_GetXFAPacketContent(pdf, index, buffer, most, ctypes.byref(size))
    return size.value


def _bytes(read: Callable[..., int], *of: Any) -> bytes:
    """Return the bytes that a function of PDFium writes into a buffer, of UTF-16 units for its strings."""
    size = min(read(*of, None, 0), _MOST_BYTES)
    buffer = (ctypes.c_ushort * ((size + 1) // 2))()
    read(*of, buffer, size)
    return bytes(buffer)[:size]


def _field(form: Any, annotation: Any) -> str:
    kind = _pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in _CHOSEN:
        value = "yes" if _pdfium.FPDFAnnot_IsChecked(form, annotation) else ""
    elif kind in _FILLED_IN and not _pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _IS_PASSWORD:
        value = _string(_pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)
    else:
        value = ""
    if not value:
        return ""
    label = _string(_pdfium.FPDFAnnot_GetFormFieldAlternateName, form, annotation)
    name = label or _string(_pdfium.FPDFAnnot_GetFormFieldName, form, annotation)
    if not label and not _SPEAKING_NAME.fullmatch(name):
        return value if kind in _FILLED_IN else ""
    return f"{name}: {value}"


def _string(read: Callable[..., int], *of: Any) -> str:
    text = _bytes(read, *of).decode("utf-16-le", "ignore").rstrip("\x00")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()
