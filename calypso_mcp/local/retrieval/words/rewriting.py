"""Prepares text in other scripts for FTS5. Imported when the first such text comes."""

from __future__ import annotations

import re
from functools import lru_cache
from operator import add

from calypso_mcp.local.retrieval.words import stemming

_CHINESE_AND_JAPANESE = (
    "\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
#: Runs of these scripts become pairs of characters.
_UNSPACED = (
    _CHINESE_AND_JAPANESE,
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59",  # Thai
    "\u0e81-\u0eff",  # Lao
    "\u1780-\u17d3\u17dd-\u17e9",  # Khmer
    "\u1000-\u1049\u1050-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f",  # Burmese
    "\uac00-\ud7a3",  # Korean
)
_CYRILLIC = "\u0400-\u0481\u048a-\u052f"
_ARABIC = "\u0620-\u065f\u066e-\u06d3\u06d5-\u06dc"
_DEVANAGARI = "\u0900-\u0963\u0971-\u097f"
_WIDE_ASCII = "\uff01-\uff5e"
_RESERVED = "\ue000-\uf8ff\U000f0000-\U0010ffff"
#: One character set: searching for it is several times faster than for the alternatives below.
_CANDIDATE = re.compile(f"[{''.join(_UNSPACED)}{_CYRILLIC}{_ARABIC}{_DEVANAGARI}{_WIDE_ASCII}{_RESERVED}]+")
_REWRITTEN = re.compile(
    f"(?P<unspaced>{'|'.join(f'[{script}]+' for script in _UNSPACED)})"
    f"|(?P<cyrillic>[{_CYRILLIC}]{{4,}})"
    f"|(?P<arabic>[{_ARABIC}]{{2,}})"
    f"|(?P<devanagari>[{_DEVANAGARI}]{{3,}})"
    f"|(?P<wide>[{_WIDE_ASCII}]+)"
    f"|(?P<reserved>[{_RESERVED}]+)"
)
#: Marks that belong to the letter before them.
_MARKS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059"
    "\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u17b4-\u17d3\u17dd\u3099\u309a"
)
_MARK = re.compile(f"[{_MARKS}]")
_CHARACTER = re.compile(f".[{_MARKS}]*")
_STEMMERS = {
    "cyrillic": stemming.cyrillic,
    "arabic": stemming.arabic,
    "devanagari": stemming.devanagari,
}
#: Full-width forms of ASCII stand this far above it.
_WIDE_OFFSET = 0xFEE0
#: Words remembered with what they become, and how long such a word may be: most text is few words.
_REMEMBERED = 20_000
_LONGEST_REMEMBERED = 24


def rewrite(text: str) -> str:
    """Return `text` with pairs of characters and with stems where its scripts need them."""
    return _CANDIDATE.sub(_rewrite_run, text)


def is_lone_character(token: str) -> bool:
    """Whether a token is one character of a script that is indexed in pairs."""
    match = _REWRITTEN.match(token)
    return match is not None and match.lastgroup == "unspaced" and _CHARACTER.fullmatch(token) is not None


def _rewrite_run(match: re.Match[str]) -> str:
    run = match[0]
    return _rewritten_word(run) if len(run) <= _LONGEST_REMEMBERED else _REWRITTEN.sub(_rewrite, run)


@lru_cache(_REMEMBERED)
def _rewritten_word(run: str) -> str:
    return _REWRITTEN.sub(_rewrite, run)


def _rewrite(match: re.Match[str]) -> str:
    kind, run = match.lastgroup or "", match[0]
    if kind in _STEMMERS:
        return _STEMMERS[kind](run)
    if kind == "wide":
        return "".join(chr(ord(char) - _WIDE_OFFSET) for char in run)
    if kind == "reserved":
        return " "
    characters = run if _MARK.search(run) is None else _CHARACTER.findall(run)
    return f" {' '.join(map(add, characters, characters[1:]))} {characters[-1]} "
