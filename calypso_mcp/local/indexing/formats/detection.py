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


_BY_EXTENSION: dict[str, Format] = {
    **dict.fromkeys(("md", "markdown", "mdown", "mkd", "mdx"), Format.MARKDOWN),
    **dict.fromkeys(("html", "htm", "xhtml", "xht"), Format.HTML),
    "pdf": Format.PDF,
    **dict.fromkeys(
        (
            "txt text log rst adoc asciidoc org tex srt vtt csv tsv json jsonl ndjson geojson xml xsd xsl rss atom"
            " yaml yml toml ini cfg conf properties sql graphql proto diff patch ipynb"
            " py pyi rb php pl lua r jl js mjs cjs jsx ts tsx vue svelte css scss less c h cc cpp cxx hpp cs java"
            " kt kts scala go rs swift m mm dart ex exs erl hs ml fs clj lisp vb ps1 bat cmd sh bash zsh fish"
            " dockerfile makefile cmake gradle tf hcl nix"
        ).split(),
        Format.TEXT,
    ),
}
_BY_CONTENT_TYPE: dict[str, Format] = {
    "text/markdown": Format.MARKDOWN,
    "text/x-markdown": Format.MARKDOWN,
    "text/html": Format.HTML,
    "application/xhtml+xml": Format.HTML,
    "application/pdf": Format.PDF,
    "application/x-pdf": Format.PDF,
    **dict.fromkeys(
        (
            "application/json application/x-ndjson application/jsonl application/xml application/yaml"
            " application/x-yaml application/toml application/sql application/javascript application/x-javascript"
            " application/ecmascript application/typescript application/x-sh application/x-python-code"
            " application/rtf-text application/x-tex application/x-subrip application/csv application/graphql"
        ).split(),
        Format.TEXT,
    ),
}
#: Content types that say nothing about the content.
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/unknown"})
_PDF_SIGNATURE = b"%PDF-"
#: A PDF's signature stands within this many bytes (PDF 1.7, appendix H, note 13).
_SIGNATURE_WITHIN = 1_024


def choose_format(filename: str, content_type: str, head: bytes) -> Format:
    """Return the format to read a file as.

    A name's known extension and a known content type decide; where they differ the one that says more
    than "text" wins. A PDF signature settles the rest.

    Args:
        filename: With or without folders.
        content_type: As declared at upload; parameters are ignored.
        head: The first `HEAD_BYTES` of the file.

    Raises:
        ExtractionFailed: `unsupported`.
    """
    mime = content_type.partition(";")[0].strip().lower()
    by_name = _BY_EXTENSION.get(_extension(filename))
    by_type = _by_content_type(mime)
    if _PDF_SIGNATURE in head[:_SIGNATURE_WITHIN] and Format.PDF in {
        by_name,
        by_type,
        _sniffed(by_name, by_type),
    }:
        return Format.PDF
    stated = [found for found in (by_name, by_type) if found is not None]
    if stated:
        return next((found for found in stated if found is not Format.TEXT), Format.TEXT)
    if mime in _VAGUE and looks_like_text(head):
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
    if head.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return True
    return not any(byte < 0x20 and byte not in b"\t\n\f\r\x1b" for byte in head)


def _extension(filename: str) -> str:
    name = filename.replace("\\", "/").rpartition("/")[2].lower()
    stem, dot, extension = name.rpartition(".")
    if dot and stem:
        return extension
    return name.strip(".") if name.strip(".") in _BY_EXTENSION else ""


def _by_content_type(mime: str) -> Format | None:
    if mime in _BY_CONTENT_TYPE:
        return _BY_CONTENT_TYPE[mime]
    if (
        mime.startswith("text/")
        or mime.endswith(("+json", "+xml", "+yaml"))
        and not mime.startswith("image/")
    ):
        return Format.TEXT
    return None


def _sniffed(by_name: Format | None, by_type: Format | None) -> Format | None:
    """Return PDF where name and type leave the signature the last word."""
    return Format.PDF if {by_name, by_type} <= {None, Format.TEXT} else None
