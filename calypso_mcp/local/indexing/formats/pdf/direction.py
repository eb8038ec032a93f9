"""Lines of right-to-left scripts in reading order, and lines that PDFium parts into their letters.

A PDF holds glyphs with places. PDFium guesses the order of a line from the order in the file. The guess is
wrong if Latin words or figures interrupt the line, or if a program placed the letters from left to right. So
this module orders such lines anew: by the places of the glyphs, then by direction (UAX 9, backwards).

PDFium also guesses whether a page is written across or down. Where the guess is wrong, as for a few narrow
rows, or where a page holds both, each letter that was drawn on its own becomes a line.
"""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

import pypdfium2.raw as pdfium

from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.local.indexing.formats.pdf.glyphs import Glyph, read_characters, read_glyph

_pdfium: Any = pdfium  # not typed

#: Lines of one letter each, from the end of the line before: found faster than the beginning of a line.
_LETTERS_APART = re.compile(r"\n(?:\S ?\r?\n){2}\S ?\r?$", re.MULTILINE)
_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_PRESENTATION_FORM = re.compile(r"[\ufb1d-\ufdff\ufe70-\ufefc]")
#: Fewest words of a letter or two in a line whose letters PDFium takes for words.
_LEAST_TORN = 2
#: Characters a word, with its space, of such a line: most others have more, and are not taken apart.
_MOST_CHARS = 5
#: How far letters of a spaced out line are apart, in its heights: more than others, less than cells of a
#: table; and how much the distances of most of them differ.
_LEAST_SPACING, _WIDEST_SPACING, _EVENLY, _MOST = 0.05, 1, 0.1, 0.5
#: Smallest gap between words, as a share of the line's height.
_GAP = 0.18
#: Largest gap within a line, in heights of the line.
_NEAR = 2
#: Lines longer than this are left as they are: marks are looked for in all of a line.
_MOST_GLYPHS = 2_000
#: The first letter of Chinese and its neighbours; the largest distance of letters going down, in heights.
_FIRST_WRITTEN_DOWN, _NEXT_BELOW = "\u2e80", 1.5
#: Letters of either direction, figures, and what belongs to these, by bidirectional class.
_CLASSES = {"R": "R", "AL": "R", "L": "L", "EN": "N", "AN": "N", "CS": "C", "ES": "S", "ET": "T"}
#: In a line as it is shown: runs that are always read from left to right. Arabic figures do so around a
#: point or a colon, Hebrew ones also around a minus and with a percent sign, neither around a space.
_LEFT_TO_RIGHT = re.compile(r"L(?:[^R]*[LN])?|(?<!T)T*+N+(?:[CS]N+)*T*")
_LEFT_TO_RIGHT_IN_ARABIC = re.compile(r"L(?:[^R]*[LN])?|N+(?:CN+)*")
_ARABIC = re.compile("[\u0600-\u08ff]")
_RIGHT_RUN = re.compile(r"R(?:[^LN]*R)?")
_OPENING, _CLOSING = "([{«", ")]}»"
_BRACKET = re.compile(f"[{re.escape(_OPENING + _CLOSING)}]")
_MIRRORED = str.maketrans(_OPENING + _CLOSING, _CLOSING + _OPENING)
#: A letter with its marks.
_CLUSTER = re.compile(r".[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed]*")
#: Letters that only end a word: Hebrew final forms, Arabic ta marbuta and alef maksura.
_FINAL, _LETTER = "[םןךףץةى]", r"[\u05d0-\u05ea\u0621-\u064a]"
_ENDS_WORD = re.compile(rf"(?<={_LETTER}){_FINAL}(?!{_LETTER})")
_ENDS_WORD_BACKWARDS = re.compile(rf"(?<!{_LETTER}){_FINAL}(?={_LETTER})")


@dataclass(slots=True)
class _Line:
    """A line as PDFium has it, with the spaces that it inferred, and its glyphs."""

    text: str = ""
    glyphs: list[Glyph] = field(default_factory=list[Glyph])
    #: Whether PDFium had its glyphs on several lines.
    is_joined: bool = False


def has_right_to_left(text: str) -> bool:
    """Whether `text` holds letters of a right-to-left script."""
    return _RIGHT_TO_LEFT.search(text) is not None


def has_letters_apart(text: str) -> bool:
    """Whether consecutive lines of `text` are letters."""
    return _LETTERS_APART.search(f"\n{text}") is not None


def has_torn_words(text: str) -> bool:
    """Whether most words of a line of `text` are letters or two."""
    lines = text.splitlines()
    return any(_is_torn(line) for line in lines if len(line) < _MOST_CHARS * (line.count(" ") + 1))


def _is_torn(line: str) -> bool:
    words = line.split()
    lengths = [*map(len, words)]
    short = lengths.count(1) + lengths.count(2)
    return short >= _LEAST_TORN and short * 2 >= len(words) and any(map(_is_letter, words))


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isalpha()


def read_letters_together(text_page: Any) -> str:
    """Return the text of a page with the letters of each line, across or down, on one line."""
    together = [_Line()]
    for line in _lines(text_page):
        last = together[-1]
        goes_right = _goes_right(last, line)
        if goes_right or _goes_down(last, line):
            last.text += line.text
            last.glyphs += line.glyphs
            last.is_joined |= goes_right
        else:
            together.append(line)
    return "\n".join(map(_with_whole_words, together))


def read_whole_words(text_page: Any) -> str | None:
    """Return the text of a page with the letters of spaced out lines as words; None if none is."""
    lines = _lines(text_page)
    whole = [*map(_with_whole_words, lines)]
    return None if whole == [line.text for line in lines] else "\n".join(whole)


def _with_whole_words(line: _Line) -> str:
    spacing = _letter_spacing(line)
    is_to_place = spacing or (line.is_joined and is_level(line.glyphs))
    return place(line.glyphs, spacing) if is_to_place else line.text


def _letter_spacing(line: _Line) -> float:
    """Return how far apart the letters of a spaced out line were set; 0 for any other line."""
    letters = sorted(_letters(line.glyphs), key=lambda glyph: glyph.x)
    gaps = [after.left - before.right for before, after in pairwise(letters)]
    if not gaps or not is_level(line.glyphs) or not _is_of_letters(letters):
        return 0
    spacing, height = median(gaps), letters[0].height
    even = sum(abs(gap - spacing) < _EVENLY * height for gap in gaps)
    is_spaced = _LEAST_SPACING * height < spacing < _WIDEST_SPACING * height and even >= _MOST * len(gaps)
    return spacing if is_spaced else 0


def _is_of_letters(glyphs: list[Glyph]) -> bool:
    """Whether most glyphs are letters: figures in a row are numbers in a table."""
    return sum(glyph.text.isalpha() for glyph in glyphs) * 2 > len(glyphs)


def _goes_right(line: _Line, following: _Line) -> bool:
    if not line.glyphs or not following.glyphs:
        return False
    last, first = line.glyphs[-1], following.glyphs[0]
    return first.left > last.x and abs(first.y - last.y) < last.height / 2


def _goes_down(line: _Line, following: _Line) -> bool:
    """Whether a letter of a script that is written down, too, stands below such a letter."""
    if not line.glyphs or len(following.glyphs) != 1:
        return False
    last, first = line.glyphs[-1], following.glyphs[0]
    return (
        min(last.text, first.text) >= _FIRST_WRITTEN_DOWN
        and abs(first.x - last.x) < last.height / 2
        and 0 < last.y - first.y < _NEXT_BELOW * last.height
    )


def read_in_order(text_page: Any) -> str:
    """Return the text of a page with its right-to-left lines in the order in which they are read."""
    lines = [(line.text, _shown(line)) for line in _join(_lines(text_page))]
    turned = [None if shown is None else _turn(shown) for _, shown in lines]
    if _are_inside_out("\n".join(filter(None, turned))):
        turned = [line and line.translate(_MIRRORED) for line in turned]
    text = "\n".join(given if line is None else line for (given, _), line in zip(lines, turned, strict=True))
    if len(_ENDS_WORD_BACKWARDS.findall(text)) > len(_ENDS_WORD.findall(text)):
        # Written by a program that knows no direction: as shown, it reads from left to right.
        text = "\n".join(given if shown is None else shown for given, shown in lines)
    return _PRESENTATION_FORM.sub(lambda form: normalize("NFKC", form[0]), text)


def _are_inside_out(text: str) -> bool:
    """Whether brackets close before they open: fonts name them by their meaning or by their shape."""
    return _count_unmatched(text.translate(_MIRRORED)) < _count_unmatched(text)


def _count_unmatched(text: str) -> int:
    opened = unmatched = 0
    for bracket in _BRACKET.findall(text):
        opened += 1 if bracket in _OPENING else -1
        if opened < 0:
            opened, unmatched = 0, unmatched + 1
    return unmatched + opened


def _lines(text_page: Any) -> list[_Line]:
    lines = [_Line()]
    for index, character in enumerate(read_characters(text_page)):
        if character == "\n":
            lines.append(_Line())
        elif character not in "\r\0":
            lines[-1].text += character
            if _pdfium.FPDFText_IsGenerated(text_page, index) != 1:
                lines[-1].glyphs.append(read_glyph(text_page, index, character))
    return lines


def _join(lines: list[_Line]) -> Iterator[_Line]:
    """Yield the lines, those put together that PDFium parts because of their direction or a raised figure."""
    current, left, right = _Line(), math.inf, -math.inf
    for line in lines:
        start = min((glyph.left for glyph in line.glyphs), default=math.inf)
        end = max((glyph.right for glyph in line.glyphs), default=-math.inf)
        if _continues(current, line, max(start - right, left - end)):
            current.text += line.text
            current.glyphs += line.glyphs
            left, right = min(left, start), max(right, end)
        else:
            yield current
            current, left, right = line, start, end
    yield current


def _continues(line: _Line, following: _Line, gap: float) -> bool:
    if not line.glyphs or not following.glyphs or not has_right_to_left(line.text + following.text):
        return False
    last, first = line.glyphs[-1], following.glyphs[0]
    height = max(last.height, first.height)
    return abs(first.y - last.y) < height / 2 and gap < _NEAR * height


def _shown(line: _Line) -> str | None:
    """Return a line as it is shown, from left to right; None for a line that needs no ordering."""
    return place(line.glyphs) if has_right_to_left(line.text) and is_level(line.glyphs) else None


def is_level(glyphs: list[Glyph]) -> bool:
    """Whether letters stand on one line, few enough to be put in order."""
    letters = _letters(glyphs)
    if not letters or len(glyphs) > _MOST_GLYPHS:
        return False
    height = max(glyph.height for glyph in letters)
    return max(glyph.y for glyph in letters) - min(glyph.y for glyph in letters) <= height


def place(glyphs: list[Glyph], spacing: float = 0) -> str:
    """Return the text of a level line's glyphs from left to right; `spacing` parts the letters of a word."""
    letters = _letters(glyphs)
    height = max(glyph.height for glyph in letters)
    marks: dict[int, str] = {}
    for mark in glyphs:
        if _is_mark(mark):
            nearest = min(range(len(letters)), key=lambda index: abs(letters[index].x - mark.x))
            marks[nearest] = marks.get(nearest, "") + mark.text
    whole = [glyph._replace(text=glyph.text + marks.get(index, "")) for index, glyph in enumerate(letters)]
    whole.sort(key=lambda glyph: glyph.x)
    # A space without width lies at the letter that was drawn before it, which may be on its other side.
    spaces = sorted(glyph.x for glyph in glyphs if glyph.text.isspace() and glyph.right > glyph.left)
    text = whole[0].text
    for before, after in pairwise(whole):
        is_apart = after.left - before.right - spacing > _GAP * height or (
            bisect(spaces, before.x) < bisect(spaces, after.x)
        )
        text += f" {after.text}" if is_apart else after.text
    return text


def _letters(glyphs: list[Glyph]) -> list[Glyph]:
    return [glyph for glyph in glyphs if not glyph.text.isspace() and not _is_mark(glyph)]


def _is_mark(glyph: Glyph) -> bool:
    return len(glyph.text) == 1 and unicodedata.category(glyph.text) == "Mn"


def _turn(shown: str) -> str:
    """Return in reading order a line as it is shown from left to right."""
    clusters = _CLUSTER.findall(shown)
    kinds = "".join(_CLASSES.get(unicodedata.bidirectional(cluster[0]), "O") for cluster in clusters)
    if kinds.count("R") < kinds.count("L"):
        for run in _RIGHT_RUN.finditer(kinds):
            clusters[run.start() : run.end()] = reversed(clusters[run.start() : run.end()])
        return "".join(clusters)
    left_to_right = _LEFT_TO_RIGHT if _ARABIC.search(shown) is None else _LEFT_TO_RIGHT_IN_ARABIC
    for run in left_to_right.finditer(kinds):
        clusters[run.start() : run.end()] = reversed(clusters[run.start() : run.end()])
    return "".join(reversed(clusters))
