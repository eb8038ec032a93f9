"""Names for fetched pages and files, and what a page states about itself in its head."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from email.message import Message
from typing import Final
from urllib.parse import unquote

from calypso_mcp.local.indexing.formats.encodings.labels import codec_of
from calypso_mcp.local.web.fetching import Fetched
from calypso_mcp.local.web.urls import WebUrl

#: What a web page may be, with the ending that its name gets.
PAGE_TYPES: Final = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
}
PAGE_ACCEPT: Final = "text/html, application/xhtml+xml, text/markdown;q=0.9, text/plain;q=0.8"
#: Endings of files by media type, for addresses that show none.
_ENDINGS: Final = {
    **PAGE_TYPES,
    "application/pdf": ".pdf",
    "application/json": ".json",
    "text/csv": ".csv",
    "application/rtf": ".rtf",
    "application/epub+zip": ".epub",
}
_HEAD_BYTES: Final = 65_536
_TITLE: Final = re.compile(r"<title(?:\s[^<>]{0,200})?>([^<]{0,2000})", re.IGNORECASE)
_META: Final = re.compile(r"<meta\s([^<>]{0,3000})>", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"([a-z:-]{1,40})\s{0,4}=\s{0,4}(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_TITLE_CHARS: Final = 300
_SUMMARY_CHARS: Final = 500
_NAME_CHARS: Final = 120
#: Length of the longest known ending.
_ENDING_CHARS: Final = 8
_NOT_IN_NAMES: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff/\\:*?\"<>|&=#%]+")


@dataclass(frozen=True, slots=True)
class PageHead:
    """What a page states about itself; None for what it does not state."""

    title: str | None = None
    summary: str | None = None


def media_type(fetched: Fetched) -> str:
    """Return the media type in lower case, without parameters; empty where none is stated."""
    return fetched.content_type.partition(";")[0].strip().lower()


def read_head(fetched: Fetched) -> PageHead:
    """Return what the first bytes of a page state, found by patterns: only a sandboxed process parses."""
    if "html" not in media_type(fetched):
        return PageHead()
    text = _decoded(fetched.data[:_HEAD_BYTES], fetched.content_type)
    title = _TITLE.search(text)
    metas = [_attributes(meta) for meta in _META.findall(text)]
    return PageHead(
        title=_line(title[1], _TITLE_CHARS) if title else None,
        summary=next(
            (
                _line(meta["content"], _SUMMARY_CHARS)
                for meta in metas
                if meta.get("content")
                and "description" in {meta.get("name", "").lower(), meta.get("property", "")[3:].lower()}
            ),
            None,
        ),
    )


def page_name(url: WebUrl, kind: str) -> str:
    """Return a file name for a page: its address, cut to length, with the ending of its type."""
    plain = _NOT_IN_NAMES.sub("-", unquote(f"{url.host}{url.target}")).strip("-. ")
    ending = PAGE_TYPES.get(kind, ".html")
    return f"{plain.removesuffix(ending)[:_NAME_CHARS].rstrip('-. ')}{ending}"


def file_name(fetched: Fetched) -> str:
    """Return the name of an imported file, from its server or else from its address."""
    kind = media_type(fetched)
    message = Message()
    message["content-disposition"] = fetched.headers.get("content-disposition", "")
    stated = message.get_filename() or ""
    last = unquote(fetched.url.path).rstrip("/").rpartition("/")[2]
    name = _NOT_IN_NAMES.sub("-", (stated or last).replace("\\", "/").rpartition("/")[2]).strip("-. ")
    name = name[-_NAME_CHARS:] or fetched.url.host
    _, dot, ending = name.rpartition(".")
    has_ending = bool(dot) and name != fetched.url.host and 1 <= len(ending) <= _ENDING_CHARS
    return name if has_ending else f"{name}{_ENDINGS.get(kind, '')}"


def _decoded(data: bytes, content_type: str) -> str:
    message = Message()
    message["content-type"] = content_type
    declared = re.search(rb"charset\s{0,4}=\s{0,4}[\"']?([A-Za-z0-9_:.-]{2,40})", data[:4_096], re.IGNORECASE)
    charset = message.get_content_charset() or (declared[1].decode("ascii") if declared else "")
    text = data.decode(codec_of(charset) or "utf-8", errors="replace")
    return text.encode(errors="replace").decode()  # without half a surrogate pair, as UTF-7 can spell


def _attributes(text: str) -> dict[str, str]:
    return {name.lower(): quoted or single for name, quoted, single in _ATTRIBUTE.findall(text)}


def _line(text: str, most_chars: int) -> str | None:
    return " ".join(html.unescape(text).split())[:most_chars] or None
