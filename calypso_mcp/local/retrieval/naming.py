"""What a question names: codes, years, numbered things, and names.

A passage about another one of the kind holds nearly all words of the question, but is no answer to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Final

from calypso_mcp.domain.outlines import HEADING_SEPARATOR
from calypso_mcp.local.retrieval.sentences import is_question
from calypso_mcp.local.retrieval.words.stop_words import ENGLISH, FUNCTION_WORDS, UNREMARKABLE
from calypso_mcp.local.retrieval.words.tokens import is_english, query_phrases

#: Scripts in which no space sets off a code or a year: Chinese, Japanese, Korean.
_UNSPACED = r"\u3040-\u9fff\uac00-\ud7a3"
#: A number is one with its unit ("12000円"), not with what links it or says that it is a code ("20417号").
_TOKEN = re.compile(
    rf"\d++(?![号號番はがをのにで的])[{_UNSPACED}]|[^\W_{_UNSPACED}]++(?:[-._]++[^\W_{_UNSPACED}]++)*+"
)
_YEAR = re.compile(rf"(?<![^\W{_UNSPACED}])(?<![.,])(?:19|20)\d\d(?![^\W年년]|[.,]\d)")
#: A year that is only a bound ("since 2020") is met by others.
_BOUNDED = re.compile(
    r"\b(?:since|before|after|until|between|than|seit|vor|nach|bis|zwischen|depuis|avant|après|entre|desde|antes"
    r"|después|hasta|dal|dopo|prima|sinds|voor|tussen|od|przed|po)\b\D{0,12}(?:19|20)\d\d"
    r"|(?:19|20)\d\d\s?(?:-|\u2013|to|bis)\s?(?:19|20)\d\d"
    r"|(?:19|20)\d\d[年년][度末初底말초]?\s?"
    r"(?:[以之至到起~\u301c\uff5e-]|[前後后](?![半期二两三四])|から|より|まで|이후|이전|부터|까지)",
    re.IGNORECASE,
)
#: "PR-402", "X9", "3A", "ORDERS_DB_URL", "3.4.1", "20417"; no amounts ("3kg", "12V") or dates ("2024-05-02").
_CODE = re.compile(r"[A-Z]\D*+\d.*+|[a-z]++\d.*+|\d{1,3}[A-UX-Z]|[A-Za-z]++_.++|\d++\.\d++\.\d{1,3}|\d{5,}+")
#: Questions that begin so are answered by a rule, too, which need not mention a name ("Can I go to Spain?").
_WHETHER = "can could may am is are was were do does did has have had will would should must"
_ASK_WHETHER = frozenset(_WHETHER.split())
#: What may follow a number that counts nothing.
_NO_UNITS = UNREMARKABLE | {"per", "pro"}
#: Names and codes that are looked up; a pasted log has hundreds.
_MOST_REQUIRED = 16
_PARTS = re.compile(r"[^\W_]+")
_PIECES = re.compile(r"[^\W\d_]+|\d+")
_DIGITS = re.compile(r"\d+")
#: A number after a word ("floor 7", "release 8.1"), however it is set off ("Floor: 7").
_NUMBERED = re.compile(
    r"(?<![^\W\d_])([^\W\d_]{3,}+)[\s:#.-]{1,3}+(\d++(?:\.\d++)*+[A-Z]?)(?![\w%]|,\d)(?=\W*+(\w*+))"
)


@dataclass(frozen=True, slots=True)
class Named:
    """What a question names.

    `required` are its names and codes, each as FTS5 phrases of which one must be found somewhere; `names` are
    the phrases of names that need not be found.
    """

    years: set[str]
    numbered: Mapping[str, set[str]]
    codes: Mapping[str, set[str]]
    required: Sequence[Sequence[str]]
    names: set[str]

    @classmethod
    def by(cls, question: str) -> Named:
        """Return what a question names."""
        names = list(_names(question)) if _has_names_in_capitals(question) else []
        asks_whether = not _ASK_WHETHER.isdisjoint(question.casefold().split()[:1])
        return cls(
            set[str]() if _BOUNDED.search(question) else set(_YEAR.findall(question)),
            _numbered_words(question, is_question=True),
            _codes_by_shape(question),
            [*map(_spellings, _codes(question)), *([] if asks_whether else names)][:_MOST_REQUIRED],
            set(chain.from_iterable(names)) if asks_whether else set(),
        )

    def is_missed_by(self, said: str) -> bool:
        """Whether a text, with its headings, speaks only of others of the kinds that are named."""
        return any(own and other and own.isdisjoint(other) for own, other in self._kinds(said))

    def is_met_by(self, said: str) -> bool:
        """Whether it speaks of one that is named."""
        return any(own & other for own, other in self._kinds(said))

    def _kinds(self, said: str) -> Iterator[tuple[set[str], set[str]]]:
        """Yield of each kind what the question names, and what is said."""
        yield self.years, set(_YEAR.findall(said))
        numbered, codes = _numbered_words(said), _codes_by_shape(said)
        for word, numbers in self.numbered.items():
            yield numbers, numbered.get(word, set())
        for shape, own in self.codes.items():
            yield own, codes.get(shape, set())
        if self.names:  # the answer to a question about another is none
            asked = (line.rpartition(HEADING_SEPARATOR)[2] for line in said.splitlines() if is_question(line))
            yield self.names, {phrase for line in asked for name in _names(line) for phrase in name}


NOTHING_NAMED: Final = Named(set(), {}, {}, (), set())


def _codes(text: str) -> Iterator[str]:
    return filter(_CODE.fullmatch, _TOKEN.findall(text))


def _spellings(code: str) -> list[str]:
    """Return how a code stands in the index: as it is, letters and digits apart, or as one word."""
    parts, pieces = (pattern.findall(code.lower()) for pattern in (_PARTS, _PIECES))
    apart = {f'"{part}"' for part in parts}
    whole = (f'"{" ".join(cut)}"' for cut in (parts, pieces))
    return list(dict.fromkeys([*whole, *(phrase for phrase in query_phrases(code) if phrase not in apart)]))


def _codes_by_shape(text: str) -> dict[str, set[str]]:
    shapes: dict[str, set[str]] = {}
    for code in _codes(text):
        shapes.setdefault(_DIGITS.sub("0", code.lower()), set()).add(code.lower())
    return shapes


def _numbered_words(text: str, *, is_question: bool = False) -> dict[str, set[str]]:
    """Return the numbers after each word; of a question none before a word that may be its unit."""
    found: dict[str, set[str]] = {}
    for match in _NUMBERED.finditer(text):
        word, number, following = (part.casefold() for part in match.groups())
        is_amount = is_question and following and following not in _NO_UNITS
        if word not in UNREMARKABLE and not is_amount and not _YEAR.fullmatch(number):
            found.setdefault(word, set()).add(number)
    return found


def _names(text: str) -> Iterator[list[str]]:
    """Yield the phrases of each run of words in capitals within a question."""
    words = text.split()[1:]
    for is_name, run in groupby(words, lambda word: word[:1].isupper() and word[1:2].islower()):
        phrases = query_phrases(" ".join(run)) if is_name else ()
        if remarkable := [phrase for phrase in phrases if phrase.strip('"') not in UNREMARKABLE]:
            yield remarkable


def _has_names_in_capitals(text: str) -> bool:
    """Whether a question is in English; in German all nouns have capitals."""
    words = {word.casefold() for word in text.split()}
    return is_english(text) and words.isdisjoint(FUNCTION_WORDS - ENGLISH)
