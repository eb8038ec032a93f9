"""Which legacy encoding undeclared text is in, judged by its letters and by what they spell.

The frequencies of letters (chardet) decide where there are many. In mostly ASCII text with a few foreign
letters they cannot: there, what the bytes would spell decides, and how usual an encoding is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from calypso_mcp.local.indexing.formats.encodings.labels import codec_of
from calypso_mcp.local.indexing.formats.encodings.plausibility import measure_oddness

ASCII = bytes(range(128))
_FOREIGN = re.compile(rb"[\x80-\xff]+")
#: Tried before any guess; and IBM's Urdu, whose letter at every byte makes words of noise.
_NEVER_GUESSED = frozenset({"utf-8", "ascii", "cp1006"})
#: Bytes looked at.
_GUESSED_BYTES = 262_144
#: Met on the web, on old PCs and Macs.
_USUAL = frozenset(
    {
        *(f"cp{number}" for number in (1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258, 874)),
        *(f"iso8859-{number}" for number in (2, 5, 6, 7, 8, 15)),
        *("koi8-r", "koi8-u", "cp437", "cp737", "cp850", "cp852", "cp857", "cp860", "cp866"),
        *("cp932", "shift_jis", "euc_jp", "iso2022_jp", "gbk", "gb18030", "big5hkscs", "cp949"),
    }
)
#: Old Macs wrote as Windows did, but for capitals: where nothing decides, it was Windows.
_MAC = dict.fromkeys(("mac-roman", "mac-cyrillic", "mac-greek"), 0.95)
_RARE = 0.3
#: Western text is the commonest by far, which counts for more the fewer letters there are to judge by.
_WESTERN, _WESTERN_SHORT = 1.2, 1.4
#: Confidence of chardet's that only texts with many foreign letters reach.
_SURE = 0.08
#: Factor on the score of a text whose foreign words are all odd.
_ODD = 0.003
#: With a larger share of odd words, an encoding is out; among many foreign bytes chance makes fewer words.
_MOST_ODD, _MOST_ODD_OF_MANY, _MANY_BYTES = 0.5, 0.25, 200
#: A letter at this byte makes up a smaller share of the foreign bytes than padding does.
_PADDING, _MOST_PADDING, _FEW_BYTES = b"\xff", 0.5, 3
#: Share of the highest confidence below which an encoding is not judged by its words.
_UNLIKELY = 0.02
#: Signs of Windows' Western encoding that stand in English text: quotation marks, dashes, currencies, units.
_SIGNS = re.compile(
    rb"[\x80\x82\x84-\x87\x89\x8b\x91-\x97\x99\x9b\xa0\xa3-\xa5\xa7\xa9\xab\xae\xb0-\xb3\xb5\xb7\xbb-\xbe\xd7]{1,2}"
)
#: No text means the sign for any currency: where Latin-1 has it, Latin-9 has the euro.
_ANY_CURRENCY, _OF_WINDOWS_ONLY = b"\xa4", bytes(range(0x80, 0xA0))


def guess_encodings(data: bytes) -> Iterator[str]:
    """Yield Python's codecs that may decode `data`, the likeliest first."""
    sample = _sample(data)
    foreign = len(sample.translate(None, ASCII))
    if sample.count(_PADDING) > max(_FEW_BYTES, _MOST_PADDING * foreign):
        return
    western = _choose_western(sample)
    if _holds_signs_only(sample, western):
        yield western
    most_odd = _MOST_ODD if foreign < _MANY_BYTES else _MOST_ODD_OF_MANY
    confidences = _confidences(sample)
    if "cp1252" in confidences:
        confidences[western] = confidences.pop("cp1252")
    for codec, small in _in_small_letters(sample):
        confidences[codec] = max(confidences.get(codec, 0.0), _confidences(small).get(codec, 0.0))
    most = max(confidences.values(), default=0.0)
    known = _USUAL | _MAC.keys()
    is_sure = max((sure for codec, sure in confidences.items() if codec in known), default=0.0) >= _SURE
    usual = {**dict.fromkeys(_USUAL, 1.0), **_MAC, western: _WESTERN if is_sure else _WESTERN_SHORT}
    scores: dict[str, float] = {}
    for codec, confidence in confidences.items():
        odd = measure_oddness(sample.decode(codec, "ignore")) if confidence >= _UNLIKELY * most else 1.0
        if odd <= most_odd:
            scores[codec] = confidence * usual.get(codec, _RARE) * _ODD**odd
    yield from sorted(scores, key=scores.__getitem__, reverse=True)


def _choose_western(sample: bytes) -> str:
    """Return Latin-9 for text with a euro sign of its own, else the encoding of Windows that is alike."""
    is_latin_9 = _ANY_CURRENCY in sample and sample == sample.translate(None, _OF_WINDOWS_ONLY)
    return "iso8859-15" if is_latin_9 else "cp1252"


def _holds_signs_only(sample: bytes, codec: str) -> bool:
    """Whether all foreign characters are signs, one or two in a row, where writers set them."""
    are_signs = all(map(_SIGNS.fullmatch, _FOREIGN.findall(sample)))
    return are_signs and measure_oddness(sample.decode(codec, "replace")) == 0


def _confidences(sample: bytes) -> dict[str, float]:
    """Return how sure chardet is of each encoding, by Python's codec."""
    from chardet import EncodingEra, detect_all

    found = detect_all(
        sample,
        ignore_threshold=True,
        encoding_era=EncodingEra.ALL & ~EncodingEra.MAINFRAME,
        max_bytes=_GUESSED_BYTES,
    )
    confidences: dict[str, float] = {}
    for guess in found:
        codec = codec_of(guess["encoding"] or "")
        if codec is not None and codec not in _NEVER_GUESSED:
            confidences.setdefault(codec, guess["confidence"])
    return confidences


def _in_small_letters(sample: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the encodings in which all foreign letters are capitals, with the sample in small ones.

    Chardet knows how often small letters stand beside each other; capitals of one encoding are rare small
    letters of another.
    """
    foreign = sample.translate(None, ASCII)
    for codec in sorted(_USUAL | _MAC.keys() | {"cp1252"}):
        if foreign.decode(codec, "ignore").isupper():
            yield codec, sample.decode(codec, "ignore").lower().encode(codec, "ignore")


def _sample(data: bytes) -> bytes:
    """Return the lines of `data` that hold foreign characters, as many as are looked at."""
    if len(data) <= _GUESSED_BYTES or data.isascii():
        return data[:_GUESSED_BYTES]
    return b"\n".join(line for line in data.splitlines() if not line.isascii())[:_GUESSED_BYTES]
