"""Small real PDFs for tests, written by hand: pages of text, scans, encrypted and hostile files."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

_LINE_HEIGHT = 14
_FONT_SIZE = 11
_TOP = 780
#: Fills a password to 32 bytes (PDF 1.7, algorithm 2).
_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
_FILE_ID = b"0123456789abcdef"
_PERMISSIONS = -44


def text_pdf(
    pages: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    outline: Sequence[tuple[str, int, int]] = (),
) -> bytes:
    """Return a PDF with these lines on each page; characters of Windows-1252 only.

    Args:
        pages: The lines of every page.
        title: For the document's information.
        outline: Bookmarks as (title, 0-based page, level); a level 1 belongs to the last level 0.
    """
    return _document([_text_stream(lines) for lines in pages], title=title, outline=outline)


def scanned_pdf(pages: int = 1) -> bytes:
    """Return a PDF whose pages hold a drawing and no text."""
    return _document([b"0.5 g 100 100 300 300 re f"] * pages)


def encrypted_pdf(lines: Sequence[str], password: bytes = b"secret") -> bytes:
    """Return a PDF that needs `password` to be read (RC4, 40 bits)."""
    owner_key = hashlib.md5(_padded(password), usedforsecurity=False).digest()[:5]
    owner = _rc4(owner_key, _padded(password))
    seed = _padded(password) + owner + _PERMISSIONS.to_bytes(4, "little", signed=True) + _FILE_ID
    key = hashlib.md5(seed, usedforsecurity=False).digest()[:5]
    encryption = b"<< /Filter /Standard /V 1 /R 2 /Length 40 /P %d /O <%s> /U <%s> >>" % (
        _PERMISSIONS,
        owner.hex().encode(),
        _rc4(key, _PADDING).hex().encode(),
    )
    return _document([_text_stream(lines)], encryption=encryption, key=key)


def bomb_pdf(inflated_bytes: int) -> bytes:
    """Return a small PDF whose one page unpacks to so many bytes of drawing instructions."""
    packer = zlib.compressobj(1)
    block = b"0 0 m " * 100_000
    packed = b"".join(packer.compress(block) for _ in range(inflated_bytes // len(block)))
    return _document([packed + packer.flush()], packed=True)


def pdf_of_objects(objects: Sequence[bytes]) -> bytes:
    """Return a PDF of these objects, numbered from 1; the first is its catalog."""
    return _assemble(objects, b"/Root 1 0 R")


def _text_stream(lines: Sequence[str]) -> bytes:
    shown = [
        b"("
        + line.encode("cp1252").replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")
        + b") Tj T*"
        for line in lines
    ]
    start = b"BT /F1 %d Tf %d TL 60 %d Td\n" % (_FONT_SIZE, _LINE_HEIGHT, _TOP)
    return start + b"\n".join(shown) + b"\nET"


def _document(
    streams: Sequence[bytes],
    *,
    title: str | None = None,
    outline: Sequence[tuple[str, int, int]] = (),
    packed: bool = False,
    encryption: bytes | None = None,
    key: bytes | None = None,
) -> bytes:
    first_page = 4
    kids = b" ".join(b"%d 0 R" % (first_page + 2 * index) for index in range(len(streams)))
    information = (
        b"<< >>" if title is None else b"<< /Title <feff%s> >>" % title.encode("utf-16-be").hex().encode()
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(streams)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for stream in streams:
        number = len(objects) + 1
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (number + 1)
        )
        data = stream if key is None else _rc4(_object_key(key, number + 1), stream)
        packing = b" /Filter /FlateDecode" if packed else b""
        objects.append(b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(data), packing, data))
    objects.append(information)
    trailer = b"/Root 1 0 R /Info %d 0 R" % len(objects)
    if outline:
        objects[0] = b"<< /Type /Catalog /Pages 2 0 R /Outlines %d 0 R >>" % (len(objects) + 1)
        objects += _outline(outline, len(objects) + 1, first_page)
    if encryption is not None:
        objects.append(encryption)
        trailer += b" /Encrypt %d 0 R /ID [<%s> <%s>]" % (len(objects), *[_FILE_ID.hex().encode()] * 2)
    return _assemble(objects, trailer)


def _outline(bookmarks: Sequence[tuple[str, int, int]], root: int, first_page: int) -> list[bytes]:
    """Return the outline's objects; the first one gets the number `root`."""
    number = {index: root + 1 + index for index in range(len(bookmarks))}
    parent = dict.fromkeys(number, root)
    top = root
    for index, (_, _, level) in enumerate(bookmarks):
        parent[index] = top if level else root
        top = top if level else number[index]

    def links(owner: int) -> bytes:
        below = [number[index] for index in number if parent[index] == owner]
        return b" /First %d 0 R /Last %d 0 R /Count %d" % (below[0], below[-1], len(below)) if below else b""

    objects = [b"<< /Type /Outlines%s >>" % links(root)]
    for index, (title, page, _) in enumerate(bookmarks):
        later = [number[other] for other in number if other > index and parent[other] == parent[index]]
        following = b" /Next %d 0 R" % later[0] if later else b""
        objects.append(
            b"<< /Title <feff%s> /Parent %d 0 R /Dest [%d 0 R /Fit]%s%s >>"
            % (
                title.encode("utf-16-be").hex().encode(),
                parent[index],
                first_page + 2 * page,
                following,
                links(number[index]),
            )
        )
    return objects


def _assemble(objects: Sequence[bytes], trailer: bytes) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    offsets: list[int] = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, table)
    return bytes(out)


def _padded(password: bytes) -> bytes:
    return (password + _PADDING)[:32]


def _object_key(key: bytes, number: int) -> bytes:
    """PDF 1.7, algorithm 1, for generation 0."""
    seed = key + number.to_bytes(3, "little") + b"\x00\x00"
    return hashlib.md5(seed, usedforsecurity=False).digest()[: len(key) + 5]


def _rc4(key: bytes, data: bytes) -> bytes:
    box = list(range(256))
    j = 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


def mapped_pdf(shown: Sequence[tuple[float, float, str]], *, maps: bool = True) -> bytes:
    """Return a PDF of one page whose glyphs are placed one by one, in any script.

    Args:
        shown: Places (x, y) and what the glyphs there say, one Unicode character or more each.
        maps: Whether the font says what its glyphs mean; else they are read as private-use characters.
    """
    texts = sorted({text for _, _, text in shown})
    codes = {text: 33 + index for index, text in enumerate(texts)}
    meanings = b"\n".join(
        b"<%02x> <%s>" % (code, (text if maps else chr(0xE000 + code)).encode("utf-16-be").hex().encode())
        for text, code in codes.items()
    )
    table = (
        b"/CIDInit /ProcSet findresource begin begincmap /CMapType 2 def\n"
        b"1 begincodespacerange <00> <ff> endcodespacerange\n%d beginbfchar\n%s\nendbfchar\nendcmap end"
        % (len(codes), meanings)
    )
    content = b"\n".join(b"BT /F1 10 Tf %g %g Td <%02x> Tj ET" % (x, y, codes[text]) for x, y, text in shown)
    widths = b" ".join([b"600"] * len(codes))
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
        b" /Resources << /Font << /F1 3 0 R >> >> >>"
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /FirstChar 33 /LastChar %d /Widths [%s]"
        b" /ToUnicode 6 0 R >>" % (32 + len(codes), widths),
        page,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(table), table),
    ]
    return _assemble(objects, b"/Root 1 0 R")
