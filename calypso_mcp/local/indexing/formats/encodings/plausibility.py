"""Whether decoded bytes could be words of a language.

Letters by language are those of CLDR's main exemplar sets, without the 26 of ASCII.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache

from calypso_mcp.domain.unicode_forms import normalize

#: Characters looked at.
_JUDGED_CHARS = 20_000
_WESTERN = "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœßð"
_CENTRAL = "áâăąäćčçďđéęëěíîĺľłńňóôőöřŕśšşșťţțúůűüýźžż"
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
#: The letters of each language; the last two sets are of many languages, for lists of names.
_VIETNAMESE = "ăâđêôơưàáãèéìíĩòóõùúũýỳỵỷỹ" + "".join(map(chr, range(0x1EA1, 0x1EF2, 2)))
_ALPHABETS = tuple(
    map(
        frozenset,
        (
            *("äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúüªº", "àáâãçéêíóôõúü", "àèéìíîòóùú", "áéëïóöüèêç"),
            *("æøåéèêóòâôü", "åäöéàü", "åäöšž", "áðéíóúýþæö", "àçéèíïóòúü", "ąćęłńóśźż"),
            *("áäčďéěíĺľňóôŕřšťúůýž", "áéíóöőúüű", "ăâîşţ", "ăâîșț", "čćđšž", "çë", "çğıöşüâîû\u0307"),
            *("äöõüšž", "āčēģīķļņšūž", "ąčęėįšųūž", "àċġħżèìîòù", "âêîôûŵŷáéíóúẁẃẅäëïöüÿỳ"),
            *("áéíóúḃċḋḟġṁṗṡṫ", "ĉĝĥĵŝŭ", "áčđŋšŧž", "áâãåæčđðéíŋóôõöøšþúüýŧž", _VIETNAMESE),
            *(_CYRILLIC + "ё", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "абвгдеёжзійклмнопрстуўфхцчшыьэюя"),
            *("абвгдежзийклмнопрстуфхцчшщъьюя", "абвгдђежзијклљмнњопрстћуфхцчџш"),
            *("абвгдѓежзѕијклљмнњопрстќуфхцчџш", _CYRILLIC + "ёәғқңөұүһі", _CYRILLIC + "ёғӣқӯҳҷ"),
            *(_WESTERN, _CENTRAL),
        ),
    )
)
#: The last two of them say less about the encoding than a language does.
_OF_A_LIST = 0.7
#: White space, and punctuation that follows letters without a space.
_EASTERN = r"\u3000-\u303f\u30fb\uff00-\uff0f\uff1a-\uff20\uff61-\uff65"
_BETWEEN = rf"\s!-/:-@\[-`{{-~\u00a0\u2010-\u2015\u2019\u2026{_EASTERN}"
_WORD = re.compile(rf"[^{_BETWEEN}]+")
_SMALL = "a-zß-öø-ÿα-ωа-яѐ-џ"
_CAPITALS = "À-ÖØ-ÞŠŽŸĄĆĘŁŃŚŹŻČĎĚŇŘŤŮŐŰĀĒĢĪĶĻŅŪĖĮŲΑ-ΩА-ЯЀ-Џ"
#: What no word has inside: signs, digits beside foreign letters, capitals after small letters, and
#: one foreign letter over and over, as padding gives.
_ODD = re.compile(
    r"[^\W\d_][^\w\s\u00b7\u0300-\u036f\u0590-\u0eff\u200b-\u200f]+[^\W\d_]"
    r"|[^\W\d_]\d+[^\x00-\x7f]|[^\x00-\x7f\W]\d+[^\W\d_]"
    rf"|[{_SMALL}][{_CAPITALS}]|[^\W\d_][{_CAPITALS}][{_SMALL}]|[^\W\d_][\u201a\u201e\u00a1\u00bf]"
    r"|[\u00ae\u00b2\u00b3\u00b9\u00bc-\u00be][^\W\d_]"
    r"|(?![\x00-\x7f\u3040-\u9fff\uac00-\ud7ff])([^\W\d_])\1{3}"
)
_EAST_ASIAN = frozenset(
    ["CJK", "HIRAGANA", "KATAKANA", "HANGUL", "FULLWIDTH", "HALFWIDTH", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"]
)


def measure_oddness(text: str) -> float:
    """Return which share of the words with foreign letters no language has, from 0 to 1."""
    sound: Counter[frozenset[str]] = Counter()
    odd = 0
    for found in _WORD.finditer(text[:_JUDGED_CHARS]):
        if found[0].isascii():
            continue
        word = normalize("NFC", found[0])
        letters = frozenset(char for char in word.lower() if char > "\x7f" and not _is_sign(char))
        if _ODD.search(word) or len(set(map(_script, word)) - {""}) > 1:
            odd += 1
        elif letters:
            sound[letters] += 1
    total = odd + sound.total()
    return 1 - _most_spelled(sound) / total if total else 0.0


def _most_spelled(words: Counter[frozenset[str]]) -> float:
    """Return how many words, given as their foreign letters, the best alphabet spells."""
    elsewhere = sum(times for letters, times in words.items() if not _has_alphabets(letters))
    listed = {letters: times for letters, times in words.items() if _has_alphabets(letters)}
    spelled = [sum(times for letters, times in listed.items() if letters <= known) for known in _ALPHABETS]
    return elsewhere + max(*spelled[:-2], *(_OF_A_LIST * times for times in spelled[-2:]))


def _has_alphabets(letters: frozenset[str]) -> bool:
    return any(_script(letter) in {"LATIN", "CYRILLIC"} for letter in letters)


@cache
def _is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] not in "LM"


@cache
def _script(character: str) -> str:
    """Return the script of a letter, one for all of East Asia; empty for signs that any script uses."""
    if unicodedata.category(character)[0] != "L":
        return ""
    first = unicodedata.name(character, "").partition(" ")[0]
    if first in {"MODIFIER", "MICRO"}:
        return ""
    if first in _EAST_ASIAN:
        return "EAST"
    return "LATIN" if first in {"FEMININE", "MASCULINE"} else first
