"""Every format that is read: by what it is recognised, what reads it and what that may cost.

The one place that knows. The check before an upload, the reading after it, the documentation and the error
texts all follow from `ENTRIES` and `UNREADABLE`. Readers are named, not imported: what they need is loaded in
the process that reads, with the first file of that format.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from calypso_mcp.domain.files.file_formats import (
    HEAD_BYTES,
    Container,
    FileFormat,
    Locator,
    ReadableFormats,
    Signature,
)
from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.formats.hygiene import without_embedded
from calypso_mcp.local.indexing.formats.ocr.engines import is_recognition_installed
from calypso_mcp.local.indexing.formats.unreadable import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from calypso_mcp.local.indexing.documents import Document, FileContent

_READERS = "calypso_mcp.local.indexing.formats"
_OOXML = "application/vnd.openxmlformats-officedocument"
_OUTLOOK = "application/vnd.ms-outlook"
_OFFICE = "office.reader:read_office"
_OPENDOCUMENT = "application/vnd.oasis.opendocument"


@dataclass(frozen=True, slots=True)
class Entry:
    """A format, its reader and its limits."""

    format: FileFormat
    #: Module below this package and function in it: takes a `FileContent`, returns a `Document`. Empty for
    #: formats that hold pictures only.
    reader: str = ""
    #: Likewise, what reads the text in its pictures: with the `ocr` extra, slow, one file at a time.
    recognizer: str = ""
    #: How many times the usual time and memory one file may take.
    time_factor: int = 1
    memory_factor: int = 1
    #: Small files are read without a child process: the reader is plain Python and takes linear time.
    is_simple: bool = False

    def read(self, file: FileContent) -> Document:
        """Return what `file` holds; raises `ExtractionFailed`, or whatever a parser raises."""
        if not self.reader:
            raise ExtractionFailed("unsupported", "Pictures are read as files of their own. Send it so.")
        try:
            return without_embedded(_load(self.reader)(file))
        except BaseException as error:
            # What a library in Rust raises where it gives up is no `Exception`, and would end the process.
            if type(error).__name__ != "PanicException":
                raise
            raise ExtractionFailed("broken", "The file could not be read: it may be damaged.") from error

    def recognize(self, file: FileContent) -> Document:
        """Return what `file` holds, the text in its pictures included; raises as `read` does."""
        return _load(self.recognizer)(file)


def _load(name: str) -> Callable[[FileContent], Document]:
    module, function = name.split(":")
    return cast("Callable[[FileContent], Document]", getattr(import_module(f"{_READERS}.{module}"), function))


def _text(
    name: str,
    label: str,
    endings: str,
    types: str = "",
    *starts: bytes,
    locator: Locator = Locator.LINE,
) -> FileFormat:
    signatures = tuple(map(Signature, starts))
    return FileFormat(
        name, label, tuple(endings.split()), tuple(types.split()), signatures=signatures, locator=locator
    )


def _own(
    name: str, label: str, endings: str, types: str, *, signature: Signature, locator: Locator
) -> FileFormat:
    return FileFormat(
        name, label, tuple(endings.split()), tuple(types.split()), Container.OWN, (signature,), locator
    )


def _picture(name: str, endings: str, mime: str, *signatures: Signature) -> Entry:
    return Entry(
        FileFormat(
            name,
            "picture",
            tuple(endings.split()),
            (mime,),
            Container.OWN,
            signatures,
            Locator.PAGE,
            extra="ocr",
        ),
        recognizer="ocr.reader:read_picture",
    )


def _ooxml(name: str, label: str, endings: str, kind: str, *parts: bytes, locator: Locator) -> FileFormat:
    signatures = tuple(Signature(part, within=HEAD_BYTES) for part in parts)
    return FileFormat(
        name, label, tuple(endings.split()), (f"{_OOXML}.{kind}",), Container.ZIP, signatures, locator
    )


def _with_mimetype(name: str, label: str, endings: str, mime: str, locator: Locator) -> FileFormat:
    """Describe a package whose first part states its type, uncompressed (ODF 1.3 part 2, 3.3; EPUB OCF 3)."""
    signature = Signature(b"mimetype" + mime.encode(), offset=30)
    return FileFormat(name, label, tuple(endings.split()), (mime,), Container.ZIP, (signature,), locator)


def _ole(name: str, label: str, endings: str, mime: str, locator: Locator) -> FileFormat:
    return FileFormat(name, label, tuple(endings.split()), (mime,), Container.OLE, locator=locator)


def _structured(name: str, label: str, endings: str, types: str, *starts: bytes) -> FileFormat:
    return _text(name, label, endings, types, *starts, locator=Locator.SECTION)


_CODE = """
    css scss less sql graphql proto py pyi rb php pl lua r jl js mjs cjs jsx ts tsx vue svelte c h cc cpp cxx
    hpp cs java kt kts scala go rs swift m mm dart ex exs erl hs ml fs clj lisp vb ps1 bat cmd sh bash zsh
    fish dockerfile makefile cmake gradle tf hcl nix
"""
_PLAIN = "txt text log rst adoc asciidoc org tex sty bib nfo diff patch ini cfg conf"

#: In order of preference where content and name leave a choice; the first is plain text.
ENTRIES: tuple[Entry, ...] = (
    Entry(
        _text("text", "plain text and source code", _PLAIN + _CODE), "texts.text:read_text", is_simple=True
    ),
    Entry(
        _text("markdown", "Markdown", "md markdown mdown mkd mdx", "text/markdown text/x-markdown"),
        "texts.markdown:read_markdown",
        is_simple=True,
    ),
    Entry(
        _text(
            "html",
            "HTML",
            "html htm xhtml xht shtml",
            "text/html application/xhtml+xml",
            *(b"<!doctype html", b"<html", b"<table"),
            locator=Locator.SECTION,
        ),
        "html.reader:read_html",
    ),
    Entry(
        _own(
            "pdf",
            "PDF",
            "pdf",
            "application/pdf application/x-pdf",
            signature=Signature(b"%PDF-", within=1_024),
            locator=Locator.PAGE,
        ),
        "pdf.reader:read_pdf",
        "pdf.scans:read_scans",
    ),
    _picture("png", "png", "image/png", Signature(b"\x89PNG\r\n")),
    _picture("jpeg", "jpg jpeg jpe", "image/jpeg", Signature(b"\xff\xd8\xff")),
    _picture("tiff", "tif tiff", "image/tiff", Signature(b"II*\x00"), Signature(b"MM\x00*")),
    _picture("webp", "webp", "image/webp", Signature(b"WEBP", offset=8)),
    Entry(
        _ooxml(
            "docx",
            "Word",
            "docx docm dotx dotm",
            "wordprocessingml.document",
            b"word/",
            locator=Locator.SECTION,
        ),
        _OFFICE,
    ),
    Entry(
        _ooxml(
            "pptx",
            "PowerPoint",
            "pptx pptm ppsx ppsm potx potm",
            "presentationml.presentation",
            b"ppt/",
            locator=Locator.SLIDE,
        ),
        _OFFICE,
    ),
    Entry(
        _ooxml(
            "xlsx",
            "Excel",
            "xlsx xlsm xltx xltm xlsb",
            "spreadsheetml.sheet",
            *(b"xl/w", b"xl/_rels", b"xl/theme", b"xl/styles", b"xl/sharedStrings"),
            locator=Locator.ROW,
        ),
        _OFFICE,
    ),
    Entry(
        _with_mimetype("odt", "OpenDocument", "odt ott", f"{_OPENDOCUMENT}.text", Locator.SECTION),
        _OFFICE,
    ),
    Entry(
        _with_mimetype("odp", "OpenDocument", "odp otp", f"{_OPENDOCUMENT}.presentation", Locator.SLIDE),
        _OFFICE,
    ),
    Entry(
        _with_mimetype("ods", "OpenDocument", "ods ots", f"{_OPENDOCUMENT}.spreadsheet", Locator.ROW),
        _OFFICE,
    ),
    Entry(
        _with_mimetype("epub", "EPUB", "epub", "application/epub+zip", Locator.SECTION),
        _OFFICE,
    ),
    Entry(_ole("doc", "Word", "doc dot", "application/msword", Locator.SECTION), _OFFICE),
    Entry(_ole("xls", "Excel", "xls xlt", "application/vnd.ms-excel", Locator.ROW), _OFFICE),
    Entry(
        _ole("ppt", "PowerPoint", "ppt pps pot", "application/vnd.ms-powerpoint", Locator.SECTION),
        _OFFICE,
    ),
    Entry(
        replace(_ole("msg", "Outlook message", "msg", _OUTLOOK, Locator.SECTION), extra="outlook"),
        "mail.outlook:read_outlook",
    ),
    Entry(
        _structured(
            "eml", "e-mail", "eml emlx", "message/rfc822", b"return-path: ", b"delivered-to: ", b"received: "
        ),
        "mail.messages:read_mail",
    ),
    Entry(
        replace(
            _structured("mhtml", "web archives", "mhtml mht", "multipart/related"),
            # Wikis and Word name them `.doc`.
            signatures=tuple(
                Signature(b"mime-version: 1.0" + end + b"content-type: multipart/related", within=HEAD_BYTES)
                for end in (b"\n", b"\r\n")
            ),
        ),
        "mail.messages:read_mail",
    ),
    Entry(
        _text("mbox", "mailboxes", "mbox", "application/mbox", locator=Locator.MESSAGE),
        "mail.messages:read_mailbox",
    ),
    Entry(
        _text("csv", "CSV", "csv tsv tab psv", "text/csv text/tab-separated-values"),
        "data.delimited:read_delimited",
    ),
    Entry(
        _structured("json", "JSON", "json geojson webmanifest", "application/json", b'{"', b'[{"'),
        "data.structured:read_json",
    ),
    Entry(
        _text("jsonl", "JSON Lines", "jsonl ndjson", "application/jsonl application/x-ndjson"),
        "data.structured:read_json_lines",
    ),
    Entry(
        _text("yaml", "YAML", "yaml yml", "application/yaml application/x-yaml text/yaml"),
        "data.structured:read_yaml",
    ),
    Entry(_structured("toml", "TOML", "toml", "application/toml"), "data.structured:read_toml"),
    Entry(_text("properties", "properties", "properties", ""), "data.structured:read_properties"),
    Entry(
        _text(
            "xml",
            "XML",
            "xml rss atom svg xsd xsl xslt wsdl kml gpx opml plist resx xliff xlf tmx fodt fods fodp dita",
            "application/xml text/xml image/svg+xml application/rss+xml application/atom+xml",
            b"<?xml",
        ),
        "data.xml:read_xml",
    ),
    Entry(
        _text("ipynb", "notebooks", "ipynb", "application/x-ipynb+json", locator=Locator.CELL),
        "texts.notebooks:read_notebook",
    ),
    Entry(
        _text("subtitles", "subtitles", "srt vtt ass ssa", "application/x-subrip text/vtt", b"webvtt"),
        "texts.subtitles:read_subtitles",
    ),
    Entry(
        _text(
            "cards",
            "calendars and contacts",
            "ics ifb vcf vcard",
            "text/calendar text/vcard text/x-vcard",
            *(b"begin:vcalendar", b"begin:vcard"),
        ),
        "texts.cards:read_cards",
    ),
    Entry(
        _own(
            "rtf",
            "RTF",
            "rtf",
            "application/rtf text/rtf text/richtext",
            signature=Signature(b"{\\rtf"),
            locator=Locator.SECTION,
        ),
        _OFFICE,
    ),
)


@cache
def readable_formats() -> ReadableFormats:
    """Return what this installation reads."""
    installed = {"ocr": is_recognition_installed(), "outlook": find_spec("oxmsg") is not None}
    extras = frozenset(extra for extra, is_there in installed.items() if is_there)
    return ReadableFormats(tuple(entry.format for entry in ENTRIES), UNREADABLE, extras)


@cache
def entry_of(name: str) -> Entry:
    """Return the entry of the format of that name."""
    return next(entry for entry in ENTRIES if entry.format.name == name)
