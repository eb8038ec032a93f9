"""Reads what anydoc leaves out of Office Open XML and OpenDocument, such as titles and headers."""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from io import BytesIO

from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.formats.compound_files import OLE_START, find_placed_files
from calypso_mcp.local.indexing.formats.members import Member

DAMAGED = "The file is damaged: it holds no document. Upload a copy that opens in its program."
#: What `zipfile` raises on archives with damage or impossible offsets, encrypted parts and unknown methods.
BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
#: Most bytes that the parts looked at here may unpack to.
_MOST_BYTES = 256 << 20
_MEDIA = re.compile(r"(?:^|/)(?:media|Pictures|embeddings|Thumbnails)/")
_DECLARATION = re.compile(r"^<\?xml\b[^<>]*>")
_TITLE = re.compile(r"<dc:title[^<>]*>([^<]{1,500})</dc:title>")
_TITLE_PARTS = ("docProps/core.xml", "meta.xml")
OPEN_CONTENT = re.compile(r"^content\.xml$")
_OPEN_STYLES = re.compile(r"^styles\.xml$")
#: Four figures are a year.
_PAGE_NUMBER = re.compile(r"\W{0,3}\d{1,3}(?:\W{1,3}\d{1,3})?\W{0,3}")
_PAGE_MARGIN = re.compile(r"^word/(?:header|footer)\d*\.xml$")
_SHEETS = re.compile(r"^(?:xl/(?:workbook|sharedStrings|worksheets/[^/]+)|content)\.xml$")
#: Rows, columns and sheets that anydoc leaves out.
_HIDDEN = re.compile(
    r"""(<(?:x:)?(?:row|col|sheet)\b[^<>]*?)\s(?:hidden="(?:1|true)"|state="(?:veryH|h)idden")"""
)
#: A cell with a formula and no value, which is not the empty text.
_WITHOUT_RESULT = re.compile(
    r'<c\b(?![^<>]*\st="str")[^<>]*><f\b[^<>]*(?:/>|>[^<]*</f>)(?:<v\s*/>|<v></v>)?</c>'
)
#: White space that calamine takes for a damaged OpenDocument sheet.
_INDENT = re.compile(r"(?<=>)\s++(?=</?table:)")
#: Sheets that unpack to more are not looked at for hidden rows.
_MOST_SHEET_BYTES = 32 << 20
#: Codes in the header of a sheet: fonts, sizes, page numbers (ECMA-376 part 1, 18.3.1.46).
PRINT_CODE = re.compile(r"&(?:\"[^\"]*\"|K[0-9A-F]{6}|\d{1,3}|[A-Z])")
_EMBEDDED = re.compile(
    r"^(?:word|ppt|xl)/embeddings/[^/]+\.(?:docx|docm|xlsx|xlsm|xlsb|pptx|pptm|doc|xls|ppt|pdf|bin)$"
    r"|^Object \d+$"  # of OpenDocument
)
_OPEN_PICTURES = re.compile(r"^Pictures/")
_CHARTS = re.compile(r"^\w+/charts/[^/]+\.xml$")
_RELATION = re.compile(
    r'<Relationship\b(?=[^<>]*\sType="[^"<>]*/(\w+)"|)(?=[^<>]*\sTarget="([^"<>]+)")[^<>]*\sId="([^"<>]+)"'
)
_WORD_ART = re.compile(r'<v:textpath\b[^<>]*\sstring="([^"<>]+)"')
_WORD_ART_PARTS = re.compile(r"^word/(?:document|header\d*)\.xml$")
_PROTECTED = re.compile(r'CipherReference\s+URI="[^"<>]+\.x?html?"')
_SHEET_DRAWINGS = re.compile(r"^xl/(?:drawings/drawing|charts/chart(?:Ex)?|diagrams/data)\d+\.xml$")
WORKBOOK = "xl/workbook.xml"
# The Open XML SDK prefixes every element.
_SHEET = re.compile(r'<(?:x:)?sheet\b(?=[^<>]*\sname="([^"<>]*)")[^<>]*\s\w+:id="([^"<>]+)"')


@dataclass(frozen=True, slots=True)
class Markup:
    """How a kind of part marks its paragraphs, and the text in them."""

    start: re.Pattern[str]
    ends: str
    text: re.Pattern[str]

    def paragraphs_of(self, xml: str) -> Iterator[str]:
        """Yield the markup of each paragraph."""
        end = 0
        # A pattern for both ends would look for the second one anew after every beginning.
        while (start := self.start.search(xml, end)) and (end := xml.find(self.ends, start.end())) >= 0:
            yield xml[start.start() : end + 1]

    def text_of(self, paragraph: str) -> str:
        """Return the text of a paragraph on one line."""
        runs = (unescape(run[1] or " ") for run in self.text.finditer(paragraph))
        return " ".join("".join(runs).split())

    def texts_of(self, xml: str) -> Iterator[str]:
        """Yield the text of each paragraph that holds some."""
        return filter(None, map(self.text_of, self.paragraphs_of(xml)))


WORD_TEXT = Markup(
    re.compile(r"<w:p[ >]"), "</w:p>", re.compile(r"<w:t(?: [^<>]*)?>([^<]*)</w:t>|<w:(?:tab|br)\b")
)
# Openpyxl declares the namespace in each paragraph.
DRAWN_TEXT = Markup(re.compile(r"<a:p(?:\s[^<>]*)?>"), "</a:p>", re.compile(r"<a:t>([^<]*)</a:t>|<a:br\b"))
_PRINTED = Markup(
    re.compile(r"<(?:x:)?(?:odd|even|first)(?:Header|Footer)\b"),
    "</",
    re.compile(r">([^<]+)"),
)
OPEN_NOTE = Markup(
    re.compile(r"<office:annotation[ >]"),
    "</office:annotation>",
    re.compile(r"<text:(?:p|span)\b[^<>]*>([^<]+)|<text:line-break\b|</text:p>"),
)
#: A run that ends with a digit, and the properties of the next, which begins with a number.
_DIGITS = re.compile(
    r"(\d</((?:[awx]:)?)t>\s*+</\2r>\s*+<\2r(?:\s[^<>]*)?>\s*+"
    r"(<\2rPr\b(?:[^<]|<(?!\2t\b|/?\2r\b))*+)<\2t\b[^<>]*>)(?=[-+\u2013\u2212]?\d)"
)
_RAISED = re.compile(r'"superscript"|\sbaseline="[1-9]')
#: The same in OpenDocument, whose properties have a name.
_OPEN_DIGITS = re.compile(
    r'(\d(?:</text:span>)?<text:span\s(?>(?:[^<>]*?\s)?text:style-name="([^"<>]*)")[^<>]*>)'
    r"(?=[-+\u2013\u2212]?\d)"
)
_OPEN_STYLE = re.compile(
    r'<style:style\s(?>(?:[^<>]*?\s)?style:name="([^"<>]*)")[^<>]*>\s*+(<style:text-properties\s[^<>]*>)'
)
_OPEN_RAISED = re.compile(r'\sstyle:text-position="(?:super|[1-9])')
_OPEN_SPAN = re.compile(
    r'<text:span\s(?>(?:[^<>]*?\s)?text:style-name="([^"<>]*)")[^<>]*(?<!/)>'
    r"(?:[^<]|<(?!/?text:span\b))*+</text:span>"
)
_OPEN_SHEET = re.compile(r'<table:table\s(?:[^<>]*?\s)?table:name="([^"<>]*)"')
_OPEN_RUBY = re.compile(r"<text:ruby-text(?:\s[^<>]*)?(?<!/)>")
_OPEN_BOX = Markup(re.compile(r"<draw:(?:text-box|custom-shape)[ >]"), "</draw:", OPEN_NOTE.text)
_OPEN_MARGIN = Markup(
    re.compile(r"<style:(?:header|footer)(?:-left|-first)?(?:\s[^<>]*)?(?<!/)>"),
    "</style:",
    re.compile(r">([^<>]+)(?=<)|</text:(?:p|h)>|<text:(?:tab|s|line-break)\b"),
)


class Package:
    """A ZIP package of XML parts, read within limits."""

    def __init__(self, data: bytes) -> None:
        """Open the package; raises one of `BAD_ZIP`."""
        self._archive = zipfile.ZipFile(BytesIO(data))
        self.names = self._archive.namelist()
        self._left = _MOST_BYTES

    def part(self, name: str) -> bytes:
        """Return a part.

        Raises:
            KeyError: The package has no part of this name.
            ExtractionFailed: `too_large`: all parts together unpack to more than is allowed; `broken`.
        """
        try:
            with self._archive.open(name) as opened:
                content = opened.read(self._left + 1)
        except BAD_ZIP as error:
            raise ExtractionFailed("broken", DAMAGED) from error
        self._left -= len(content)
        if self._left < 0:
            raise ExtractionFailed("too_large", f"The unpacked file is larger than {_MOST_BYTES:,} bytes.")
        return content

    def text(self, name: str) -> str:
        """Return a part of XML."""
        return decode_part(self.part(name))

    def targets(self, name: str, kind: str = "") -> dict[str, str]:
        """Return the parts that a part refers to, by the ids of its relations; those of one kind, or all."""
        folder, base = posixpath.split(name)
        relations = f"{folder}/_rels/{base}.rels"
        found = _RELATION.findall(self.text(relations)) if relations in self.names else []
        return {
            key: posixpath.normpath(posixpath.join(f"/{folder}", target))[1:]
            for own_kind, target, key in found
            if kind in {own_kind, ""}
        }

    @property
    def title(self) -> str | None:
        """The title in the document's properties."""
        for name in _TITLE_PARTS:
            if name in self.names and (found := _TITLE.search(self.text(name))) is not None:
                return " ".join(unescape(found[1]).split()) or None
        return None

    def margins(self) -> Iterator[str]:
        """Yield the text of headers, footers and watermarks, each once."""
        found = (
            *self._paragraphs(_PAGE_MARGIN, WORD_TEXT),
            *self._paragraphs(_OPEN_STYLES, _OPEN_MARGIN),
            *(
                unescape(art)
                for part in self._named(_WORD_ART_PARTS)
                for art in _WORD_ART.findall(self.text(part))
            ),
        )
        yield from (text for text in dict.fromkeys(found) if _PAGE_NUMBER.fullmatch(text) is None)

    def printed_with_sheets(self) -> Iterator[str]:
        """Yield the headers and footers of a workbook's sheets, each once."""
        if self._sheets_are_small():
            found = (PRINT_CODE.sub(" ", text) for text in self._paragraphs(_SHEETS, _PRINTED))
            yield from dict.fromkeys(filter(None, (" ".join(text.split()) for text in found)))

    def with_plain_sheets(self) -> bytes | None:
        """Return a copy of a workbook, not indented, that shows all rows, columns and sheets, and powers.

        None if the workbook does so itself, or its sheets are very large.
        """
        if not self._sheets_are_small():
            return None
        return self.rewrite(_SHEETS, lambda xml: with_powers(_INDENT.sub("", _HIDDEN.sub(r"\1", xml))))

    def lacks_results(self) -> bool:
        """Whether a cell of a workbook holds a formula without its result, as libraries write it."""
        return self._sheets_are_small() and any(
            _WITHOUT_RESULT.search(self.text(name)) is not None for name in self._named(_SHEETS)
        )

    def _sheets_are_small(self) -> bool:
        return (
            sum(self._archive.getinfo(name).file_size for name in self._named(_SHEETS)) <= _MOST_SHEET_BYTES
        )

    def members(self) -> Iterator[Member]:
        """Yield the documents inside this one: those placed in its text, and embedded ones."""
        chunks = self.targets("word/document.xml", "aFChunk").values()
        # The data of a chart, of which the chart shows the words.
        of_charts = {part for chart in self._named(_CHARTS) for part in self.targets(chart).values()}
        embedded = (name for name in self._named(_EMBEDDED) if name not in of_charts)
        for name in (*chunks, *embedded):
            data = self.part(name) if name in self.names else b""
            # Objects of other programs, such as equations, are shown as pictures.
            if data.startswith(OLE_START) and not name.endswith((".doc", ".xls", ".ppt")):
                yield from find_placed_files(data)
            elif data:
                yield Member(posixpath.basename(name), "", data)

    def pictures(self, name: str) -> list[str]:
        """Return the pictures that a part shows, in its order; in OpenDocument, all of the package."""
        found = dict.fromkeys(self.targets(name, "image").values())
        return [part for part in found if part in self.names] or list(self._named(_OPEN_PICTURES))

    def read_picture(self, name: str, most_bytes: int) -> bytes:
        """Return the beginning of a part, which counts for no limit on the others; nothing if damaged."""
        try:
            with self._archive.open(name) as opened:
                return opened.read(most_bytes)
        except BAD_ZIP:
            return b""

    def check_protection(self) -> None:
        """Raise `ExtractionFailed` (`encrypted`) for a book of encrypted pages (EPUB OCF 3.3, 4.2.6.3)."""
        name = "META-INF/encryption.xml"
        if name in self.names and _PROTECTED.search(self.text(name)) is not None:
            raise ExtractionFailed("encrypted", "The book is protected by DRM. Upload a copy without DRM.")

    def sheets(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the name of each sheet of a workbook of Excel, and the parts that it refers to."""
        if WORKBOOK in self.names:
            parts = self.targets(WORKBOOK)
            for name, relation in _SHEET.findall(self.text(WORKBOOK)):
                targets = self.targets(parts.get(relation, "")).values()
                yield unescape(name), [part for part in targets if part in self.names]

    def drawn_on_sheets(self) -> Iterator[tuple[str, str]]:
        """Yield the text in boxes and charts on the sheets of a workbook, each after its sheet's name.

        The name is empty where it is not known.
        """
        sheets: dict[str, str] = {}
        for name, parts in self.sheets():
            for part in parts:
                sheets |= dict.fromkeys((part, *self.targets(part).values()), name)
        for part in self._named(_SHEET_DRAWINGS):
            yield from ((sheets.get(part, ""), text) for text in DRAWN_TEXT.texts_of(self.text(part)))
        for part in self._named(OPEN_CONTENT):
            _, *named = _OPEN_SHEET.split(self.text(part))
            for name, sheet in zip(named[::2], named[1::2], strict=True):
                yield from ((unescape(name), text) for text in _OPEN_BOX.texts_of(sheet))

    def _named(self, pattern: re.Pattern[str]) -> list[str]:
        return sorted(filter(pattern.match, self.names))

    def _paragraphs(self, parts: re.Pattern[str], markup: Markup) -> Iterator[str]:
        for name in self._named(parts):
            yield from markup.texts_of(self.text(name))

    def rewrite(self, parts: re.Pattern[str], change: Callable[[str], str]) -> bytes | None:
        """Return a copy with parts of XML changed; None if that changes none of them."""
        found = {name: self.text(name) for name in self._named(parts)}
        changed = {name: new for name, xml in found.items() if (new := change(xml)) != xml}
        return self.copy(changed) if changed else None

    def copy(self, changed: Mapping[str, str | bytes]) -> bytes:
        """Return a copy with the parts in `changed`, without pictures; raises as `part` does."""
        target = BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
            for name in dict.fromkeys((*self.names, *changed)):
                if name in changed:
                    copy.writestr(name, changed[name])
                elif not _MEDIA.search(name):
                    copy.writestr(name, self.part(name))
        return target.getvalue()


def decode_part(content: bytes, codec: str = "utf-8") -> str:
    """Return a part of XML as text; packages hold it in UTF-8, seldom in UTF-16."""
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        # A copy in UTF-8 must not declare UTF-16.
        return _DECLARATION.sub("", content.decode("utf-16", "replace"), count=1)
    return content.decode(codec, "replace")


def with_powers(xml: str) -> str:
    """Return a part of an office file in which powers stand apart from their numbers: 10^6, not 106."""
    raised = {name for name, properties in _OPEN_STYLE.findall(xml) if _OPEN_RAISED.search(properties)}
    spelled = _OPEN_DIGITS.sub(lambda runs: runs[1] + "^" * (runs[2] in raised), xml) if raised else xml
    if _RAISED.search(xml) is None:  # as most parts, whose digits need no look
        return spelled
    return _DIGITS.sub(lambda runs: runs[1] + "^" * (_RAISED.search(runs[3]) is not None), spelled)


def _take_out(xml: str, start: re.Pattern[str], close: str, marks: Iterator[str] | None = None) -> str:
    """Return XML without its elements of a kind, one of the `marks` in place of each."""
    kept: list[str] = []
    end = 0
    while (opened := start.search(xml, end)) and (closed := xml.find(close, opened.end())) >= 0:
        kept += (xml[end : opened.start()], next(marks, "") if marks is not None else "")
        end = closed + len(close)
    return "".join((*kept, xml[end:]))


def without_hidden(xml: str) -> str:
    """Return an OpenDocument part without the text that its styles hide."""
    hidden = {name for name, properties in _OPEN_STYLE.findall(xml) if 'text:display="none"' in properties}
    return _OPEN_SPAN.sub(lambda span: "" if span[1] in hidden else span[0], xml) if hidden else xml


def without_ruby(xml: str) -> str:
    """Return an OpenDocument part without what stands above letters to say how to read them."""
    return _take_out(xml, _OPEN_RUBY, "</text:ruby-text>")


def without_notes(xml: str, marks: Iterator[str] | None = None) -> str:
    """Return an OpenDocument part without its comments, one of the `marks` in place of each."""
    return _take_out(xml, OPEN_NOTE.start, OPEN_NOTE.ends, marks)
