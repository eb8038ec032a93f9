r"""Plain text: paragraphs with line numbers.

Letters that LaTeX spells in ASCII (`K\"undigung`, `{\o}re`) are read as such, and words that BibTeX and
manual pages mark (`{N}orwegian`, `\fIfile\fR`) as words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.local.indexing.documents import Block, Document, FileContent
from calypso_mcp.local.indexing.formats.encodings.decoding import Decoded, decode

_LATEX = (".tex", ".latex", ".ltx", ".bib", ".sty")
#: The beginning of a word that keeps its capitals in all styles of BibTeX.
_KEPT_CAPITALS = re.compile(r"\{(\w{1,40})\}(?=\w)")
#: What manual pages begin with, after comments; the fonts and hyphens in them (groff_man(7), groff(7)).
_MANUAL, _MANUAL_HEAD = re.compile(r"^\.(?:TH|Dd) ", re.MULTILINE), 5_000
_FONT = re.compile(r"\\f(?:\(\w\w|\[\w{0,20}\]|\w)|\\(?=-)")
#: A paragraph up to this long is joined with the next, if both stay within the second size.
_SHORT_CHARS = 200
_JOINED_CHARS = 400
#: Combining marks by the command that puts them on the next letter.
_MARKS = dict(
    zip(
        "\"'`^~=.uvHckrdb",
        "\u0308\u0301\u0300\u0302\u0303\u0304\u0307\u0306\u030c\u030b\u0327\u0328\u030a\u0323\u0331",
        strict=True,
    )
)
_LETTERS = dict(
    zip(["ss", "ae", "AE", "oe", "OE", "aa", "AA", "o", "O", "l", "L", "i"], "ßæÆœŒåÅøØłŁi", strict=True)
)
_LETTER = r"\\(ss|ae|AE|oe|OE|aa|AA|[oOlLi])(?:\{\}|[ \t]|(?![A-Za-z]))"
#: A sign stands before any letter, a letter before one in braces.
_ACCENT = r"""\\(?:(["'`^~=.])|([uvHckrdb])(?=\{))(?:\{\\?([A-Za-z])\}|\\?([A-Za-z]))"""
_SPELLED = re.compile(rf"\{{(?:{_ACCENT}|{_LETTER})\}}|{_ACCENT}|{_LETTER}")


def decode_text(file: FileContent) -> Decoded:
    """Return the text of a file, with the letters and words that LaTeX, BibTeX and manual pages spell."""
    decoded = decode(file.data, file.charset)
    text, name = decoded.text, file.filename.lower()
    if name.endswith(_LATEX):
        text = normalize("NFC", spell_letters(text))
        text = _KEPT_CAPITALS.sub(r"\1", text) if name.endswith(".bib") else text
    elif _MANUAL.search(text, 0, _MANUAL_HEAD):
        text = _FONT.sub("", text)
    return replace(decoded, text=text)


def text_document(decoded: Decoded, *warnings: str) -> Document:
    """Return text as its paragraphs, with `warnings` besides those of its decoding."""
    blocks = tuple(split_paragraphs(decoded.text.split("\n"), 1))
    return Document(blocks, warnings=(*decoded.warnings, *warnings))


def split_paragraphs(lines: list[str], first_line: int) -> Iterator[Block]:
    """Yield runs of lines between blank lines, very short ones together with the next.

    `first_line` is the 1-based number of `lines[0]`.
    """
    gathered: tuple[int, int] | None = None
    for start, end in _runs(lines):
        if gathered is not None and _belong_together(lines, gathered, end):
            gathered = gathered[0], end
            continue
        if gathered is not None:
            yield _block(lines, gathered, first_line)
        gathered = start, end
    if gathered is not None:
        yield _block(lines, gathered, first_line)


def _runs(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield start and end of every run of lines that are not blank."""
    start = 0
    for is_blank, run in groupby(lines, lambda line: not line or line.isspace()):
        end = start + len(list(run))
        if not is_blank:
            yield start, end
        start = end


def _belong_together(lines: list[str], gathered: tuple[int, int], end: int) -> bool:
    start, stop = gathered
    return _size(lines, start, stop) <= _SHORT_CHARS and _size(lines, start, end) <= _JOINED_CHARS


def _size(lines: list[str], start: int, end: int) -> int:
    return sum(map(len, lines[start:end])) + end - start


def _block(lines: list[str], span: tuple[int, int], first_line: int) -> Block:
    start, end = span
    return Block("\n".join(lines[start:end]), line_start=first_line + start, line_end=first_line + end - 1)


def spell_letters(text: str) -> str:
    """Return LaTeX with the letters that its commands stand for; other commands and all lines stay."""
    return _SPELLED.sub(_letter, text)


def _letter(found: re.Match[str]) -> str:
    parts = [part for part in found.groups() if part]
    return _LETTERS[parts[0]] if len(parts) == 1 else parts[1] + _MARKS[parts[0]]
