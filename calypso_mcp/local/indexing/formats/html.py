"""HTML: headings, paragraphs, lists and tables, without scripts, styles and page furniture."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed
from calypso_mcp.local.indexing.formats.text import decode

#: The parser needs time that grows with the square of the nesting; browsers stop at 512.
MAX_DEPTH = 5_000

#: Never content.
_SKIPPED = frozenset(
    "script style noscript template svg math canvas iframe object embed head nav button select option"
    " datalist form input textarea dialog audio video map".split()
)
#: Roles and class words are too unreliable to skip by; these ARIA roles are defined as furniture.
_SKIPPED_ROLES = frozenset({"navigation", "search", "menu", "menubar", "toolbar", "banner"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    "address article aside blockquote body center dd details dir div dl dt fieldset figcaption figure footer"
    " header hgroup hr html legend li main menu ol p section summary table tbody tfoot thead tr ul caption"
    " form td th pre".split()
)
_CELLS = frozenset({"td", "th"})
_LIST_ITEMS = frozenset({"li", "dt", "dd"})
_LISTS = frozenset({"ul", "ol", "dl", "menu", "dir"})
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
#: Elements whose end tag may be missing, or that have none: their number says nothing about depth.
_UNCOUNTED = frozenset(
    "p li dt dd td th tr thead tbody tfoot colgroup option optgroup rp rt area base br col embed hr img input"
    " link meta source track wbr body head html".split()
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{2,40})", re.IGNORECASE)
#: Where browsers look for the declaration of the character set.
_CHARSET_WITHIN = 4_096
_ENCODINGS = re.compile(
    r"(windows-?125\d|cp125\d|iso-?8859-?\d+|latin-?\d|koi8-?[ru]|gbk?|gb2312|gb18030|big5(-?hkscs)?"
    r"|shift[-_]?jis|sjis|euc[-_](jp|kr|tw)|iso-2022-jp|tis-?620|windows-?874|macintosh)",
    re.IGNORECASE,
)


def read_html(data: bytes) -> Document:
    """Return the visible text of a page.

    Raises:
        ExtractionFailed: `too_large` when elements are nested absurdly deep, `unsupported` for binary data.
    """
    markup = _decode(data)
    _check_depth(markup)
    parser = LexborHTMLParser(markup)
    title = parser.css_first("title")
    root = parser.body or parser.root
    return Document(
        tuple(_Reader().read(root)) if root is not None else (),
        (" ".join(title.text().split()) or None) if title is not None else None,
    )


def _decode(data: bytes) -> str:
    declared = _CHARSET.search(data[:_CHARSET_WITHIN])
    if declared is not None and _ENCODINGS.fullmatch(name := declared[1].decode("ascii")):
        try:
            return data.decode(name, "replace").replace("\x00", "")
        except LookupError:
            pass  # a name Python does not know: detect it
    return decode(data)


def _check_depth(markup: str) -> None:
    depth = 0
    for match in _TAG.finditer(markup):
        if match[2].lower() in _UNCOUNTED:
            continue
        depth = max(depth - 1, 0) if match[1] else depth + 1
        if depth > MAX_DEPTH:
            raise ExtractionFailed("too_large", f"The HTML is nested more than {MAX_DEPTH:,} elements deep.")


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    if not attributes:
        return False
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or attributes.get("role") in _SKIPPED_ROLES
        or "display:none" in style
        or "visibility:hidden" in style
    )


class _Reader:
    """Walks a tree without recursion and collects blocks.

    Inline text gathers in `_inline`; the end of a block element moves it to a line of the open block
    or to a cell of the open row. Outside lists and tables every line is a block of its own.
    """

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._lines: list[str] = []
        self._inline: list[str] = []
        #: Cells of the rows being read, innermost last; None for a row that turned out to be layout.
        self._rows: list[list[str] | None] = []
        self._groups = 0
        self._preformatted = 0
        self._sections = 0

    def read(self, root: LexborNode) -> list[Block]:
        for node, entering in _walk(root, self._is_skipped):
            if node.is_text_node:
                self._text(node.text_content or "")
            elif entering:
                self._enter(node.tag or "")
            else:
                self._leave(node.tag or "")
        self._end_line()
        self._end_block()
        return self._blocks

    def _is_skipped(self, node: LexborNode) -> bool:
        tag = node.tag or ""
        return tag in _SKIPPED or (tag == "footer" and not self._sections) or _is_hidden(node)

    def _text(self, text: str) -> None:
        self._inline.append(text if self._preformatted else re.sub(r"\s+", " ", text))

    def _enter(self, tag: str) -> None:
        if tag == "br":
            self._inline.append("\n")
        if tag not in _BLOCKS and tag not in _HEADINGS:
            return
        if tag in _HEADINGS or tag == "table":
            self._rows = [None] * len(self._rows)
        self._end_line()
        if tag in _HEADINGS:
            self._end_block()
        elif tag in _LISTS or tag == "table":
            if not self._groups:
                self._end_block()
            self._groups += 1
        elif tag == "li":
            self._inline.append("- ")
        elif tag == "tr":
            self._rows.append([])
        elif tag == "pre":
            self._preformatted += 1
        elif tag in {"article", "main"}:
            self._sections += 1

    def _leave(self, tag: str) -> None:
        if tag in _HEADINGS:
            text = _tidy("".join(self._inline)).replace("\n", " ")
            self._inline = []
            self._end_block()
            if text:
                self._blocks.append(Block(text, heading_level=_HEADINGS[tag]))
            return
        if tag not in _BLOCKS:
            return
        if tag in _CELLS and self._rows and self._rows[-1] is not None:
            self._rows[-1].append(_tidy("".join(self._inline)).replace("\n", " "))
            self._inline = []
            return
        self._end_line()
        if tag == "tr" and self._rows:
            cells = self._rows.pop()
            if cells is not None and any(cells):
                self._lines.append(" | ".join(cells))
        elif tag in _LISTS or tag == "table":
            self._groups -= 1
            if not self._groups:
                self._end_block()
        elif tag == "pre":
            self._preformatted -= 1
        elif tag in {"article", "main"}:
            self._sections -= 1

    def _end_line(self) -> None:
        if self._rows and self._rows[-1] is not None:
            self._inline.append(" ")  # still inside a cell
            return
        joined = "".join(self._inline)
        text = joined.strip("\n").rstrip() if self._preformatted else _tidy(joined)
        self._inline = []
        if text not in {"", "-"}:
            self._lines.append(text)
        if not self._groups:
            self._end_block()

    def _end_block(self) -> None:
        if self._lines:
            self._blocks.append(Block("\n".join(self._lines)))
        self._lines = []


def _tidy(text: str) -> str:
    return re.sub(r" *\n *", "\n", re.sub(r"[ \t\xa0]+", " ", text)).strip()


def _walk(root: LexborNode, is_skipped: Callable[[LexborNode], bool]) -> Iterator[tuple[LexborNode, bool]]:
    """Yield nodes below `root` with True on the way in and, elements only, False on the way out."""
    stack: list[LexborNode] = []
    node = root.child
    while True:
        if node is None:
            if not stack:
                return
            parent = stack.pop()
            yield parent, False
            node = parent.next
        elif node.is_text_node:
            yield node, True
            node = node.next
        elif not node.is_element_node or is_skipped(node):
            node = node.next
        else:
            yield node, True
            stack.append(node)
            node = node.child
