"""Cleans text from outside: documents, file names, titles, bucket names.

A reader must see what the model sees, so characters that are invisible or that reorder others are removed:
control and format characters, zero-width and bidirectional controls, tag characters, fillers, variation
selectors and non-characters (Unicode Standard, Default_Ignorable_Code_Point; UTS #39; UAX #9). Words keep
their meaning: the joiners that Persian, Indic scripts and emoji are written with stay where those scripts
need them (RFC 5892, appendix A.1 and A.2; UTS #51), and nowhere else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, cast

_ZERO_WIDTH_NON_JOINER = "\u200c"
_ZERO_WIDTH_JOINER = "\u200d"
_TEXT_STYLE = "\ufe0e"
_EMOJI_STYLE = "\ufe0f"

#: Line ends other than the newline, the form feed between PDF pages included.
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
#: Terminal colour and cursor sequences, removed whole: without the escape character the rest would show.
_TERMINAL_SEQUENCE = re.compile("\x1b\\[[0-?]*[ -/]*[@-~]")
#: Rows of characters without a glyph of their own. Arabic number signs are format characters, but visible.
_SUSPECT = re.compile(
    "(?:["
    "\x00-\x08\x0e-\x1f\x7f-\x9f"  # controls; tab and newline are text
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiners, fillers
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f"  # zero width, bidirectional, invisible operators
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"  # fillers, variation selectors, annotations
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # lone surrogates, non-characters
    "\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # layout of rare scripts and music
    "\U000e0000-\U0010ffff"  # tags, variation selectors supplement, private planes
    "]"
    "|[\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U0003fffe\U0003ffff])+"
)
#: Scripts whose letters join: Arabic, Syriac, Thaana, N'Ko, Mandaic, Arabic presentation forms.
_CURSIVE = re.compile("[\u0620-\u08ff\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc]")
_KEYCAP_BASES = "#*0123456789\u203c\u2049\u3030\u303d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_VIRAMA_CLASS = 9
#: First letter of the scripts that join by it.
_DEVANAGARI = "\u0900"
_BACKTICKS = re.compile("`+")
_SHORTEST_FENCE = 3
_LABEL_CHARS = 200
#: Characters read for each one that a line may show: callers and documents choose how many are invisible.
_READ_FOR_EACH_SHOWN = 20
#: Longest text in a result that is no passage.
_VALUE_CHARS = 4_000


def clean(text: str) -> str:
    r"""Return `text` as a person would see it, with `\n` as its only line end. Idempotent."""
    if text.isascii() and text.isprintable():
        return text  # every character removed below is outside this set
    text = _LINE_END.sub("\n", text)
    text = _TERMINAL_SEQUENCE.sub("", text)
    return _SUSPECT.sub(_kept, text)


def clean_line(text: str, limit: int) -> str:
    """Return `text` cleaned, on one line, single-spaced, in at most `limit` characters.

    A cut is shown by an ellipsis, which counts.
    """
    beginning = text[: _READ_FOR_EACH_SHOWN * limit]
    line = " ".join(clean(beginning).split())
    is_whole = len(line) <= limit and len(beginning) == len(text)
    return line if is_whole else line[: max(limit - 1, 0)].rstrip() + "…"


def clean_value(value: Any, limit: int = _VALUE_CHARS) -> Any:
    """Return a JSON value with every text, keys included, as one clean line of at most `limit` characters."""
    if isinstance(value, str):
        return clean_line(value, limit)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value)
        return {clean_value(key, limit): clean_value(entry, limit) for key, entry in entries.items()}
    if isinstance(value, Collection | Iterator):  # whatever a model takes for a list
        return [clean_value(entry, limit) for entry in cast("Iterable[Any]", value)]
    return value


def fence(text: str, source_label: str) -> str:
    """Return `text` cleaned and quoted, unable to end its own quotation, under the label of its source.

    The fence is longer than every run of backticks inside (CommonMark 0.31, section 4.5).
    """
    body = clean(text)
    longest = max((len(run) for run in _BACKTICKS.findall(body)), default=0)
    marks = "`" * max(_SHORTEST_FENCE, longest + 1)
    label = clean_line(source_label, _LABEL_CHARS).replace("`", "'").replace('"', "'")
    return f'Quoted from "{label}":\n{marks}text\n{body}\n{marks}'


def _kept(row: re.Match[str]) -> str:
    # Only beside a visible character can one be needed: the second, too, as a joiner behind an emoji style.
    start, last = row.start(), row.end() - 1
    places = sorted({start, min(start + 1, last), last})
    return "".join(row.string[place] for place in places if _is_needed(row.string, place))


def _is_needed(text: str, position: int) -> bool:
    character = text[position]
    before = text[position - 1] if position else ""
    after = text[position + 1 : position + 2]
    if character == _ZERO_WIDTH_NON_JOINER:
        return _joins_letters(before, after) or _is_by_virama(before, after)
    if character == _ZERO_WIDTH_JOINER:
        return _is_by_virama(before, after) or _joins_emoji(text, position)
    return character in (_TEXT_STYLE, _EMOJI_STYLE) and _is_symbol(before)


def _joins_letters(before: str, after: str) -> bool:
    return bool(before and after and _CURSIVE.match(before) and _CURSIVE.match(after))


def _is_by_virama(before: str, after: str) -> bool:
    return any(
        neighbour and unicodedata.combining(neighbour) == _VIRAMA_CLASS and neighbour >= _DEVANAGARI
        for neighbour in (before, after)
    )


def _joins_emoji(text: str, position: int) -> bool:
    before = text[position - 1] if position else ""
    if before == _EMOJI_STYLE:
        before = text[position - 2] if position > 1 else ""
    after = text[position + 1 : position + 2]
    return _is_pictograph(before) and _is_pictograph(after)


def _is_pictograph(character: str) -> bool:
    return bool(character) and (
        unicodedata.category(character) == "So"
        or ord(character) in _SKIN_TONES
        or character in "\u2194\u2195\u27a1"
    )


def _is_symbol(character: str) -> bool:
    return bool(character) and (unicodedata.category(character) in ("So", "Sm") or character in _KEYCAP_BASES)
