"""RTF as anydoc reads it in full: headings, letters of code pages it does not know, margins and comments.

The syntax is that of the Rich Text Format Specification 1.9.1.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from calypso_mcp.local.indexing.formats.encodings.labels import codec_of

_TOKEN = re.compile(rb"\\'([0-9a-fA-F]{2})|\\([a-zA-Z]+)(-?\d{1,10})? ?|\\[^a-zA-Z]|[{}]|[^\\{}]+", re.DOTALL)
#: Code pages of anydoc: those of Windows.
_KNOWN_PAGES = re.compile(r"12\d\d|874|932|936|949|950|65001|0")
_MAC_PAGES = {
    10000: "mac-roman",
    10006: "mac-greek",
    10007: "mac-cyrillic",
    10029: "mac-latin2",
    10081: "mac-turkish",
}
_CHARACTER_SETS = {b"mac": "mac-roman", b"pc": "cp437", b"pca": "cp850"}
#: Codecs by the number of a font's character set.
_FONT_SETS = {77: "mac-roman", 254: "cp437", 255: "cp850"}
#: Fonts of these character sets show what the document says.
_DEFAULT_SETS = frozenset({0, 1})
#: Groups that anydoc leaves out, and what their text begins with here.
_BESIDE = {
    **dict.fromkeys((b"header", b"headerl", b"headerr", b"headerf"), b""),
    **dict.fromkeys((b"footer", b"footerl", b"footerr", b"footerf"), b""),
    b"annotation": b"Comment: ",
}
#: What raises letters, and sets them back on the line.
_RAISES = frozenset({b"super", b"sub", b"nosupersub", b"plain"})
#: What hides letters, or says that they were deleted while changes were tracked; and what shows them again.
_HIDES = frozenset({b"v", b"deleted", b"plain"})
_MOST_FALLBACK = 8
#: Groups that are open in the document's own text.
_OUTERMOST = 2
_NEEDS_REWRITING = re.compile(
    rb"\\(?:mac|pca?)\b|\\ansicpg(?!12\d\d|874|932|936|949|950|65001)\d|\\(?:fcharset(?:77|25[45])|cpg\d)"
    rb"|\\(?:header|footer)[lrf]?\b|\\annotation\b|\\(?:deleted|v)\b|\\super\b"
)
#: A number that is a power where it stands raised behind a digit.
_NUMBER = re.compile(rb"[-+]?[0-9]|\\'96|\\u(?:8211|8722)(?![0-9])")
#: What is seen: letters and signs, and words that stand for one, or part what is beside them.
_SHOWN = frozenset({None, b"u", b"par", b"line", b"tab", b"cell", b"row"})
#: What stays of hidden text: groups, and the cells of a table.
_KEPT = frozenset({b"{", b"}", b"cell", b"row"})
#: A style of headings in the style sheet, whose paragraphs need not state their level.
_HEADING_STYLE = re.compile(
    rb"(\{\\s\d++)(?![^{};]*\\outlinelevel)([^{};]* heading ([1-9])[,;])", re.IGNORECASE
)


class _Token(NamedTuple):
    raw: bytes
    #: Two digits of an escaped byte.
    byte: bytes | None
    word: bytes | None
    number: int | None


@dataclass(slots=True)
class _Group:
    r"""The settings of an open group, and its start in the copy.

    Attributes:
        start: Position of the group.
        font: Number of the font.
        fallback: Number of characters after each `\uN` for readers that know no Unicode.
        beside: The beginning of its text in the copy, if anydoc leaves the group out.
        text_start: Position after its name.
        is_raised: Whether its letters stand above the line.
        is_hidden: Whether no reader of the document sees them.
    """

    start: int
    font: int = -1
    fallback: int = 1
    beside: bytes | None = None
    text_start: int = 0
    is_raised: bool = False
    is_hidden: bool = False


def with_all_text(data: bytes) -> bytes:
    """Return a copy with all letters in Unicode, headings by their style, margins and comments at its end.

    Of what anydoc reads by itself, it is the same.
    """
    if not data.startswith(b"{\\rtf"):
        return data
    headed = _HEADING_STYLE.sub(
        lambda style: b"%b\\outlinelevel%d%b" % (style[1], int(style[3]) - 1, style[2]), data
    )
    if headed.isascii() and _NEEDS_REWRITING.search(headed) is None:
        return headed
    return _Rewriter(has_code_page=_has_code_page(headed)).rewrite(headed)


def _has_code_page(data: bytes) -> bool:
    """Whether raw letters are of a code page; what spells UTF-8 throughout was written in spite of them."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return data.isascii()


def _tokens(data: bytes) -> Iterator[_Token]:
    position = 0
    while (found := _TOKEN.match(data, position)) is not None:
        position = found.end()
        number = int(found[3]) if found[3] else None
        if found[2] == b"bin" and number is not None:
            position += max(0, number)
            continue
        yield _Token(found[0], found[1], found[2], number)


class _Rewriter:
    """Copies tokens, knowing which font is set in the open group."""

    def __init__(self, *, has_code_page: bool) -> None:
        self._has_code_page = has_code_page
        #: Codecs by font, and of all other fonts; None: one that anydoc knows by itself.
        self._codecs: dict[int, str | None] = {}
        self._default: str | None = None
        self._groups = [_Group(0)]
        self._to_skip = 0
        self._is_after_digit = False
        self._out: list[bytes] = []
        #: Each once: the pages of every section repeat them.
        self._beside: dict[bytes, None] = {}

    def rewrite(self, data: bytes) -> bytes:
        for token in _tokens(data):
            if self._groups[-1].is_hidden and token.word in _SHOWN and (token.word or token.raw) not in _KEPT:
                continue
            self._mark_power(token)
            if token.byte is not None:
                self._letters(token.raw, bytes.fromhex(token.byte.decode()))
                continue
            if not token.raw.isascii():
                self._raw(token.raw)
                continue
            self._to_skip = 0
            if token.raw == b"}":
                self._close()
                continue
            if token.raw == b"{":
                self._groups.append(replace(self._groups[-1], start=len(self._out), beside=None))
            self._out.append(token.raw)
            if token.word is not None:
                self._control(token.word, token.number)
        self._close_all()
        return b"".join(self._out)

    def _close(self) -> None:
        if len(self._groups) <= _OUTERMOST:
            self._close_all()
            return
        group = self._groups.pop()
        if group.beside is None:
            self._out.append(b"}")
            return
        text = b"".join(self._out[group.text_start :])
        self._beside[b"{\\pard " + group.beside + text + b"\\par}"] = None
        self._out[group.start :] = [b"{}"]  # what stood before it still ends here

    def _close_all(self) -> None:
        if len(self._groups) > 1:
            self._out += (b"\\par ", *self._beside, b"}" * (len(self._groups) - 1))
            del self._groups[1:]

    def _raw(self, raw: bytes) -> None:
        if self._has_code_page:
            self._letters(raw, raw)
        else:
            self._out += map(self._escaped, raw.decode("utf-8", "replace"))

    def _escaped(self, letter: str) -> bytes:
        if letter.isascii():
            return letter.encode()
        units = struct.unpack(f"<{len(letter.encode('utf-16-le')) // 2}h", letter.encode("utf-16-le"))
        return b"".join(b"\\u%d " % unit + b"?" * self._groups[-1].fallback for unit in units)

    def _letters(self, raw: bytes, data: bytes) -> None:
        group = self._groups[-1]
        codec = self._codecs.get(group.font, self._default)
        if self._to_skip or codec is None:
            self._to_skip = max(0, self._to_skip - 1)
            self._out.append(raw)
            return
        for letter in data.decode(codec, "replace"):
            is_plain = letter.isascii() and len(data) > 1
            self._out.append(letter.encode() if is_plain else b"\\u%d " % ord(letter) + b"?" * group.fallback)

    def _mark_power(self, token: _Token) -> None:
        group = self._groups[-1]
        if token.word in _RAISES:
            group.is_raised = token.word == b"super" and token.number != 0
        elif token.word in _SHOWN and (shown := token.raw.strip(b"{}\r\n")):
            if group.is_raised and self._is_after_digit and _NUMBER.match(shown):
                self._out.append(b"^")
            self._is_after_digit = shown[-1:].isdigit() and shown[:1] != b"\\"

    def _control(self, word: bytes, number: int | None) -> None:
        group = self._groups[-1]
        if word == b"u":
            self._to_skip = group.fallback
        elif word == b"uc":
            group.fallback = min(max(0, number or 0), _MOST_FALLBACK)
        elif word == b"f" and number is not None:
            group.font = number
        elif word in _HIDES:
            group.is_hidden = word != b"plain" and number != 0
        elif word in _BESIDE and len(self._groups) > _OUTERMOST:
            group.beside, group.text_start = _BESIDE[word], len(self._out)
        else:
            self._set_codec(word, number or 0, group.font)

    def _set_codec(self, word: bytes, number: int, font: int) -> None:
        if word == b"fcharset" and number not in _DEFAULT_SETS:
            self._codecs[font] = _FONT_SETS.get(number)
        elif word == b"cpg":
            self._codecs[font] = _codec_of_page(number)
        elif word == b"ansicpg":
            self._default = _codec_of_page(number)
        elif word in _CHARACTER_SETS:
            self._default = _CHARACTER_SETS[word]


def _codec_of_page(number: int) -> str | None:
    """Return the codec of a code page that anydoc does not know."""
    if _KNOWN_PAGES.fullmatch(str(number)):
        return None
    return codec_of(_MAC_PAGES.get(number) or f"cp{number}")
