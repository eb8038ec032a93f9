"""Which format a file is read as, from its name, its content type and its first bytes."""

from __future__ import annotations

from enum import StrEnum

from calypso_mcp.local.indexing.documents import ExtractionFailed

#: How many bytes from the start of a file `choose_format` wants to see.
HEAD_BYTES = 8_192

SUPPORTED = (
    "PDF, HTML, Markdown and every kind of plain text (txt, csv, json, xml, yaml, rst, log, source code)"
)


class Format(StrEnum):
    """What this package can read."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    PDF = "pdf"


_TEXT_EXTENSIONS = """
    txt text log rst adoc asciidoc org tex srt vtt csv tsv json jsonl ndjson geojson xml xsd xsl rss atom
    yaml yml toml ini cfg conf properties sql graphql proto diff patch ipynb
    py pyi rb php pl lua r jl js mjs cjs jsx ts tsx vue svelte css scss less c h cc cpp cxx hpp cs java
    kt kts scala go rs swift m mm dart ex exs erl hs ml fs clj lisp vb ps1 bat cmd sh bash zsh fish
    dockerfile makefile cmake gradle tf hcl nix
"""
_TEXT_CONTENT_TYPES = """
    json x-ndjson jsonl xml yaml x-yaml toml sql javascript x-javascript ecmascript typescript x-sh
    x-python-code x-tex x-subrip csv graphql
"""
_BY_EXTENSION: dict[str, Format] = {
    **dict.fromkeys(_TEXT_EXTENSIONS.split(), Format.TEXT),
    **dict.fromkeys(("md", "markdown", "mdown", "mkd", "mdx"), Format.MARKDOWN),
    **dict.fromkeys(("html", "htm", "xhtml", "xht"), Format.HTML),
    "pdf": Format.PDF,
}
_BY_CONTENT_TYPE: dict[str, Format] = {
    **{f"application/{subtype}": Format.TEXT for subtype in _TEXT_CONTENT_TYPES.split()},
    "text/markdown": Format.MARKDOWN,
    "text/x-markdown": Format.MARKDOWN,
    "text/html": Format.HTML,
    "application/xhtml+xml": Format.HTML,
    "application/pdf": Format.PDF,
    "application/x-pdf": Format.PDF,
}
#: Called text, but not readable as it is.
_NOT_PLAIN = frozenset({"text/rtf", "text/richtext"})
#: Content types that say nothing about the content.
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/unknown"})
_PDF_SIGNATURE = b"%PDF-"
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
#: Control bytes that no text holds.
_BINARY = bytes(set(range(0x20)) - set(b"\t\n\f\r\x1b"))


def choose_format(filename: str, content_type: str, head: bytes) -> Format:
    """Return the format to read a file as.

    The name's extension decides, then the content type; either counts only if it says more than "text".
    After them comes a PDF signature, and last whether it looks like text.

    Args:
        filename: With or without folders.
        content_type: As declared at upload; parameters are ignored.
        head: The first `HEAD_BYTES` of the file.

    Raises:
        ExtractionFailed: `unsupported`.
    """
    mime = content_type.partition(";")[0].strip().lower()
    stated = {_BY_EXTENSION.get(_extension(filename)): None, _by_content_type(mime): None}
    for found in stated:
        if found is not None and found is not Format.TEXT:
            return found
    if head.lstrip().startswith(_PDF_SIGNATURE):
        return Format.PDF
    if Format.TEXT in stated or (mime in _VAGUE and looks_like_text(head)):
        return Format.TEXT
    raise unsupported(filename, mime)


def unsupported(filename: str, content_type: str) -> ExtractionFailed:
    """Return the failure that names what was given and what could be given instead."""
    extension = _extension(filename)
    kind = f".{extension}" if extension else content_type
    given = f"{kind} files are not supported" if kind not in _VAGUE else "This is not a text file"
    return ExtractionFailed("unsupported", f"{given}. Supported are {SUPPORTED}.")


def looks_like_text(head: bytes) -> bool:
    """Whether bytes from the start of a file may be text: a byte order mark, or no control bytes."""
    return head.startswith(_BYTE_ORDER_MARKS) or head.translate(None, _BINARY) == head


def _extension(filename: str) -> str:
    name = filename.replace("\\", "/").rpartition("/")[2].lower()
    stem, dot, extension = name.rpartition(".")
    if dot and stem:
        return extension
    return name.strip(".") if name.strip(".") in _BY_EXTENSION else ""


def _by_content_type(mime: str) -> Format | None:
    if mime in _BY_CONTENT_TYPE:
        return _BY_CONTENT_TYPE[mime]
    if mime.startswith("image/") or mime in _NOT_PLAIN:
        return None
    return Format.TEXT if mime.startswith("text/") or mime.endswith(("+json", "+xml", "+yaml")) else None
