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
from itertools import count

from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.formats.compound_files import OLE_START
from calypso_mcp.local.indexing.formats.members import Member
from calypso_mcp.local.indexing.formats.office.placed_files import find_placed_files

DAMAGED = "The file is damaged: it holds no document. Upload a copy that opens in its program."
#: What `zipfile` raises on archives with damage or impossible offsets, encrypted parts and unknown methods.
BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
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
_SLIDE_COMMENTS = re.compile(r"^ppt/comments/[^/]+\.xml$")
_SHEETS = re.compile(r"^xl/(?:workbook|worksheets/[^/]+)\.xml$")
#: Rows, columns and sheets that anydoc leaves out.
_HIDDEN = re.compile(
    r"""(<(?:x:)?(?:row|col|sheet)\b[^<>]*?)\s(?:hidden="(?:1|true)"|state="(?:veryH|h)idden")"""
)
#: Sheets that unpack to more are not looked at for hidden rows.
_MOST_SHEET_BYTES = 32 << 20
#: Codes in the header of a sheet: fonts, sizes, page numbers (ECMA-376 part 1, 18.3.1.46).
PRINT_CODE = re.compile(r"&(?:\"[^\"]*\"|K[0-9A-F]{6}|\d{1,3}|[A-Z])")
_EMBEDDED = re.compile(
    r"^(?:word|ppt|xl)/embeddings/[^/]+\.(?:docx|docm|xlsx|xlsm|xlsb|pptx|pptm|doc|xls|ppt|pdf|bin)$"
    r"|^Object \d+$"  # of OpenDocument
)
_CHART_RELATIONS = re.compile(r"^\w+/charts/_rels/")
_CHUNK = re.compile(r'<Relationship\b(?=[^<>]*/aFChunk")[^<>]*\sTarget="([^"<>]+)"')
_TARGET_NAME = re.compile(r"/([^/\"'<>]+)[\"']")
_WORD_ART = re.compile(r'<v:textpath\b[^<>]*\sstring="([^"<>]+)"')
_WORD_ART_PARTS = re.compile(r"^word/(?:document|header\d*)\.xml$")
_PROTECTED = re.compile(r'CipherReference\s+URI="[^"<>]+\.x?html?"')
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


_WORD_TEXT = Markup(
    re.compile(r"<w:p[ >]"), "</w:p>", re.compile(r"<w:t(?: [^<>]*)?>([^<]*)</w:t>|<w:(?:tab|br)\b")
)
# Openpyxl declares the namespace in each paragraph.
_DRAWN_TEXT = Markup(re.compile(r"<a:p(?:\s[^<>]*)?>"), "</a:p>", re.compile(r"<a:t>([^<]*)</a:t>|<a:br\b"))
_SLIDE_COMMENT = Markup(
    re.compile(r"<(?:p|p188):cm[ >]"), ":cm>", re.compile(r"<(?:p:text|a:t)>([^<]*)</(?:p:text|a:t)>")
)
_PRINTED = Markup(
    re.compile(r"<(?:x:)?(?:odd|even|first)(?:Header|Footer)\b"),
    "</",
    re.compile(r">([^<]+)"),
)
_OPEN_NOTE = Markup(
    re.compile(r"<office:annotation[ >]"),
    "</office:annotation>",
    re.compile(r"<text:(?:p|span)\b[^<>]*>([^<]+)|<text:line-break\b"),
)
_OPEN_BOX = Markup(re.compile(r"<draw:(?:text-box|custom-shape)[ >]"), "</draw:", _OPEN_NOTE.text)
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
            *self._paragraphs(_PAGE_MARGIN, _WORD_TEXT),
            *self._paragraphs(_OPEN_STYLES, _OPEN_MARGIN),
            *(
                unescape(art)
                for part in self._named(_WORD_ART_PARTS)
                for art in _WORD_ART.findall(self.text(part))
            ),
        )
        yield from dict.fromkeys(found)

    def comments(self) -> Iterator[str]:
        """Yield the comments on a document or on slides."""
        yield from self._paragraphs(_WORD_COMMENTS, _WORD_TEXT)
        yield from self._paragraphs(_SLIDE_COMMENTS, _SLIDE_COMMENT)
        yield from self._paragraphs(_OPEN_CONTENT, _OPEN_NOTE)

    def printed_with_sheets(self) -> Iterator[str]:
        """Yield the headers and footers of a workbook's sheets, each once."""
        if self._sheets_are_small():
            found = (PRINT_CODE.sub(" ", text) for text in self._paragraphs(_SHEETS, _PRINTED))
            yield from dict.fromkeys(filter(None, (" ".join(text.split()) for text in found)))

    def with_hidden_rows(self) -> bytes | None:
        """Return a copy of a workbook with all rows, columns and sheets visible; None if they are."""
        if not self._sheets_are_small():
            return None
        parts = ((name, self.text(name)) for name in self._named(_SHEETS))
        shown = {name: _HIDDEN.sub(r"\1", xml) for name, xml in parts if _HIDDEN.search(xml) is not None}
        return self.copy(shown) if shown else None

    def _sheets_are_small(self) -> bool:
        return (
            sum(self._archive.getinfo(name).file_size for name in self._named(_SHEETS)) <= _MOST_SHEET_BYTES
        )

    def members(self) -> Iterator[Member]:
        """Yield the documents inside this one: those placed in its text, and embedded ones."""
        relations = "word/_rels/document.xml.rels"
        chunks = _CHUNK.findall(self.text(relations)) if relations in self.names else []
        # The data of a chart, of which the chart shows the words.
        relations_of_charts = map(self.text, self._named(_CHART_RELATIONS))
        of_charts = {name for xml in relations_of_charts for name in _TARGET_NAME.findall(xml)}
        embedded = (name for name in self._named(_EMBEDDED) if posixpath.basename(name) not in of_charts)
        for name in (
            *(posixpath.normpath(posixpath.join("/word", chunk))[1:] for chunk in chunks),
            *embedded,
        ):
            data = self.part(name) if name in self.names else b""
            # Objects of other programs, such as equations, are shown as pictures.
            if data.startswith(OLE_START) and not name.endswith((".doc", ".xls", ".ppt")):
                yield from find_placed_files(data)
            elif data:
                yield Member(posixpath.basename(name), "", data)

    def check_protection(self) -> None:
        """Raise `ExtractionFailed` (`encrypted`) for a book of encrypted pages (EPUB OCF 3.3, 4.2.6.3)."""
        name = "META-INF/encryption.xml"
        if name in self.names and _PROTECTED.search(self.text(name)) is not None:
            raise ExtractionFailed("encrypted", "The book is protected by DRM. Upload a copy without DRM.")

    def drawn_on_sheets(self) -> Iterator[str]:
        """Yield the text in boxes and charts that lie on the sheets of a workbook."""
        yield from self._paragraphs(_SHEET_DRAWINGS, _DRAWN_TEXT)
        yield from self._paragraphs(_OPEN_CONTENT, _OPEN_BOX)

    def _named(self, pattern: re.Pattern[str]) -> list[str]:
        return sorted(filter(pattern.match, self.names))

    def _paragraphs(self, parts: re.Pattern[str], markup: Markup) -> Iterator[str]:
        for name in self._named(parts):
            yield from filter(None, map(markup.text_of, markup.paragraphs_of(self.text(name))))

    def with_plain_runs(self) -> bytes | None:
        """Return a copy in which nothing hides text from anydoc; None if nothing does already.

        Ruby keeps only its base text; content controls around rows of a table go.
        """
        if "word/document.xml" not in self.names:
            return None
        xml = self.text("word/document.xml")
        plain = _without_ruby(xml) if "<w:ruby>" in xml else xml
        if _ROWS_IN_CONTROLS.search(plain) is not None:
            plain = _CONTROL_TAGS.sub("", plain)
        return None if plain is xml else self.copy({"word/document.xml": plain})

    def with_slide_marks(self) -> bytes | None:
        """Return a copy whose every slide follows one that holds `SLIDE_MARK`; None for no presentation.

        Pictures are left out of it.
        """
        if "ppt/presentation.xml" in self.names:
            changes: dict[str, Callable[[str], str]] = {
                "ppt/presentation.xml": _mark_slides,
                "ppt/_rels/presentation.xml.rels": lambda xml: xml.replace("</Relationships>", _RELATION),
                "[Content_Types].xml": lambda xml: xml.replace("</Types>", _OVERRIDE),
            }
            changed = {
                name: change(self.text(name)) for name, change in changes.items() if name in self.names
            }
            return self.copy(changed | {_MARK_PART: _MARK_SLIDE})
        if "content.xml" in self.names:
            xml = _without_notes(self.text("content.xml"))
            return self.copy({"content.xml": _DRAW_PAGE.sub(f"{_MARK_PAGE}<draw:page", xml)})
        return None

    def without_notes(self) -> bytes | None:
        """Return a copy of an OpenDocument text without the comments inside its words; None without any."""
        xml = self.text("content.xml") if "content.xml" in self.names else ""
        plain = _without_notes(xml)
        return self.copy({"content.xml": plain}) if plain != xml else None

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
    return content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else codec, "replace")


def _mark_slides(xml: str) -> str:
    numbers = count(2_000_000_000)

    def mark(slide: re.Match[str]) -> str:
        relation = _RELATION_ID.search(slide[0])
        if relation is None:
            return slide[0]
        return f'<{slide[1]} id="{next(numbers)}" {relation[1]}="{_MARK_ID}"/>{slide[0]}'

    return _SLIDE_ID.sub(mark, xml)


def take_out(xml: str, start: re.Pattern[str], close: str) -> tuple[str, list[str]]:
    """Return XML without its elements of a kind, and these."""
    kept: list[str] = []
    taken: list[str] = []
    end = 0
    while (opened := start.search(xml, end)) and (closed := xml.find(close, opened.end())) >= 0:
        kept.append(xml[end : opened.start()])
        end = closed + len(close)
        taken.append(xml[opened.start() : end])
    return "".join((*kept, xml[end:])), taken


def _without_notes(xml: str) -> str:
    return take_out(xml, _OPEN_NOTE.start, _OPEN_NOTE.ends)[0]


def _without_ruby(xml: str) -> str:
    first, *rest = xml.split("<w:rt>")
    based = first + "".join(part.partition("</w:rt>")[2] or part for part in rest)
    # The base is a run inside a run: the outer one ends before it.
    based = based.replace("<w:rubyBase>", "").replace("</w:rubyBase>", "")
    return based.replace("<w:ruby>", "</w:r>").replace("</w:ruby>", "<w:r>")
