"""Whether passages bear out a sentence: a check of words and numbers, not of logic.

A sentence is supported if the passages it cites hold every number with its unit, date, quotation, address,
identifier and (in English) name in it, and most of its words, if no clause denies what they affirm, and if
the place that bears it out has to do with the question. A paraphrase may fail; a sentence that fails is left
out, never shown as supported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from calypso_mcp.local.retrieval import sentences
from calypso_mcp.local.retrieval.words.tokens import is_english, query_phrases
from calypso_mcp.local.writing import measures, polarity
from calypso_mcp.local.writing.measures import ENGLISH_MONTHS, ENGLISH_NUMBERS, TENS

#: Share of a sentence's content words that its passages must hold.
_LEAST_SHARE = 0.5
#: Letters by which two forms of a word are taken for one.
_STEM = 5
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_QUOTED = re.compile('["\u201c\u201e\u00ab]([^"\u201c\u201d\u201e\u00ab\u00bb]{8,400})["\u201d\u201c\u00bb]')
#: What addresses and identifiers hold.
_MARKS = ("@", "://", "_", "www.")
_EDGES = ".,;:!?()[]{}<>\"'`*\u201c\u201d"
_TEN = 10
#: Without May, which is seldom a month.
_MONTHS = {name: number for number, name in enumerate(ENGLISH_MONTHS.split(), start=1) if name != "may"}


@dataclass(frozen=True)
class Evidence:
    """A text that may bear a sentence out; its `context` (title, headings, file) lends names and numbers.

    `is_close` says that its meaning is close to the question, whatever its words.
    """

    text: str
    context: str = ""
    is_close: bool = False

    @property
    def whole(self) -> str:
        """The text below its context."""
        return f"{self.context}\n{self.text}"

    @cached_property
    def folded(self) -> str:
        """All of it, as `_fold` returns it."""
        return _fold(self.whole)

    @cached_property
    def stems(self) -> frozenset[str]:
        """The words of all of it."""
        return _stems(self.whole)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The numbers of all of it, those in words included."""
        return _numbers(self.folded) | _numbers_in_words(self.folded)

    @cached_property
    def sentences(self) -> Sequence[tuple[str, frozenset[str]]]:
        """The sentences of the text and their words."""
        return [(sentence, _stems(sentence)) for sentence in sentences.split(self.text)]


def is_supported(sentence: str, evidence: Sequence[Evidence], question: str) -> bool:
    """Whether `evidence` bears `sentence` out as an answer to `question`."""
    content = _stems_of(sentence)
    stems = frozenset[str]().union(*(source.stems for source in evidence))
    exact, plain = _apart(sentence)
    return (
        bool(content)
        and len(content & stems) >= _LEAST_SHARE * len(content)
        and _holds_copies([*exact, *_QUOTED.findall(sentence)], evidence)
        and _holds_numbers(plain, evidence)
        and {name[:_STEM] for name in _names(plain)} <= stems | _stems(question)
        and measures.are_borne_out(plain, "\n".join(source.whole for source in evidence))
        and not polarity.contradicts(
            sentence, [place for source in evidence for place, _ in source.sentences], _stems_of
        )
        and _is_about(content, evidence, question)
    )


def _holds_copies(copies: Iterable[str], evidence: Sequence[Evidence]) -> bool:
    folded = " ".join(source.folded for source in evidence)
    return all(_fold(copied).strip(_EDGES) in folded for copied in copies)


def _holds_numbers(plain: str, evidence: Sequence[Evidence]) -> bool:
    numbers = frozenset[str]().union(*(source.numbers for source in evidence))
    return _numbers(plain) <= numbers and _numbers_in_words(plain.casefold()) <= numbers


def _apart(sentence: str) -> tuple[list[str], str]:
    """Return the addresses and identifiers, which have no paraphrase, and the rest."""
    exact: list[str] = []
    plain: list[str] = []
    for token in sentence.split():
        is_address = any(mark in token for mark in _MARKS)
        for part in [token] if is_address else token.split("-"):
            if is_address or (any(map(str.isdigit, part)) and any(map(str.isalpha, part))):
                exact.append(part.strip(_EDGES))
            else:
                plain.append(part)
    return exact, " ".join(plain)


def _is_about(content: frozenset[str], evidence: Sequence[Evidence], question: str) -> bool:
    """Whether it or what bears it out shares a word with the question, or stands in a text close to it."""
    asked = _stems_of(question)
    if not asked or asked & content:
        return True
    places = ((stems, source.is_close) for source in evidence for _, stems in source.sentences)
    best, is_close = max(places, key=lambda place: len(place[0] & content), default=(frozenset[str](), False))
    return bool(best & content) and (is_close or bool(best & asked))


def _fold(text: str) -> str:
    """Return a text in small letters and single spaces."""
    return " ".join(text.casefold().split())


def _stems(text: str) -> frozenset[str]:
    """Return how the words begin, and those as the index splits them (names, scripts without spaces)."""
    words = frozenset(word.casefold()[:_STEM] for word in _WORD.findall(text))
    return words.union(*map(_stems_of, sentences.split(text)))


def _stems_of(text: str) -> frozenset[str]:
    return frozenset(phrase.strip('"*')[:_STEM] for phrase in query_phrases(text))


def _numbers(text: str) -> frozenset[str]:
    return frozenset(_plain(number) for number in _NUMBER.findall(text))


def _plain(number: str) -> str:
    if _THOUSANDS.fullmatch(number):
        return measures.join_digits(number)
    return number.replace(",", ".").lstrip("0") or "0"


def _numbers_in_words(folded: str) -> frozenset[str]:
    """Return the numbers that English words say: `seven`, `twenty-seven`, and the months as in a date."""
    found: list[str] = []
    tens = 0
    for word in _WORD.findall(folded):
        value = ENGLISH_NUMBERS.get(word, 0)
        if tens and 0 < value < _TEN:
            found[-1] = str(tens + value)
        elif value:
            found.append(str(value))
        tens = value if word in TENS else 0
        if word in _MONTHS:
            found.append(str(_MONTHS[word]))
    return frozenset(found)


def _names(sentence: str) -> list[str]:
    """Return the names: words in capitals and, in English, words that begin with one within the sentence."""
    english = is_english(sentence)
    return [
        word.casefold()
        for position, word in enumerate(_WORD.findall(sentence))
        if len(word) > 1 and (word.isupper() or (english and position and word[0].isupper()))
    ]
