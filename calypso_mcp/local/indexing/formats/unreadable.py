"""Known kinds of files that cannot be read, with what their owner can do."""

from __future__ import annotations

from collections.abc import Iterable

from calypso_mcp.domain.files.file_formats import Container, Signature, UnreadableKind


def as_signatures(marks: Iterable[bytes | Signature]) -> tuple[Signature, ...]:
    """Return signatures; plain bytes are what a file starts with."""
    return tuple(mark if isinstance(mark, Signature) else Signature(mark) for mark in marks)


def _kind(
    label: str,
    remedy: str,
    endings: str,
    *signatures: bytes | Signature,
    container: Container | None = None,
) -> UnreadableKind:
    return UnreadableKind(label, remedy, tuple(endings.split()), as_signatures(signatures), container)


#: The start of winmail.dat (MS-OXTNEF 2.1.3.1).
TNEF_START = b"\x78\x9f\x3e\x22"

#: Recognized by its root, too. These are how LibreOffice, Word and PowerPoint begin it.
FLAT_OFFICE = _kind(
    "an office document in one XML file",
    "Save it as docx, pptx, odt, ods or odp.",
    "fodt fods fodp",
    *(
        Signature(start, within=100)
        for start in (b"\n<office:document ", b'progid="Word.', b'progid="PowerPoint.')
    ),
)

UNREADABLE: tuple[UnreadableKind, ...] = (
    _kind(
        "a picture",
        "Send the text in it, or save it as PNG or JPEG.",
        "gif bmp heic heif avif ico psd jp2 jxl",
        *(b"GIF8", b"8BPS", Signature(b"\x28\x00\x00\x00", offset=14)),
        *(Signature(b"ftyp" + brand, offset=4) for brand in (b"hei", b"mif1", b"avif")),
    ),
    _kind(
        "a sound or video recording",
        "Send a transcript or its subtitles (srt, vtt).",
        "mp3 mp4 m4a m4v mov avi mkv webm wav flac ogg oga ogv opus aac wma wmv mpg mpeg amr",
        *(b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3"),
        *(Signature(b"WAVE", offset=8), Signature(b"AVI ", offset=8), Signature(b"ftyp", offset=4)),
    ),
    _kind(
        "an archive",
        "Unpack it and upload its files.",
        "zip jar war apk gz tgz bz2 xz zst 7z rar tar iso dmg cab deb rpm whl",
        *(b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd"),
        TNEF_START,
        Signature(b"ustar", offset=257),
        container=Container.ZIP,
    ),
    _kind(
        "an encrypted or signed message",
        "Open it in your mail program and save it as text or PDF.",
        "p7m p7s pgp gpg",
        *(b"-----BEGIN PGP MESSAGE-----", b"-----BEGIN PKCS7-----", b"-----BEGIN CMS-----"),
    ),
    _kind(
        "a program",
        "Leave it out.",
        "exe dll so dylib o a class pyc pyd wasm msi bin",
        *(b"\x7fELF", b"MZ\x90\x00", b"\x00asm", b"\xca\xfe\xba\xbe"),
    ),
    _kind(
        "a database",
        "Export the data to search as CSV or text.",
        "sqlite sqlite3 db mdb accdb parquet feather arrow avro orc dbf",
        *(b"SQLite format 3\x00", b"PAR1", b"ARROW1"),
    ),
    _kind(
        "a document of a program that is not supported",
        "Save it as PDF, docx, xlsx or pptx, or export its text.",
        "pages numbers key vsd vsdx mpp pub one wps wpd indd ai sketch fig dwg dxf mobi azw azw3 djvu",
        container=Container.OLE,
    ),
    FLAT_OFFICE,
    _kind("what a Mac notes about files", "Leave it out.", "ds_store", b"\0\5\x16\7", b"\0\0\0\1Bud1"),
    _kind("a font", "Leave it out.", "ttf otf woff woff2 eot", b"wOFF", b"wOF2", b"\x00\x01\x00\x00\x00"),
)


def unreadable_endings() -> list[dict[str, object]]:
    """Return what each kind is, what its owner can do, and the endings of its names, as JSON."""
    return [{"label": kind.label, "remedy": kind.remedy, "endings": kind.endings} for kind in UNREADABLE]
