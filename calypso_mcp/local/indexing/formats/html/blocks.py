"""Turning an HTML tree into blocks of visible text."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator

from selectolax.lexbor import LexborNode

from calypso_mcp.local.indexing.documents import Block
from calypso_mcp.local.indexing.formats.html.visibility import (
    has_lines,
    is_never_content,
    is_way_down,
    list_parts,
    said_by_attributes,
)
from calypso_mcp.local.indexing.formats.tables import (
    CELL_SEPARATOR,
    LONGEST_HEADER,
    fill_passages,
    repeat_cell,
)

_BLOCK_ELEMENTS = """
    address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption
    figure footer form header hgroup hr legend li main menu ol p pre section select summary table tbody td
    textarea tfoot th thead tr ul title desc text
"""
BLOCKS = frozenset(_BLOCK_ELEMENTS.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LEVELS = {str(level): level for level in range(1, 7)}
#: Of a heading by its role that states none (WAI-ARIA, heading).
_LEVEL_UNSTATED = 2
_CELLS = frozenset({"td", "th"})
#: Elements of a table by their roles (WAI-ARIA, table and grid), as programs make them of any element.
_BY_ROLE = {
    **dict.fromkeys(("table", "grid", "treegrid"), "table"),
    "row": "tr",
    **dict.fromkeys(("cell", "gridcell", "columnheader", "rowheader"), "td"),
}
#: Inline elements that stand apart from each other.
_EDGED = frozenset({"button", "label"})
#: Elements that say something by themselves, by the place of their text or, in MathML, of their parts.
_SIGNS = frozenset({"br", "sup", "mfrac", "msup", "msubsup", "msqrt"})
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
#: Of a number that an attribute states.
_MOST_DIGITS = 5
#: Most columns in which cells span rows, or that one cell spans.
_MOST_SPANNED = 20
#: What says what a table shows, and how many of its rows do so besides.
_NAMING = {"caption": 1, "thead": 0}
#: How many tables, and the page around them, are open in a table that no other holds.
_IN_ONE_TABLE = 2
_NUMBER = re.compile("[-+\u2013\u2212]?[0-9]")
#: Lists that show other signs than numbers, as far as the page says without its styles.
_OTHER_SIGNS = re.compile(r"alpha|roman|none|unstyled|list-style(?!-type: ?decimal)")
#: Elements whose lines stay together in one block.
_GROUPS = frozenset({"ul", "ol", "dl", "menu", "dir", "table"})
#: A footer inside one of these belongs to the content.
_SECTIONS = frozenset({"article", "main"})


def visible_blocks(
    root: LexborNode,
    left_out: Container[int] = frozenset(),
    *,
    has_footer: bool = False,
) -> list[Block]:
    """Return the text below `root` as headings, paragraphs, lists and tables, in reading order.

    List items begin with "- "; " | " separates table cells. Elements are `left_out` by their memory ids, and
    so is the footer of the page unless `has_footer`.
    """
    return _Reader(left_out, has_footer=has_footer).read(root)


class _Reader:
    """Collects blocks while walking a tree.

    Inline text gathers in `_inline`; the end of a block element moves it to a line of the open block
    or to a cell of the open row. Outside lists and tables every line is a block of its own.
    """

    def __init__(self, left_out: Container[int], *, has_footer: bool) -> None:
        self._has_footer = has_footer
        self._left_out = left_out
        self._blocks: list[Block] = []
        self._lines: list[str] = []
        #: How many of them say what the open table shows.
        self._header_lines = 1
        self._inline: list[str] = []
        #: What the next line of a list begins with.
        self._bullet = ""
        #: The number of the next item of each open list; None of those without numbers.
        self._numbers: list[int | None] = []
        #: Cells of the rows being read, innermost last; None for a row that turned out to be layout.
        self._rows: list[list[str] | None] = []
        #: Of each open table: the text of cells that span the next row, and how many more rows, by column.
        self._spanning: list[dict[int, tuple[str, int]]] = [{}]
        self._is_table = False
        #: Pieces of text so far, and when each open element began.
        self._texts = 0
        self._texts_before: list[int] = []
        #: How many of these are open.
        self._groups = self._preformatted = self._sections = 0
        #: Of each open heading: whether blocks in it are part of its line.
        self._headings: list[bool] = []

    def read(self, root: LexborNode) -> list[Block]:
        headings = {node.mem_id: _stated_level(node) for node in root.css("[role=heading]")}
        for node, entering in walk(root, self._is_skipped):
            if node.is_text_node:
                self._add(node.text_content or "")
                continue
            self._say_attributes(node, entering=entering)
            tag = self._tag(node)
            if tag in _EDGED:
                self._inline.append(" ")
            elif tag in _SIGNS:
                self._add_sign(node, entering=entering)
            elif level := headings.get(node.mem_id) or _HEADINGS.get(tag):
                self._heading(node, level, entering=entering)
            elif tag in BLOCKS and self._headings and self._headings[-1]:
                self._inline.append(" ")
            elif tag in BLOCKS:
                (self._open if entering else self._close)(tag, node)
        self._end_line()
        self._end_block()
        return self._blocks

    def _tag(self, node: LexborNode) -> str:
        by_role = _BY_ROLE.get(node.attributes.get("role") or "")
        is_in_table = by_role == "table" or len(self._spanning) > 1
        return (by_role if is_in_table else None) or node.tag or ""

    def _is_skipped(self, node: LexborNode) -> bool:
        is_of_page = node.tag == "footer" and not self._sections and not self._has_footer
        # Nothing stands before the link past the menu.
        is_first = not (self._texts or self._groups or self._headings) and is_way_down(node)
        return is_of_page or is_first or node.mem_id in self._left_out or is_never_content(node)

    def _add(self, text: str) -> None:
        text = text.replace("\xad", "")
        self._texts += not text.isspace()
        self._inline.append(text if self._preformatted else re.sub(r"\s+", " ", text))

    def _add_sign(self, node: LexborNode, *, entering: bool) -> None:
        """Write what the place of a power, a note's number or a part of a formula says: 10^6 and 1/2."""
        if not entering:
            return
        *_, before, last = (node, node, *node.iter())
        if node.tag == "br":
            self._inline.append("\n")
        elif node.tag == "sup":
            if self._inline and self._inline[-1][-1:].isdigit() and _NUMBER.match(node.text()):
                self._inline.append("^")
        elif node.tag == "msqrt":
            self._inline.append("\u221a")
        elif node.tag == "mfrac":
            self._inline.append(" ")  # behind a whole number
            last.insert_before("/")
        elif before.text()[-1:].isdigit() and _NUMBER.match(last.text()):
            last.insert_before("^")

    def _say_attributes(self, node: LexborNode, *, entering: bool) -> None:
        if entering:
            self._texts_before.append(self._texts)
            return
        is_empty = self._texts_before.pop() == self._texts
        if said := said_by_attributes(node, is_empty=is_empty):
            self._add(f" {said} " if node.tag == "input" else said if is_empty else f" ({said})")

    def _heading(self, node: LexborNode, level: int, *, entering: bool) -> None:
        if entering:
            self._headings.append(bool(list_parts(node)))
            self._give_up_rows()
            self._end_line()
            self._end_block()
            return
        self._headings.pop()
        text = _tidy("".join(self._inline)).replace("\n", " ")
        self._inline = []
        if text:
            self._blocks.append(Block(text, heading_level=level))

    def _open(self, tag: str, node: LexborNode) -> None:
        if tag == "table" or (tag == "pre" and self._begins_row(node)):
            self._give_up_rows()
        if tag == "table":
            self._spanning.append({})
        self._end_line()
        self._count(tag, 1)
        if tag in _LISTS:
            self._numbers.append(_first_number(node))
        elif tag == "li":
            self._bullet = self._next_bullet(node)
        elif tag == "tr":
            self._rows.append([])

    def _close(self, tag: str, node: LexborNode) -> None:
        row = self._rows[-1] if self._rows else None
        if tag in _CELLS and row is not None:
            self._end_cell(row, node)
            return
        self._end_line()
        if tag == "table":
            self._spanning.pop()
        elif tag == "tr" and self._rows:
            if row:
                self._add_spanning(row)
            self._end_row(self._rows.pop())
        elif tag == "li":
            self._bullet = ""
        elif tag in _LISTS and self._numbers:
            self._numbers.pop()
        elif tag in _NAMING and self._lines and len(self._spanning) == _IN_ONE_TABLE:
            self._header_lines = len(self._lines) + _NAMING[tag]
        self._count(tag, -1)

    def _next_bullet(self, item: LexborNode) -> str:
        number = self._numbers[-1] if self._numbers else None
        if number is None:
            return "- "
        number = _number(item, "value", number)
        self._numbers[-1] = number + 1
        return f"{number}. "

    def _begins_row(self, listing: LexborNode) -> bool:
        """Whether lines of code begin the open row: the numbers of lines before them are left out."""
        row = self._rows[-1] if self._rows else None
        is_first = row is not None and not any(row) and not any(map(str.strip, self._inline))
        return is_first and has_lines(listing)

    def _count(self, tag: str, change: int) -> None:
        if tag in _GROUPS:
            if not self._groups or self._groups + change == 0:
                self._end_block()
                self._is_table = tag == "table" and change > 0
            self._groups += change
        elif tag == "pre":
            self._preformatted += change
        elif tag in _SECTIONS:
            self._sections += change

    def _end_cell(self, row: list[str], cell: LexborNode) -> None:
        text = _tidy("".join(self._inline)).replace("\n", " ")
        self._inline = []
        self._add_spanning(row)
        columns = range(len(row), len(row) + _span(cell, "colspan", _MOST_SPANNED))
        row += [text, *("" for _ in columns[1:])]
        if more_rows := _span(cell, "rowspan") - 1:
            self._spanning[-1] |= {
                column: ("" if index else repeat_cell(text), more_rows)
                for index, column in enumerate(columns)
                if column < _MOST_SPANNED
            }

    def _add_spanning(self, row: list[str]) -> None:
        """Add the cells of rows above that span this row too, up to the next of its own cells."""
        spanning = self._spanning[-1]
        while (column := len(row)) in spanning:
            text, rows = spanning.pop(column)
            if rows > 1:
                spanning[column] = text, rows - 1
            row.append(text)

    def _give_up_rows(self) -> None:
        """Read the open rows as plain blocks: a cell with a heading or a table in it is layout."""
        for index, row in enumerate(self._rows):
            self._rows[index] = None
            self._end_row(row)

    def _end_row(self, cells: list[str] | None) -> None:
        if cells is not None and any(cells):
            self._lines.append(CELL_SEPARATOR.join(cells).rstrip(CELL_SEPARATOR))

    def _end_line(self) -> None:
        if self._rows and self._rows[-1] is not None:
            self._inline.append(" ")  # still inside a cell
            return
        joined = "".join(self._inline)
        text = joined.strip("\n").rstrip() if self._preformatted else _tidy(joined)
        self._inline = []
        if text:
            self._lines.append(self._bullet + text)
            self._bullet = ""
        if not self._groups:
            self._end_block()

    def _end_block(self) -> None:
        if self._is_table and self._lines:
            header, rows = "\n".join(self._lines[: self._header_lines]), self._lines[self._header_lines :]
            repeated_header = header[:LONGEST_HEADER]
            for run in list(fill_passages(rows, len, len(repeated_header))) or [[]]:
                self._blocks.append(Block("\n".join([header, *run]), is_table=True))
                header = repeated_header
        elif self._lines:
            self._blocks.append(Block("\n".join(self._lines)))
        self._lines, self._header_lines = [], 1


def _span(cell: LexborNode, name: str, most: int = 65_534) -> int:
    """Return how many rows or columns a cell spans (WHATWG HTML, 4.9.11)."""
    return min(_number(cell, name, 1), most) or 1


def _first_number(ordered: LexborNode) -> int | None:
    """Return the number of a list's first item; None of a list without numbers (WHATWG HTML, 4.4.5)."""
    attributes = ordered.attributes
    styled = f"{attributes.get('class')} {attributes.get('style')}"
    is_numbered = ordered.tag == "ol" and attributes.get("type", "1") == "1" and "reversed" not in attributes
    return _number(ordered, "start", 1) if is_numbered and not _OTHER_SIGNS.search(styled) else None


def _stated_level(heading: LexborNode) -> int:
    return _LEVELS.get(heading.attributes.get("aria-level") or "", _LEVEL_UNSTATED)


def _number(node: LexborNode, name: str, default: int) -> int:
    stated = node.attributes.get(name) or ""
    return int(stated) if stated.isdecimal() and len(stated) <= _MOST_DIGITS else default


def _tidy(text: str) -> str:
    return re.sub(r" ?\n ?", "\n", re.sub(r"[ \t\xa0]+", " ", text)).strip()


def walk(root: LexborNode, is_skipped: Callable[[LexborNode], bool]) -> Iterator[tuple[LexborNode, bool]]:
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
