"""Which legacy encoding undeclared text is in, judged by its letters and by what they spell.

The frequencies of letters (chardet) decide where there are many. In mostly ASCII text with a few foreign
letters they cannot: there, what the bytes would spell decides, and how usual an encoding is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from calypso_mcp.local.indexing.formats.encodings.labels import codec_of

#: Bytes looked at.
_GUESSED_BYTES = 262_144
_JUDGED_CHARS = 20_000
#: Met on the web, on old PCs and Macs.
_USUAL = frozenset(
    {
        *(f"cp{number}" for number in (1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258, 874)),
        *(f"iso8859-{number}" for number in (2, 5, 6, 7, 8, 15)),
        *("koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "cp437", "cp850", "cp852", "cp866"),
        *("cp932", "shift_jis", "euc_jp", "iso2022_jp", "gbk", "gb18030", "big5hkscs", "cp949"),
    }
)
_RARE = 0.3
#: Western text is the commonest by far, which counts for more the fewer letters there are to judge by.
_WESTERN, _WESTERN_SHORT = 1.2, 2.5
#: Confidence of chardet's that only texts with many foreign letters reach.
_SURE = 0.08
#: Share of the score that is left for each kind of oddity.
_ODD = 0.1
#: A sign that no word contains, between or beside its letters; shades and boxes of old screens.
_SIGN_IN_WORD = re.compile(
    r"(?<=[A-Za-z])[\u00a1-\u00b4\u00b6-\u00bf\u02c6-\u02dd\u2018\u201a-\u2022\u2030](?=[A-Za-z])|[\u2500-\u259f]"
)
#: An upper-case letter inside a word.
_CAPITAL_IN_WORD = re.compile(r"(?<=[a-zß-öø-ÿ])[À-ÖØ-ÞŠŽ](?=[a-zß-öø-ÿ])")
#: Mostly Latin text: its few other letters are no words in another script.
_LATIN_SHARE = 0.75
#: Text in which a word of two scripts is odd. Chinese puts foreign names next to its own characters.
_MIXED_SHARE = 0.5


def guesses(data: bytes) -> Iterator[str]:
    """Yield the encodings that `data` may be in, by chardet's names, the likeliest first."""
    from chardet import EncodingEra, detect_all

    sample = _sample(data)
    found = detect_all(
        sample,
        ignore_threshold=True,
        encoding_era=EncodingEra.ALL & ~EncodingEra.MAINFRAME,
        max_bytes=_GUESSED_BYTES,
    )
    confidences: dict[str, float] = {}
    for guess in found:
        codec = codec_of(guess["encoding"] or "")
        if codec is not None and codec not in {"utf-8", "ascii"}:
            confidences.setdefault(codec, guess["confidence"])
    is_sure = max((sure for codec, sure in confidences.items() if codec in _USUAL), default=0.0) >= _SURE
    usual = {"cp1252": _WESTERN if is_sure else _WESTERN_SHORT, **dict.fromkeys(_USUAL, 1.0)}

    def score(codec: str) -> float:
        text = sample[:_JUDGED_CHARS].decode(codec, "ignore")
        return confidences[codec] * usual.get(codec, _RARE) * _plausibility(text)

    yield from sorted(confidences, key=score, reverse=True)


def _plausibility(text: str) -> float:
    """Return 1 for what could be text, less for each kind of oddity."""
    latin = sum(character.isascii() and character.isalpha() for character in text)
    foreign = [character for character in text if character > "\x7f" and character.isalpha()]
    share = latin / max(1, latin + len(foreign))
    strange = {character for character in foreign if not _is_latin(character)}
    oddities = (
        bool(strange) and share >= _LATIN_SHARE,
        share >= _MIXED_SHARE and _touches_latin(text, strange),
        _SIGN_IN_WORD.search(text) is not None,
        _CAPITAL_IN_WORD.search(text) is not None,
    )
    return _ODD ** sum(oddities)


def _touches_latin(text: str, strange: set[str]) -> bool:
    """Whether a word mixes ASCII letters with those of other scripts."""
    return any(
        (character in strange and _is_ascii_letter(other))
        or (other in strange and _is_ascii_letter(character))
        for character, other in pairwise(text)
    )


def _is_ascii_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _is_latin(character: str) -> bool:
    return unicodedata.name(character, "").startswith(("LATIN", "FEMININE", "MASCULINE", "MICRO"))


def _sample(data: bytes) -> bytes:
    """Return the lines of `data` that hold foreign characters, as many as are looked at."""
    if len(data) <= _GUESSED_BYTES:
        return data
    return b"\n".join(line for line in data.splitlines() if not line.isascii())[:_GUESSED_BYTES]
