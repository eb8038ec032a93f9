"""XML, RSS and SVG: the text of their elements, each under its name; mixed text as paragraphs.

Workbooks that Excel stores as one document of XML are read as such.

Parsed by expat, which fetches nothing and limits how far entities may expand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html import unescape
from itertools import chain, groupby
from xml.parsers import expat

from calypso_mcp.local.indexing.documents import (
    LONGEST_TITLE,
    Block,
    Document,
    ExtractionFailed,
    FileContent,
    Part,
)
from calypso_mcp.local.indexing.formats.data.leaves import Line, line_blocks, without_tags
from calypso_mcp.local.indexing.formats.encodings.decoding import Decoded, decode
from calypso_mcp.local.indexing.formats.encodings.labels import xml_encoding
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR, Row
from calypso_mcp.local.indexing.formats.unreadable import FLAT_OFFICE

_MOST_DEPTH = 1_000
_RECORD_CHARS = 1_000
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
#: Entities of HTML, which XML knows only with a DTD.
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{1,30});")
#: Markup that was escaped once more, as in feeds and diagrams.
_HAS_TAGS = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:amp|lt|gt|quot|nbsp|#\d{1,7}|#x[\da-fA-F]{1,6});")
#: Elements that are paragraphs (WordprocessingML, ODF, HTML, TEI).
_PARAGRAPHS = frozenset({"w:p", "text:p", "text:h", "p"})
#: Lines of text in drawings.
_DRAWN = frozenset({"tspan", "textPath"})
#: Elements that end a line or a page (HTML, TEI), or stand for white space.
_BREAKS = frozenset({"br", "lb", "pb", "cb", "cr", "tab", "line-break"})
_NO_TEXT = frozenset({"script", "style"})
#: Values of property lists that are empty elements.
_TRUTHS = frozenset({"true", "false"})
#: What the strings of Android escape besides what XML does.
_ANDROID = re.compile(r"\\(['\"@?]|[nt])")
#: Titles of sections and records (DocBook, DITA, JATS, TEI, feeds, notes), among the first so many elements.
_TITLES = frozenset({"title", "head", "heading"})
_TITLE_WITHIN = 2
#: Their titles are no sections, which would end the one around them.
_FLOATS = frozenset({"figure", "fig", "table", "caption", "example", "list"})
_LOWEST = 6
#: Roots of flat OpenDocument, and of Word's XML since 2007 and of 2003: text mixed with names of styles.
_FLAT_OFFICE = frozenset({"office:document", "pkg:package", "w:wordDocument"})
#: Namespace of an Excel workbook in the XML of 2003.
_WORKBOOK = "urn:schemas-microsoft-com:office:spreadsheet"
_MOST_COLUMNS = 16_384
#: Most cells of a workbook: empty ones take no room in the file, but they do here.
_MOST_CELLS = 10_000_000
_INDEX = re.compile(r"[0-9]{1,7}")
_COMPRESSED = "The diagram is compressed. Save it without Compressed (File > Properties) or as PDF."
_NO_ATTRIBUTES = re.compile(
    r"xmlns|xml:|^(?:id|class|style|type|version|href|src|d|[a-z]{1,2}\d?)$|:schemaLocation$"
)


@dataclass(slots=True)
class _Element:
    name: str
    attributes: dict[str, str]
    line: int
    #: Text and elements in their order.
    content: list[str | _Element] = field(default_factory=list["str | _Element"])
    end: int = 0

    @property
    def elements(self) -> list[_Element]:
        return [part for part in self.content if isinstance(part, _Element)]

    @property
    def is_mixed(self) -> bool:
        """Whether it is running text: a paragraph, or text with elements in it."""
        has_text = any(isinstance(part, str) and part.strip() for part in self.content)
        children = {child.name for child in self.elements}
        is_paragraph = self.name in _PARAGRAPHS and _PARAGRAPHS.isdisjoint(children)
        return is_paragraph or (bool(children) and (has_text or children <= _DRAWN))


def read_xml(file: FileContent) -> Document:
    """Return the text of every element with its lines, then the comments.

    Raises:
        ExtractionFailed: `too_large` when elements are nested too deeply, or the cells of a workbook are
            too many; `unsupported` for other office documents, and for compressed diagrams of draw.io.
    """
    decoded = decode(file.data, xml_encoding(file.data) or file.charset)
    text = decoded.text
    try:
        if text.rstrip().endswith("</resources>"):  # as the root; other formats have such a part
            text = _ANDROID.sub(lambda escape: " " if escape[1] in "nt" else escape[1], text)
        root, comments = _parse(text)
    except expat.ExpatError as error:
        return _without_tags(decoded, error.lineno)
    if root.name in _FLAT_OFFICE:
        raise ExtractionFailed("unsupported", f"The file is {FLAT_OFFICE.label}. {FLAT_OFFICE.remedy}")
    if root.name == "mxfile" and not all(page.elements for page in _named(root, "diagram")):
        raise ExtractionFailed("unsupported", _COMPRESSED)
    if _WORKBOOK in root.attributes.values():
        return Document(tuple(_workbook_blocks(root)), warnings=decoded.warnings)
    stated = (*_named(root, "title"), *_named(root, "channel", "title"))
    title = next((text for element in stated if (text := _text(element))), None)
    remarks = (replace(block, is_aside=True) for block in line_blocks(comments))
    return Document((*_blocks(root), *remarks), title, warnings=decoded.warnings)


def _parse(text: str) -> tuple[_Element, list[Line]]:
    """Return the outermost element, and the comments."""
    try:
        return _Builder().parse(text)
    except expat.ExpatError as error:
        if expat.ErrorString(error.code) != expat.errors.XML_ERROR_UNDEFINED_ENTITY:
            raise
    return _Builder().parse(_ENTITY.sub(lambda match: unescape(match[0]), text))


def _workbook_blocks(book: _Element) -> Iterator[Block]:
    from calypso_mcp.local.indexing.formats.office.model import TOO_MANY_CELLS
    from calypso_mcp.local.indexing.formats.office.spreadsheets import sheet_blocks

    left = _MOST_CELLS
    for number, sheet in enumerate(_named(book, "Worksheet"), 1):
        name = _attribute(sheet, "Name") or f"Sheet {number}"
        rows: list[Row] = []
        for row in _rows(sheet):
            rows.append(row)
            left -= len(row.cells)
            if left < 0:
                raise ExtractionFailed("too_large", TOO_MANY_CELLS)
        yield from sheet_blocks(Part("sheet", number, name), rows)
        for comment in _named(sheet, "Table", "Row", "Cell", "Comment"):
            yield Block(f"Comment: {_text(comment)}")


def _rows(sheet: _Element) -> Iterator[Row]:
    """Yield the rows of a sheet; the file leaves out empty ones and numbers the next."""
    number = 0
    for row in _named(sheet, "Table", "Row"):
        number = _number(row, "Index") or number + 1
        cells: list[str] = []
        for cell in _named(row, "Cell"):
            column = _number(cell, "Index") or len(cells) + 1
            cells += [""] * (min(column, _MOST_COLUMNS) - 1 - len(cells))
            cells.append(" ".join(map(_text, _named(cell, "Data"))))
            cells += [""] * min(_number(cell, "MergeAcross"), _MOST_COLUMNS - len(cells))
        yield Row(cells, number, number)


def _named(element: _Element, name: str, *below: str) -> Iterator[_Element]:
    """Yield the elements of that name directly in another; of those, the ones named next, and so on."""
    for child in element.elements:
        if _local(child.name) == name and below:
            yield from _named(child, *below)
        elif _local(child.name) == name:
            yield child


def _attribute(element: _Element, name: str) -> str:
    return next((value for key, value in element.attributes.items() if _local(key) == name), "")


def _number(element: _Element, name: str) -> int:
    """Return the number in an attribute, or 0."""
    value = _attribute(element, name)
    return int(value) if _INDEX.fullmatch(value) is not None else 0


class _Builder:
    """Builds the tree of elements while expat reads."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.CommentHandler = self._comment
        self._open = [_Element("", {}, 0)]
        self._comments: list[Line] = []

    def parse(self, text: str) -> tuple[_Element, list[Line]]:
        declaration = _DECLARATION.match(text)
        # Keeps its line ends, so that the lines of the elements stay right.
        kept = "\n" * declaration[0].count("\n") if declaration is not None else ""
        content = (kept + _DECLARATION.sub("", text, count=1)).encode(errors="replace")
        # In few pieces: expat before 2.6 reads an unfinished token anew with each.
        is_last = True
        self._parser.Parse(content, is_last)
        return self._open[0].elements[0], self._comments

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > _MOST_DEPTH:
            raise ExtractionFailed("too_large", f"The XML is nested more than {_MOST_DEPTH:,} elements deep.")
        element = _Element(name, attributes, self._parser.CurrentLineNumber)
        self._open[-1].content.append(element)
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop().end = self._parser.CurrentLineNumber

    def _text(self, text: str) -> None:
        self._open[-1].content.append(text)

    def _comment(self, text: str) -> None:
        start = self._parser.CurrentLineNumber
        # Elements in a comment are not in use.
        if any(map(str.isalnum, text)) and "<" not in text:
            self._comments.append((" ".join(text.split()), start, start + text.count("\n")))


def _blocks(root: _Element) -> Iterator[Block]:
    below = 0
    for (level, is_title), found in groupby(_lines(root, 0), lambda found: found[1:]):
        lines = [line for line, _, _ in found]
        if is_title:
            yield from (Block(text, None, start, end, min(level, _LOWEST)) for text, start, end in lines)
            below = level
        else:
            # Text behind a section that has ended has none of the titles above it.
            yield from (replace(block, is_aside=level < below) for block in line_blocks(lines))


def _lines(element: _Element, level: int) -> Iterator[tuple[Line, int, bool]]:
    """Yield lines, how many titles are above them (itself included), and whether they are titles."""
    if not _holds_text(element):
        return
    line = _line(element)
    if line is not None:
        if line:
            yield (line, element.line, element.end), level, False
        return
    name = _local(element.name)
    if attributes := _attributes(element):
        yield (f"{name} {CELL_SEPARATOR.join(attributes)}", element.line, element.line), level, False
    for index, child in enumerate(element.elements):
        if index < _TITLE_WITHIN and name not in _FLOATS and (title := _title_in(child)):
            level += 1
            yield (title, child.line, child.end), level, True
        else:
            yield from _lines(child, level)


def _line(element: _Element) -> str | None:
    """Return running text or a short record on one line; None for an element that takes several."""
    children = element.elements
    if element.is_mixed or not children:
        return CELL_SEPARATOR.join(_cells(element))
    if any(child.elements or child.is_mixed for child in children):
        return None
    record = CELL_SEPARATOR.join([*_attributes(element), *chain.from_iterable(map(_cells, children))])
    return record if len(record) <= _RECORD_CHARS else None


def _title_in(element: _Element) -> str:
    """Return the text of an element that is the title of the one around it; empty for any other."""
    is_title = _local(element.name).lower() in _TITLES and (element.is_mixed or not element.elements)
    text = _text(element) if is_title else ""
    return text if len(text) <= LONGEST_TITLE and any(map(str.isalpha, text)) else ""


def _cells(element: _Element) -> list[str]:
    """Return attributes and text of an element that holds no others, or running text."""
    if not _holds_text(element):
        return []
    name, text = _local(element.name), _text(element)
    if not text and name in _TRUTHS:
        return [name]
    label = "" if element.is_mixed else f"{name}: "
    return [*_attributes(element), *([label + text] if text else [])]


def _attributes(element: _Element) -> list[str]:
    return [
        f"{_local(name)}: {_shown(value)}"
        for name, value in element.attributes.items()
        if value.strip() and not _NO_ATTRIBUTES.search(name)
    ]


def _text(element: _Element) -> str:
    """Return all text in an element."""
    return _shown("".join(_pieces(element)))


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if _HAS_TAGS.search(line) is None else without_tags(line)


def _pieces(element: _Element) -> Iterator[str]:
    for part in element.content:
        if isinstance(part, str):
            yield part
        elif _holds_text(part):
            yield from _pieces(part)
            if part.name in _DRAWN or _local(part.name) in _BREAKS:
                yield " "


def _holds_text(element: _Element) -> bool:
    # The styles of FictionBook and Android have names, and hold words.
    return _local(element.name) not in _NO_TEXT or "name" in element.attributes


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _without_tags(decoded: Decoded, line: int) -> Document:
    """Read XML that is not well-formed: its text without tags."""
    warning = f"not well-formed XML (line {line}), read without its tags"
    lines = ((without_tags(text), number, number) for number, text in enumerate(decoded.text.split("\n"), 1))
    blocks = tuple(line_blocks(shown for shown in lines if shown[0]))
    return Document(blocks, warnings=(*decoded.warnings, warning))
