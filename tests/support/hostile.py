"""Small files that were made to hurt their reader: to fill its memory, keep it busy, or lead it astray."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

from tests.support.pdfs import bomb_pdf, pdf_of_objects, text_pdf

#: A file of the system that no document may quote.
PRIVATE_FILE = "/etc/passwd"
_DEEP = 100_000
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_ENTITY = f'<!DOCTYPE d [<!ENTITY x SYSTEM "file://{PRIVATE_FILE}">]>'
_LAUGHS = (
    '<!DOCTYPE d [<!ENTITY l0 "ha">'
    + "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    + "]>"
)


def _zip(members: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def _office(part: str, content: bytes, **more: bytes) -> bytes:
    kind = "officeDocument"
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship'
        f' Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"'
        f' Target="{part}"/></Relationships>'
    )
    types = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
    members = {"[Content_Types].xml": types.encode(), "_rels/.rels": relations.encode(), part: content}
    return _zip({**members, **{name.replace("__", "/"): data for name, data in more.items()}})


def _word(body: str, prolog: str = "") -> bytes:
    return _office(
        "word/document.xml",
        f'{prolog}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'.encode(),
    )


def _paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def _sheet(rows: str) -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    book = (
        f'<workbook xmlns="{space}" xmlns:r="{relation}"><sheets><sheet name="S" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>"
    )
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship'
        f' Id="r1" Type="{relation}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    )
    return _office(
        "xl/workbook.xml",
        book.encode(),
        **{
            "xl___rels__workbook.xml.rels": relations.encode(),
            "xl__worksheets__sheet1.xml": (
                f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'
            ).encode(),
        },
    )


def _open_document(kind: str, content: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "mimetype", f"application/vnd.oasis.opendocument.{kind}", compress_type=zipfile.ZIP_STORED
        )
        archive.writestr("content.xml", content)
    return target.getvalue()


def _many_cells() -> bytes:
    row = "<row>" + "<c t='inlineStr'><is><t>x</t></is></c>" * 1_000 + "</row>"
    return _sheet(row * 1_500)


def _repeated_cells() -> bytes:
    office, table = (f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0" for name in ("office", "table"))
    return _open_document(
        "spreadsheet",
        f'<office:document-content xmlns:office="{office}" xmlns:table="{table}"'
        ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
        '<table:table table:name="S"><table:table-row table:number-rows-repeated="1000000">'
        '<table:table-cell table:number-columns-repeated="16000" office:value-type="string">'
        "<text:p>x</text:p>"
        "</table:table-cell></table:table-row></table:table></office:spreadsheet></office:body>"
        "</office:document-content>",
    )


def _pdf(*objects: bytes) -> bytes:
    return pdf_of_objects([b"<< /Type /Catalog /Pages 2 0 R >>", *objects])


def _stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def _page(resources: bytes = b"") -> bytes:
    return (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << %s >> >>"
        % resources
    )


_ONE_PAGE = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"


def _png(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _cyclic_ole() -> bytes:
    """Return a compound file ([MS-CFB] 2.2) whose sectors follow each other in a circle."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<IIIIIIIIII", header, 40, 0, 1, 1, 0, 4096, 1, 1, 1, 1, 0)
    struct.pack_into("<109I", header, 76, 0, *[0xFFFFFFFF] * 108)
    table = struct.pack("<128I", *[(index + 1) % 128 for index in range(128)])
    return bytes(header) + table * 128


def _mail(parts: int) -> bytes:
    part = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    return b"From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + (
        part * parts + b"--b--\r\n"
    )


def _nested_mail(depth: int) -> bytes:
    return (
        b"From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n" * depth + b"end\r\n"
    )


def _anchors() -> bytes:
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    return "\n".join(lines).encode()


#: By file name.
HOSTILE: dict[str, Callable[[], bytes]] = {
    "bomb.docx": lambda: _word(_paragraph(" " * 300_000_000)),
    "cells.xlsx": _many_cells,
    "deep.docx": lambda: _word("<w:sdt><w:sdtContent>" * _DEEP + "</w:sdtContent></w:sdt>" * _DEEP),
    "tables.docx": lambda: _word("<w:tbl><w:tr><w:tc>" * _DEEP + "</w:tc></w:tr></w:tbl>" * _DEEP),
    "entity.docx": lambda: _word(_paragraph("before &x; after"), _ENTITY),
    "entity.xml": f"<?xml version='1.0'?>{_ENTITY}<d>before &x; after</d>".encode,
    "entity.svg": f"<?xml version='1.0'?>{_ENTITY}<svg><text>&x;</text></svg>".encode,
    "laughs.xml": f"<?xml version='1.0'?>{_LAUGHS}<d>&l9;</d>".encode,
    "laughs.docx": lambda: _word(_paragraph("&l9;"), _LAUGHS),
    "macro.docm": lambda: _office(
        "word/document.xml",
        f'<w:document xmlns:w="{_WORD}"><w:body>{_paragraph("text")}</w:body></w:document>'.encode(),
        **{"word__vbaProject.bin": _cyclic_ole()},
    ),
    "truncated.docx": lambda: _word(_paragraph("text" * 1_000))[:300],
    "members.epub": lambda: _zip({f"word/../../{i}.xhtml": b"<p>x" for i in range(20_000)}),
    "repeated.ods": _repeated_cells,
    "cyclic.doc": _cyclic_ole,
    "cyclic.xls": _cyclic_ole,
    "cyclic.msg": _cyclic_ole,
    "deep.rtf": lambda: b"{\\rtf1 " + b"{\\b " * _DEEP + b"x" + b"}" * _DEEP + b"}",
    "inflates.pdf": lambda: bomb_pdf(600_000_000),
    "pages-cycle.pdf": lambda: _pdf(b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 100000 >>"),
    "many-pages.pdf": lambda: _pdf(
        b"<< /Type /Pages /Kids [3 0 R] /Count 500000000 >>", _page(), _stream(b"")
    ),
    "shared-page.pdf": lambda: _pdf(
        b"<< /Type /Pages /Kids [%s] /Count 50000 >>" % (b"3 0 R " * 50_000),
        _page(b"/Font << /F1 5 0 R >>"),
        _stream(b"BT /F1 10 Tf 50 700 Td (same words) Tj ET"),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ),
    "form-cycle.pdf": lambda: _pdf(
        _ONE_PAGE,
        _page(b"/XObject << /X 5 0 R >>"),
        _stream(b"/X Do"),
        _stream(
            b"/X Do /X Do",
            b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>",
        ),
    ),
    "outline-cycle.pdf": lambda: pdf_of_objects(
        [
            b"<< /Type /Catalog /Pages 2 0 R /Outlines 5 0 R >>",
            _ONE_PAGE,
            _page(),
            _stream(b""),
            b"<< /Type /Outlines /First 6 0 R /Last 6 0 R /Count 1 >>",
            b"<< /Title (t) /Parent 5 0 R /First 6 0 R /Next 6 0 R >>",
        ]
    ),
    "deep-object.pdf": lambda: _pdf(_ONE_PAGE, _page(), _stream(b""), b"[" * _DEEP + b"]" * _DEEP),
    "huge-picture.pdf": lambda: _pdf(
        _ONE_PAGE,
        _page(b"/XObject << /X 5 0 R >>"),
        _stream(b"500 0 0 700 0 0 cm /X Do"),
        _stream(
            zlib.compress(bytes(1_000_000)),
            b"/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /BitsPerComponent 8"
            b" /ColorSpace /DeviceRGB /Filter /FlateDecode",
        ),
    ),
    "broken-font.pdf": lambda: _pdf(
        _ONE_PAGE,
        _page(b"/Font << /F1 5 0 R >>"),
        _stream(b"BT /F1 10 Tf 50 700 Td (words in a font) Tj ET"),
        b"<< /Type /Font /Subtype /TrueType /BaseFont /Bad /FontDescriptor 6 0 R >>",
        b"<< /Type /FontDescriptor /FontName /Bad /Flags 4 /FontFile2 7 0 R >>",
        _stream(b"\x00\x01\x00\x00" + bytes(range(256)) * 40),
    ),
    "truncated.pdf": lambda: text_pdf([["words"]] * 50)[:2_000],
    "huge.png": lambda: _png(60_000),
    "parts.eml": lambda: _mail(100_000),
    "nested.eml": lambda: _nested_mail(2_000),
    "letters.mbox": lambda: b"From a@b.example Thu Jan  1 00:00:00 1970\nSubject: x\n\nx\n\n" * 100_000,
    "deep.json": lambda: b"[" * _DEEP + b"]" * _DEEP,
    "deep.ipynb": lambda: b'{"cells": ' + b"[" * _DEEP + b"]" * _DEEP + b"}",
    "anchors.yaml": _anchors,
    "dots.toml": lambda: b"a." * 2_000_000 + b"a = 1",
    "deep.yaml": lambda: b"[" * 50_000 + b"]" * 50_000,
    "deep.toml": lambda: b"a = " + b"[" * _DEEP + b"]" * _DEEP,
    "deep.html": lambda: b"<div>" * _DEEP + b"x",
    "deep.md": lambda: b">" * _DEEP + b" x\n" + b"*a" * _DEEP,
    "wide.csv": lambda: b",".join([b"x"] * 1_000_000) + b"\n" + b",".join([b"y"] * 1_000_000),
    "quotes.csv": lambda: b'a,b\n"' + b"x,\n" * 1_000_000,
    "cues.srt": lambda: b"1\n00:00:01,000 --> 00:00:02,000\nx\n\n" * 300_000,
    "keys.json": lambda: json.dumps(
        {f"k{i}": {f"v{j}": "x" for j in range(10)} for i in range(50_000)}
    ).encode(),
    "line.txt": lambda: b"a" * 10_000_000,
    "marks.txt": lambda: b"a" + "\u0301".encode() * 2_000_000,
}
