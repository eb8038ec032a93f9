"""What anydoc leaves out of Office Open XML and OpenDocument: titles, slide numbers, margins of pages."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from io import BytesIO
from itertools import count

from calypso_mcp.local.indexing.documents import ExtractionFailed

#: Text of the marker before each slide: a private-use character that no presentation shows.
SLIDE_MARK = "\ue000slide\ue000"
#: Most bytes that the parts looked at here may unpack to.
_MOST_BYTES = 256 << 20
_MEDIA = re.compile(r"(?:^|/)(?:media|Pictures|embeddings|Thumbnails)/")
_TITLE = re.compile(r"<dc:title[^<>]*>([^<]{1,500})</dc:title>")
_TITLE_PARTS = ("docProps/core.xml", "meta.xml")
_OPEN_CONTENT = re.compile(r"^content\.xml$")
_OPEN_STYLES = re.compile(r"^styles\.xml$")
_PAGE_MARGIN = re.compile(r"^word/(?:header|footer)\d*\.xml$")
_WORD_COMMENTS = re.compile(r"^word/comments\.xml$")
_SHEET_COMMENTS = re.compile(r"^xl/(?:comments\d*|comments/comment\d+)\.xml$")
_SLIDE_COMMENTS = re.compile(r"^ppt/comments/[^/]+\.xml$")
_SHEET_DRAWINGS = re.compile(r"^xl/(?:drawings/drawing|charts/chart)\d+\.xml$")
_ROWS_IN_CONTROLS = re.compile(r"<w:sdtContent>\s{0,100}<w:tr[ >]")
_CONTROL_TAGS = re.compile(r"</?w:sdt(?:Content)?>")
_SLIDE_ID = re.compile(r"<([\w:]*sldId)\b[^<>]*>")
_RELATION_ID = re.compile(r'\s(\w+:id)="')
_DRAW_PAGE = re.compile(r"<draw:page(?=[\s>])")
_MARK_PART = "ppt/slides/calypso-mark.xml"
_MARK_ID = "rIdCalypsoMark"
_RELATION = (
    f'<Relationship Id="{_MARK_ID}" Target="slides/calypso-mark.xml"'
    ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/slide"/></Relationships>'
)
_OVERRIDE = (
    f'<Override PartName="/{_MARK_PART}" ContentType="application/vnd.openxmlformats-officedocument'
    '.presentationml.slide+xml"/></Types>'
)
_MARK_SLIDE = (
    '<p:sld xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"><p:cSld><p:spTree><p:sp><p:nvSpPr>'
    '<p:cNvPr id="2" name="T"/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/>'
    f"<a:p><a:r><a:t>{SLIDE_MARK}</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>"
)
_MARK_PAGE = (
    f"<draw:page><draw:frame><draw:text-box><text:p>{SLIDE_MARK}</text:p></draw:text-box></draw:frame>"
    "</draw:page>"
)


@dataclass(frozen=True, slots=True)
class _Markup:
    """How a kind of part marks its paragraphs, and the text in them."""

    start: re.Pattern[str]
    ends: str
    text: re.Pattern[str]


_WORD_TEXT = _Markup(
    re.compile(r"<w:p[ >]"), "</w:p>", re.compile(r"<w:t(?: [^<>]*)?>([^<]*)</w:t>|<w:(?:tab|br)\b")
)
_DRAWN_TEXT = _Markup(re.compile(r"<a:p>"), "</a:p>", re.compile(r"<a:t>([^<]*)</a:t>|<a:br\b"))
_CELL_COMMENT = _Markup(re.compile(r"<comment "), "</comment>", re.compile(r"<t(?: [^<>]*)?>([^<]*)</t>"))
_SLIDE_COMMENT = _Markup(
    re.compile(r"<(?:p|p188):cm[ >]"), ":cm>", re.compile(r"<(?:p:text|a:t)>([^<]*)</(?:p:text|a:t)>")
)
_OPEN_NOTE = _Markup(
    re.compile(r"<office:annotation[ >]"),
    "</office:annotation>",
    re.compile(r"<text:(?:p|span)\b[^<>]*>([^<]+)|<text:line-break\b"),
)
_OPEN_MARGIN = _Markup(
    re.compile(r"<style:(?:header|footer)(?:-left|-first)?[ >]"),
    "</style:",
    re.compile(r">([^<>]+)(?=<)|</text:(?:p|h)>|<text:(?:tab|s|line-break)\b"),
)


class Package:
    """A ZIP package of XML parts, read within limits."""

    def __init__(self, data: bytes) -> None:
        """Open the package; raises zipfile.BadZipFile."""
        self._archive = zipfile.ZipFile(BytesIO(data))
        self.names = self._archive.namelist()
        self._left = _MOST_BYTES

    def part(self, name: str) -> bytes:
        """Return a part.

        Raises:
            KeyError: There is none of that name.
            ExtractionFailed: `too_large`: all parts together unpack to more than is allowed.
        """
        with self._archive.open(name) as opened:
            content = opened.read(self._left + 1)
        self._left -= len(content)
        if self._left < 0:
            raise ExtractionFailed("too_large", f"The file unpacks to more than {_MOST_BYTES:,} bytes.")
        return content

    def text(self, name: str, codec: str = "utf-8") -> str:
        """Return a part of XML; packages hold it in UTF-8, seldom in UTF-16."""
        content = self.part(name)
        return content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else codec, "replace")

    @property
    def title(self) -> str | None:
        """The title in the document's properties."""
        for name in _TITLE_PARTS:
            if name in self.names and (found := _TITLE.search(self.text(name))) is not None:
                return " ".join(unescape(found[1]).split()) or None
        return None

    def margins(self) -> Iterator[str]:
        """Yield what stands in the headers and footers of a Word or OpenDocument text, each once."""
        found = (
            *self._paragraphs(_PAGE_MARGIN, _WORD_TEXT),
            *self._paragraphs(_OPEN_STYLES, _OPEN_MARGIN),
        )
        yield from dict.fromkeys(found)

    def comments(self) -> Iterator[str]:
        """Yield the comments on a Word document, on cells or on slides."""
        yield from self._paragraphs(_WORD_COMMENTS, _WORD_TEXT)
        yield from self._paragraphs(_SHEET_COMMENTS, _CELL_COMMENT)
        yield from self._paragraphs(_SLIDE_COMMENTS, _SLIDE_COMMENT)

    def cell_notes(self) -> Iterator[str]:
        """Yield the comments on the cells of an OpenDocument spreadsheet."""
        yield from self._paragraphs(_OPEN_CONTENT, _OPEN_NOTE)

    def drawn_on_sheets(self) -> Iterator[str]:
        """Yield the text in boxes and charts that lie on the sheets of a workbook."""
        yield from self._paragraphs(_SHEET_DRAWINGS, _DRAWN_TEXT)

    def _paragraphs(self, parts: re.Pattern[str], markup: _Markup) -> Iterator[str]:
        for name in sorted(filter(parts.match, self.names)):
            for paragraph in _paragraphs_of(self.text(name), markup):
                runs = (unescape(run[1] or " ") for run in markup.text.finditer(paragraph))
                if text := " ".join("".join(runs).split()):
                    yield text

    def with_plain_runs(self) -> bytes | None:
        """Return a copy without what hides text from anydoc; None where nothing does.

        That is ruby, of which the base stays, and content controls around rows of a table.
        """
        if "word/document.xml" not in self.names:
            return None
        xml = self.text("word/document.xml")
        plain = _without_ruby(xml) if "<w:ruby>" in xml else xml
        if _ROWS_IN_CONTROLS.search(plain) is not None:
            plain = _CONTROL_TAGS.sub("", plain)
        return None if plain is xml else self.copy({"word/document.xml": lambda _: plain}, {})

    def with_slide_marks(self) -> bytes | None:
        """Return a copy whose every slide follows one that holds `SLIDE_MARK`; None for no presentation.

        Pictures are left out of it.
        """
        if "ppt/presentation.xml" in self.names:
            return self.copy(
                {
                    "ppt/presentation.xml": _marked_list,
                    "ppt/_rels/presentation.xml.rels": lambda xml: xml.replace("</Relationships>", _RELATION),
                    "[Content_Types].xml": lambda xml: xml.replace("</Types>", _OVERRIDE),
                },
                {_MARK_PART: _MARK_SLIDE},
            )
        if "content.xml" in self.names:
            return self.copy({"content.xml": lambda xml: _DRAW_PAGE.sub(f"{_MARK_PAGE}<draw:page", xml)}, {})
        return None

    def copy(self, changes: dict[str, Callable[[str], str]], added: dict[str, str]) -> bytes:
        """Return a copy with parts changed and added, without its pictures; raises as `part` does."""
        target = BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
            for name in self.names:
                if name in changes:
                    copy.writestr(name, changes[name](self.text(name)))
                elif not _MEDIA.search(name):
                    copy.writestr(name, self.part(name))
            for name, content in added.items():
                copy.writestr(name, content)
        return target.getvalue()


def _marked_list(xml: str) -> str:
    numbers = count(2_000_000_000)

    def marked(slide: re.Match[str]) -> str:
        relation = _RELATION_ID.search(slide[0])
        if relation is None:
            return slide[0]
        return f'<{slide[1]} id="{next(numbers)}" {relation[1]}="{_MARK_ID}"/>{slide[0]}'

    return _SLIDE_ID.sub(marked, xml)


def _without_ruby(xml: str) -> str:
    first, *rest = xml.split("<w:rt>")
    based = first + "".join(part.partition("</w:rt>")[2] or part for part in rest)
    # The base is a run inside a run: the outer one ends before it.
    based = based.replace("<w:rubyBase>", "").replace("</w:rubyBase>", "")
    return based.replace("<w:ruby>", "</w:r>").replace("</w:ruby>", "<w:r>")


def _paragraphs_of(xml: str, markup: _Markup) -> Iterator[str]:
    end = 0
    # A pattern for both ends would look for the second one anew after every beginning.
    while (start := markup.start.search(xml, end)) and (end := xml.find(markup.ends, start.end())) >= 0:
        yield xml[start.start() : end + 1]
