"""Which legacy encoding undeclared text is in, judged by its letters and by what they spell.

The frequencies of letters (chardet) decide where there are many. In mostly ASCII text with a few foreign
letters they cannot: there, what the bytes would spell decides, and how usual an encoding is.
"""

from __future__ import annotations

from collections.abc import Iterator

from calypso_mcp.local.indexing.formats.encodings.labels import codec_of
from calypso_mcp.local.indexing.formats.encodings.plausibility import odd_share

#: Bytes looked at.
_GUESSED_BYTES = 262_144
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
_WESTERN, _WESTERN_SHORT = 1.2, 1.4
#: Confidence of chardet's that only texts with many foreign letters reach.
_SURE = 0.08
#: What is left of the score of a text none of whose foreign words could be words.
_ODD = 0.003
#: Text of which a larger share is odd is in none of the encodings.
_MOST_ODD = 0.5
#: Far less likely than the likeliest by its letters.
_UNLIKELY = 0.02


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
    most = max(confidences.values(), default=0.0)
    is_sure = max((sure for codec, sure in confidences.items() if codec in _USUAL), default=0.0) >= _SURE
    usual = {"cp1252": _WESTERN if is_sure else _WESTERN_SHORT, **dict.fromkeys(_USUAL, 1.0)}
    scores: dict[str, float] = {}
    for codec, confidence in confidences.items():
        odd = odd_share(sample.decode(codec, "ignore")) if confidence >= _UNLIKELY * most else 1.0
        if odd <= _MOST_ODD:
            scores[codec] = confidence * usual.get(codec, _RARE) * _ODD**odd
    yield from sorted(scores, key=scores.__getitem__, reverse=True)


def _sample(data: bytes) -> bytes:
    """Return the lines of `data` that hold foreign characters, as many as are looked at."""
    if len(data) <= _GUESSED_BYTES or data.isascii():
        return data[:_GUESSED_BYTES]
    return b"\n".join(line for line in data.splitlines() if not line.isascii())[:_GUESSED_BYTES]
