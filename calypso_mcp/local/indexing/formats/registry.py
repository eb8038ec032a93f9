"""Every readable format: how it is recognised and which function reads it.

The check before an upload, the reading after it, the documentation and the error texts all follow from
`ENTRIES` and `UNREADABLE`. Readers are named, not imported: the process that reads loads a reader and its
libraries with the first file of that format.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from calypso_mcp.domain.files.file_formats import (
    Container,
    FileFormat,
    Locator,
    ReadableFormats,
    Signature,
)
from calypso_mcp.domain.files.text_bytes import HEAD_BYTES
from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.formats.hygiene import remove_embedded_files
from calypso_mcp.local.indexing.formats.ocr.engines import is_recognition_installed
from calypso_mcp.local.indexing.formats.unreadable import UNREADABLE, as_signatures

if TYPE_CHECKING:
    from collections.abc import Callable

    from calypso_mcp.local.indexing.documents import Document, FileContent

_READERS = "calypso_mcp.local.indexing.formats"
_OFFICE = "office.reader:read_office"
_OPENDOCUMENT = "application/vnd.oasis.opendocument"


@dataclass(frozen=True, slots=True)
class Entry:
    """A format and its readers, each as `module:function` below this package.

    A reader takes a `FileContent` and returns a `Document`.
    """

    format: FileFormat
    #: Empty for formats that hold pictures only.
    reader: str = ""
    #: Reads the text in pictures, too: slow, one file at a time. Empty for formats without pictures.
    recognizer: str = ""
    #: Whether small files need no child process: the reader is plain Python and takes linear time.
    is_simple: bool = False

    def read(self, file: FileContent) -> Document:
        """Return what `file` holds, with the text in its pictures if its allowance includes that.

        Raises `ExtractionFailed`, or whatever a parser raises.
        """
        reader = (file.allowance.recognizes and self.recognizer) or self.reader
        if not reader:
            raise ExtractionFailed("no_text_layer", "Upload the picture as a separate file.")
        try:
            return remove_embedded_files(_load(reader)(file))
        except BaseException as error:
            # A panic in Rust is no `Exception`, and would end the process.
            if type(error).__name__ != "PanicException":
                raise
            raise ExtractionFailed("broken", "The file could not be read: it may be damaged.") from error


def _load(name: str) -> Callable[[FileContent], Document]:
    module, function = name.split(":")
    return getattr(import_module(f"{_READERS}.{module}"), function)


def _entry(
    name: str,
    label: str,
    endings: str,
    types: str,
    reader: str,
    *signatures: bytes | Signature,
    locator: Locator = Locator.LINE,
    container: Container = Container.TEXT,
    recognizer: str = "",
    extra: str = "",
    is_simple: bool = False,
) -> Entry:
    own = FileFormat(
        name,
        label,
        tuple(endings.split()),
        tuple(types.split()),
        container,
        as_signatures(signatures),
        locator,
        extra,
    )
    return Entry(own, reader, recognizer, is_simple)


def _picture(name: str, endings: str, *signatures: bytes | Signature) -> Entry:
    return _entry(
        name,
        "picture",
        endings,
        f"image/{name}",
        "",
        *signatures,
        locator=Locator.PAGE,
        container=Container.OWN,
        recognizer="ocr.reader:read_picture",
        extra="ocr",
    )


def _ooxml(name: str, label: str, endings: str, kind: str, locator: Locator, *parts: bytes) -> Entry:
    mime = f"application/vnd.openxmlformats-officedocument.{kind}"
    signatures = (Signature(part, within=HEAD_BYTES) for part in parts)
    return _entry(name, label, endings, mime, _OFFICE, *signatures, locator=locator, container=Container.ZIP)


def _with_mimetype(name: str, label: str, endings: str, mime: str, locator: Locator) -> Entry:
    """Return the entry of a package whose first part states its type (ODF 1.3 part 2, 3.3; EPUB OCF 3)."""
    signature = Signature(b"mimetype" + mime.encode(), offset=30)  # uncompressed
    return _entry(name, label, endings, mime, _OFFICE, signature, locator=locator, container=Container.ZIP)


def _ole(name: str, label: str, endings: str, mime: str, locator: Locator) -> Entry:
    return _entry(name, label, endings, mime, _OFFICE, locator=locator, container=Container.OLE)


_CODE = """
    css scss less sql graphql proto py pyi rb php pl lua r jl js mjs cjs jsx ts tsx vue svelte c h cc cpp cxx
    hpp cs java kt kts scala go rs swift m mm dart ex exs erl hs ml fs clj lisp vb ps1 bat cmd sh bash zsh
    fish dockerfile makefile cmake gradle tf hcl nix
"""
_PLAIN = "txt text log sty bib nfo diff patch"
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head>", b"<body", b"<table", b"<p>", b"<p ", b"<h1>")
#: Whatever the first field is, this one is among those of most messages.
_MIME_HEADING = Signature(b"\nmime-version: 1.0", within=2_048)
#: Wikis and Word name web archives `.doc`.
_MHTML_STARTS = tuple(
    Signature(b"mime-version: 1.0" + end + b"content-type: multipart/related", within=HEAD_BYTES)
    for end in (b"\n", b"\r\n")
)

#: In order of preference where content and name leave a choice; the first is plain text.
ENTRIES: tuple[Entry, ...] = (
    _entry("text", "plain text and source code", _PLAIN + _CODE, "", "data.delimited:read_text",
        is_simple=True),
    _entry("markdown", "Markdown", "md markdown mdown mkd mdx rmd qmd", "text/markdown text/x-markdown",
        "texts.markdown:read_markdown", is_simple=True),
    _entry("outlined", "reStructuredText, AsciiDoc, Org, Typst, LaTeX, TOML and INI",
        "rst adoc asciidoc org typ tex latex ltx toml ini cfg conf",
        "text/x-rst text/asciidoc text/org application/x-tex application/toml",
        "texts.outlined:read_outlined", is_simple=True),
    _entry("html", "HTML", "html htm xhtml xht shtml", "text/html application/xhtml+xml",
        "html.reader:read_html", *_HTML_STARTS, locator=Locator.SECTION),
    _entry("pdf", "PDF", "pdf", "application/pdf application/x-pdf", "pdf.reader:read_pdf",
        Signature(b"%PDF-", within=1_024), locator=Locator.PAGE,
        container=Container.OWN, recognizer="pdf.drawing:read_scans"),
    _picture("png", "png", b"\x89PNG\r\n"),
    _picture("jpeg", "jpg jpeg jpe", b"\xff\xd8\xff"),
    _picture("tiff", "tif tiff", b"II*\x00", b"MM\x00*"),
    _picture("webp", "webp", Signature(b"WEBP", offset=8)),
    _ooxml("docx", "Word", "docx docm dotx dotm", "wordprocessingml.document", Locator.SECTION, b"word/"),
    _ooxml("pptx", "PowerPoint", "pptx pptm ppsx ppsm potx potm", "presentationml.presentation",
        Locator.SLIDE, b"ppt/"),
    _ooxml("xlsx", "Excel", "xlsx xlsm xltx xltm xlsb", "spreadsheetml.sheet", Locator.ROW,
        b"xl/w", b"xl/_rels", b"xl/theme", b"xl/styles", b"xl/sharedStrings"),
    _with_mimetype("odt", "OpenDocument", "odt ott", f"{_OPENDOCUMENT}.text", Locator.SECTION),
    _with_mimetype("odp", "OpenDocument", "odp otp", f"{_OPENDOCUMENT}.presentation", Locator.SLIDE),
    _with_mimetype("ods", "OpenDocument", "ods ots", f"{_OPENDOCUMENT}.spreadsheet", Locator.ROW),
    _with_mimetype("epub", "EPUB", "epub", "application/epub+zip", Locator.SECTION),
    _ole("doc", "Word", "doc dot", "application/msword", Locator.SECTION),
    _ole("xls", "Excel", "xls xlt", "application/vnd.ms-excel", Locator.ROW),
    _ole("ppt", "PowerPoint", "ppt pps pot", "application/vnd.ms-powerpoint", Locator.SECTION),
    _entry("msg", "Outlook message", "msg", "application/vnd.ms-outlook", "mail.outlook:read_outlook",
        locator=Locator.SECTION, container=Container.OLE, extra="outlook"),
    _entry("eml", "e-mail", "eml emlx", "message/rfc822", "mail.messages:read_mail",
        b"return-path: ", b"delivered-to: ", b"received: ", _MIME_HEADING, locator=Locator.SECTION),
    _entry("mhtml", "web archives", "mhtml mht", "multipart/related", "mail.messages:read_mail",
        *_MHTML_STARTS, locator=Locator.SECTION),
    _entry("webarchive", "web archives", "webarchive", "application/x-webarchive",
        "mail.web_archives:read_web_archive", Signature(b"WebMainResource", within=256),
        locator=Locator.SECTION, container=Container.OWN),
    _entry("mbox", "mailboxes", "mbox", "application/mbox", "mail.messages:read_mailbox",
        b"from - ", locator=Locator.MESSAGE),
    _entry("csv", "CSV", "csv tsv tab psv", "text/csv text/tab-separated-values",
        "data.delimited:read_delimited"),
    _entry("json", "JSON", "json geojson webmanifest", "application/json", "data.structured:read_json",
        b'{"', b'[{"'),
    _entry("jsonl", "JSON Lines", "jsonl ndjson", "application/jsonl application/x-ndjson",
        "data.structured:read_json_lines"),
    _entry("yaml", "YAML", "yaml yml", "application/yaml application/x-yaml text/yaml",
        "data.structured:read_yaml"),
    _entry("properties", "catalogs of messages", "properties strings po pot", "text/x-gettext-translation",
        "data.structured:read_properties"),
    _entry("xml", "XML",
        "xml rss atom svg xsd xsl xslt wsdl kml gpx opml plist resx xliff xlf tmx dita"
        " ttml dfxp rdf owl enex fb2 drawio",
        "application/xml text/xml image/svg+xml application/rss+xml application/atom+xml",
        "data.xml:read_xml", b"<?xml", b"<mxfile", b"<map version="),
    _entry("ipynb", "notebooks", "ipynb", "application/x-ipynb+json", "texts.notebooks:read_notebook",
        locator=Locator.CELL),
    _entry("subtitles", "subtitles", "srt vtt ass ssa", "application/x-subrip text/vtt",
        "texts.subtitles:read_subtitles", b"webvtt"),
    _entry("cards", "calendars and contacts", "ics ifb vcf vcard", "text/calendar text/vcard text/x-vcard",
        "texts.cards:read_cards", b"begin:vcalendar", b"begin:vcard"),
    _entry("rtf", "RTF", "rtf", "application/rtf text/rtf text/richtext", _OFFICE,
        b"{\\rtf", locator=Locator.SECTION, container=Container.OWN),
)  # fmt: skip


@cache
def readable_formats() -> ReadableFormats:
    """Return the formats that this installation reads."""
    installed = {"ocr": is_recognition_installed(), "outlook": find_spec("oxmsg") is not None}
    extras = frozenset(extra for extra, is_there in installed.items() if is_there)
    return ReadableFormats(tuple(entry.format for entry in ENTRIES), UNREADABLE, extras)


@cache
def entry_of(name: str) -> Entry:
    """Return the entry of the format called `name`."""
    return next(entry for entry in ENTRIES if entry.format.name == name)


def choose_entry(filename: str, content_type: str, head: bytes) -> Entry:
    """Return the format, with its reader, that a file is read as; `head` are its first `HEAD_BYTES`.

    Raises:
        ExtractionFailed: `unsupported`, with what to do about it.
    """
    formats = readable_formats()
    found = formats.recognize(filename, content_type, head)
    refusal = formats.refusal(filename, head, content_type) if found is None or found.extra else None
    if refusal is not None or found is None:
        reason = (
            f"{refusal.message} {refusal.hint}"
            if refusal is not None
            else "Calypso does not know the format of the file."
        )
        raise ExtractionFailed("unsupported", reason)
    return entry_of(found.name)


def is_quick_by_name(filename: str, content_type: str) -> bool:
    """Whether a small file of this name takes a moment to read, unless its bytes show another format.

    Formats whose pictures may have to be read take longer.
    """
    found = readable_formats().recognize(filename, content_type, b"")
    return found is not None and not entry_of(found.name).recognizer
