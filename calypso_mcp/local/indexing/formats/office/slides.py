"""What anydoc does not tell about slides: where each begins, and what their footers say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import count

from calypso_mcp.local.indexing.formats.office.packages import (
    DRAWN_TEXT,
    Markup,
    Package,
    with_powers,
    without_notes,
)
from calypso_mcp.local.indexing.formats.office.word_text import SIGNS

#: Text of the marker before each slide: a private-use character that no presentation shows.
SLIDE_MARK = "\ue000slide\ue000"
_PRESENTATION, _OPEN_CONTENT = "ppt/presentation.xml", "content.xml"
_RELATION_ID = re.compile(r'\s(\w+:id)="([^"<>]*)"')
_SLIDE_ID = re.compile(r"<((?:\w+:)?sldId)\b[^<>]*>")
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
_SHAPE = Markup(re.compile(r"<p:sp[ >]"), "</p:sp>", DRAWN_TEXT.text)
_FOOTER = re.compile(r'<p:ph\b[^<>]*\stype="ftr"')
_OPEN_FOOTER = Markup(
    re.compile(r"<presentation:footer-decl(?:\s[^<>]*)?(?<!/)>"), "</presentation:", re.compile(r">([^<]+)")
)
_SLIDE_PART = re.compile(r"^ppt/(?:slides|notesSlides)/[^/]+\.xml$")
#: Signs in a run that takes them from a font of signs (ECMA-376 part 1, 21.1.2.3.10).
_SIGNS_IN_RUN = re.compile(
    r'<a:sym\b(?=[^<>]*\stypeface="(Symbol|Wingdings)")[^<>]*/>(?:[^<]|<(?!a:sym\b|/a:t>))*+</a:t>'
)
_SIGNS_AT = 0xF000
_SIGN = re.compile("[\uf020-\uf0ff]")


def with_slide_marks(package: Package) -> bytes | None:
    """Return a copy whose every slide follows one that holds `SLIDE_MARK`; None for no presentation.

    Pictures are left out of it.
    """
    if _PRESENTATION in package.names:
        changes: dict[str, Callable[[str], str]] = {
            _PRESENTATION: _mark_slides,
            "ppt/_rels/presentation.xml.rels": lambda xml: xml.replace("</Relationships>", _RELATION),
            "[Content_Types].xml": lambda xml: xml.replace("</Types>", _OVERRIDE),
        }
        changed = {
            name: change(package.text(name)) for name, change in changes.items() if name in package.names
        }
        slides = {name: _with_signs(package.text(name)) for name in filter(_SLIDE_PART.match, package.names)}
        return package.copy(slides | changed | {_MARK_PART: _MARK_SLIDE})
    if _OPEN_CONTENT in package.names:
        xml = with_powers(without_notes(package.text(_OPEN_CONTENT)))
        return package.copy({_OPEN_CONTENT: _DRAW_PAGE.sub(f"{_MARK_PAGE}<draw:page", xml)})
    return None


def _with_signs(slide: str) -> str:
    """Return a slide with `^` before powers and letters that mean what the font of a sign shows."""

    def spelled(run: re.Match[str]) -> str:
        signs = SIGNS[run[1]]
        return _SIGN.sub(lambda sign: chr(signs.get(ord(sign[0]) - _SIGNS_AT, ord(sign[0]))), run[0])

    return _SIGNS_IN_RUN.sub(spelled, with_powers(slide))


def slide_parts(package: Package) -> list[str]:
    """Return the parts that hold the slides of PowerPoint, in their order; "" for one that is missing."""
    if _PRESENTATION not in package.names:
        return []
    parts = package.targets(_PRESENTATION)
    slides = (_RELATION_ID.search(slide[0]) for slide in _SLIDE_ID.finditer(package.text(_PRESENTATION)))
    found = dict.fromkeys(parts.get(relation[2], "") for relation in slides if relation is not None)
    return [part if part in package.names else "" for part in found]


def footers_of_slides(package: Package) -> Iterator[str]:
    """Yield the text of footers, each once."""
    slides = (package.text(part) for part in slide_parts(package) if part)
    shapes = (shape for slide in slides for shape in _SHAPE.paragraphs_of(slide) if _FOOTER.search(shape))
    yield from dict.fromkeys(text for shape in shapes for text in DRAWN_TEXT.texts_of(shape))
    if _OPEN_CONTENT in package.names:
        yield from dict.fromkeys(_OPEN_FOOTER.texts_of(package.text(_OPEN_CONTENT)))


def _mark_slides(xml: str) -> str:
    numbers = count(2_000_000_000)

    def mark(slide: re.Match[str]) -> str:
        relation = _RELATION_ID.search(slide[0])
        if relation is None:
            return slide[0]
        return f'<{slide[1]} id="{next(numbers)}" {relation[1]}="{_MARK_ID}"/>{slide[0]}'

    return _SLIDE_ID.sub(mark, xml)
