"""Answers without a language model: sentences quoted from the best passages, or an honest "not found".

How often they hold what was asked for is measured by `tests/benchmarks/answers.py`; see docs/performance.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from operator import itemgetter

from calypso_mcp.domain.outlines import HEADING_SEPARATOR
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR
from calypso_mcp.local.retrieval import sentences
from calypso_mcp.local.retrieval.naming import NOTHING_NAMED, Named
from calypso_mcp.local.retrieval.ranking import inverse_frequency
from calypso_mcp.local.retrieval.words.stems import Sought, Stems
from calypso_mcp.local.retrieval.words.stop_words import BESIDE_COST, COST, MONEY
from calypso_mcp.local.retrieval.words.tokens import (
    beginning,
    content_phrases,
    is_english,
    is_stemmed,
    query_phrases,
)

#: Passages that are looked at, and sentences that are quoted at most.
PASSAGES = 3
QUOTATIONS = 3

#: Passages that score less than this share of the best are not quoted.
_LEAST_OF_BEST = 0.5
_WORD = re.compile(r"\w+")
#: A number that is not part of a name ("BX-200").
_NUMBER = re.compile(r"(?<![\w-])\d")
#: How receipts and price lists state amounts.
_AMOUNT = re.compile(r"\s\d{1,6}[.,]\d\d\Z")
#: Sets off what a heading says from what it speaks of ("Price: 90 EUR").
_VALUE = ": "
#: Currencies are written onto their amounts, too ("20kr").
_LETTERS = re.compile(r"[^\W\d_]+")
#: What the place of its passage in the search adds to a sentence that has words of the question.
_PASSAGE_WEIGHT = 0.6
#: What a word of the question above a sentence counts for it.
_HEADING_WEIGHT = 0.8
#: Share of what the question's words weigh that some passage must hold: in English, in scripts whose words
#: have lost their endings, and elsewhere, where words count by their beginnings (German: misled by 10 % of
#: unanswerable questions, not 16 %).
_LEAST_SHARE_ENGLISH = 0.4
_LEAST_SHARE_STEMMED = 0.34
_LEAST_SHARE = 0.46
#: Among fewer passages chance says how rare a word is, so that one absent word would outweigh the others.
_FEWEST_PASSAGES = 100
#: Marks at the end of a statement.
_ENDS = (".", "!", "。", "！", "।", "։", "۔")
#: A greeting states nothing, and who wrote a letter when says nothing of its subject.
_GREETING = re.compile(r".{1,60},")
_SENDER = re.compile(r"From: [^@]{1,160}@")
_SENDING = re.compile(r"(?:To|Cc|Date): ")
#: A list below a heading or question answers as a whole, also one of named values ("Mon: 9-17").
_ITEM = re.compile(r"(?:[-*+\u2022]|\d{1,3}[.)]|[^\s:=]{1,60}:) ")
#: A follow-up of so few content words ("and for managers?") is read together with what was asked before.
_FEW_WORDS = 2


@dataclass(frozen=True, slots=True)
class Source:
    """A passage found: what is said around it, its text, and its score (higher is better).

    `is_reply`: the text answers what the context asks, in whatever words. `sections`: the parts of the text,
    each after the heading above it, where there are several.
    """

    context: str
    text: str
    score: float
    is_reply: bool = False
    sections: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of an answer, and the positions (from 0) of the passages that it rests on."""

    text: str
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the words of earlier questions that a short one is read together with."""

    text: str
    before: str = ""

    @classmethod
    def following(cls, text: str, before: str) -> Question:
        """Return a question asked after others: one of few words leans on what was sought `before`."""
        return cls(text, before if len(query_phrases(text)) <= _FEW_WORDS else "")

    @property
    def asks_price(self) -> bool:
        """Whether nothing answers that states no price: not of "When is the fee due?"."""
        words = _words(self.text)
        return not COST.isdisjoint(words) and words[0] not in BESIDE_COST

    @property
    def sought(self) -> str:
        """The words to look for passages with."""
        return f"{self.text}\n{self.before}" if self.before else self.text

    @property
    def least_share(self) -> float:
        """How much of it, by weight, one passage must hold to answer it."""
        if is_english(self.text):
            return _LEAST_SHARE_ENGLISH
        return _LEAST_SHARE_STEMMED if is_stemmed(self.text) else _LEAST_SHARE

    def phrases(self) -> list[str]:
        """Return the words as the index takes them; of languages without a stemmer how they begin."""
        return self._phrases_of(self.sought)

    def _phrases_of(self, text: str) -> list[str]:
        phrases = content_phrases(text)
        return phrases if is_english(self.text) else list(dict.fromkeys(map(beginning, phrases)))

    def weights(self, passages: int, frequencies: Sequence[int]) -> list[float]:
        """Return the weight of each of `phrases`: the rarer, the higher; half if it comes from `before`.

        `frequencies` states how many of the `passages` match each phrase.
        """
        own = set(self._phrases_of(self.text))
        whole = max(passages, _FEWEST_PASSAGES)
        return [
            inverse_frequency(found, whole) * (1.0 if phrase in own else 0.5)
            for phrase, found in zip(self.phrases(), frequencies, strict=True)
        ]


def quotations(
    words: Mapping[str, float],
    found: Sequence[Source],
    least_share: float,
    *,
    of_price: bool = False,
    named: Named = NOTHING_NAMED,
) -> list[Said]:
    """Return the sentences that answer best, best first; none where the passages do not answer.

    `words` states the weight of each phrase asked for; of the first few passages, which are looked at, one
    must hold `least_share` of that. `of_price`: only those answer that state a price.
    """
    best = [source for source in found[:PASSAGES] if source.score >= _LEAST_OF_BEST * found[0].score]
    candidates = list(_candidates(words, best, of_price=of_price))
    texts = [f"{source.context}\n{source.text}" for source in best]
    stems = Stems()
    stems.pieces([*texts, *(text for candidate in candidates for text in (candidate.said, candidate.above))])
    sought = stems.seek(words)
    least = least_share * sought.whole
    if all(sought.weigh(sought.held_by(text)) < least for text in texts):
        return []
    shares = [_share(candidate, sought, least, of_price=of_price) for candidate in candidates]
    chosen = _about_named(named, _rank(candidates, shares, found[0].score or 1.0))
    said = [candidate for candidate in chosen if not candidate.is_label] or chosen
    return [Said(candidate.sentence, (best.index(candidate.source),)) for candidate in said[:QUOTATIONS]]


def _share(candidate: _Candidate, sought: Sought, least: float, *, of_price: bool) -> float:
    """Return how much of what is sought a candidate answers, by weight; 0 if it is no answer."""
    is_reply = candidate.source.is_reply
    own, above = sought.held_by(candidate.said), sought.held_by(candidate.above)
    weight = sought.weigh(own | above if is_reply or of_price else own)
    if not weight or (is_reply and weight < least):
        return 0.0
    # The question above a stored answer is as good as the answer's own words.
    share = 1.0 if is_reply else _HEADING_WEIGHT
    return (sought.weigh(own) + share * sought.weigh(above & ~own)) / sought.whole


def _rank(candidates: Sequence[_Candidate], shares: Sequence[float], top: float) -> list[_Candidate]:
    """Return the candidates that answer some share, best first; `top` is the score of the best passage."""
    scored = [
        (share + _PASSAGE_WEIGHT * candidate.source.score / top, candidate)
        for candidate, share in zip(candidates, shares, strict=True)
        if share
    ]
    return [candidate for _, candidate in sorted(scored, key=itemgetter(0), reverse=True)]


def _about_named(named: Named, chosen: Sequence[_Candidate]) -> list[_Candidate]:
    """Leave out what speaks of others than what is named; where the best does, whatever does not name it."""
    texts = [f"{candidate.above}\n{candidate.said}" for candidate in chosen]
    missed = list(map(named.is_missed_by, texts))
    is_misled = any(missed[:1])
    return [
        candidate
        for candidate, text, is_missed in zip(chosen, texts, missed, strict=True)
        if not is_missed and (not is_misled or named.is_met_by(text))
    ]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


class _Form(Enum):
    SENDER = auto()
    ITEM = auto()
    PROSE = auto()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What may be quoted: a sentence that states something, or a whole reply.

    `before` are the questions and headings that it answers, `above` is what stands above its section.
    `is_label`: the citation shows it anyway.
    """

    source: Source
    sentence: str
    before: Sequence[str]
    above: str
    is_label: bool = False

    @property
    def said(self) -> str:
        return "\n".join([*self.before, self.sentence])

    @property
    def states_price(self) -> bool:
        """Whether it speaks of a price, answers a question for one, or is a number below such a heading."""
        needs_no_word = self.source.is_reply or _NUMBER.search(self.sentence)
        asked = filter(sentences.is_question, self.before)
        return any(map(_speaks_of_price, (self.sentence, *asked, self.above if needs_no_word else "")))


def _candidates(words: Collection[str], found: Sequence[Source], *, of_price: bool) -> Iterator[_Candidate]:
    """Yield each different sentence that states something once; if `of_price`, something of a price."""
    seen: set[tuple[str, ...]] = set()
    for source in found:
        for candidate in _read_reply(source) if source.is_reply else _read_statements(source, words):
            said = tuple(_words(candidate.sentence))
            if said not in seen and (not of_price or candidate.states_price):
                seen.add(said)
                yield candidate


def _read_reply(source: Source) -> Iterator[_Candidate]:
    labels = _labels(source.context)
    reply = "\n".join(line for line in source.text.splitlines() if line.strip() not in labels).strip()
    if reply:
        yield _Candidate(source, reply, (), source.context)


def _read_statements(source: Source, words: Collection[str]) -> Iterator[_Candidate]:
    """Yield the sentences that are neither questions nor greetings, nor only repeat what is asked.

    Each answers the questions and headings before it, back to the last answer; the items of a list all do.
    """
    asked: Sequence[str] = ()
    form = _Form.PROSE
    for heading, text in source.sections or [("", source.text)]:
        above = _Above(f"{source.context}\n{heading}")
        asked = [part for part in asked if part in above.titles]
        for sentence in dict.fromkeys(sentences.split(text, by_line=True)):
            was_item, form = form is _Form.ITEM, _form(sentence, form)
            if was_item and form is not _Form.ITEM:
                asked = ()
            if _GREETING.fullmatch(sentence) and form is not _Form.ITEM:
                continue
            asks, is_label = above.asks(sentence, words), above.shows(sentence)
            if not asks:
                before = () if form is _Form.SENDER else asked
                yield _Candidate(source, sentence, before, above.text, is_label)
            if asks or is_label:
                asked = [*asked, sentence]
            elif form is _Form.PROSE:
                asked = ()


class _Above:
    """What stands above a section."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.titles = _labels(text)
        asking = filter(sentences.is_question, self.titles)
        self._questions = {sentence for title in asking for sentence in sentences.split(title)}

    def shows(self, sentence: str) -> bool:
        """Whether a citation shows a sentence anyway."""
        return _VALUE not in sentence and sentence in self.titles

    def asks(self, sentence: str, words: Collection[str]) -> bool:
        """Whether a sentence asks or only repeats what is asked; a full one confirms it, which answers it."""
        if sentence in self._questions or sentences.is_question(sentence):
            return True
        return not sentence.rstrip().endswith(_ENDS) and all(
            phrase in words or beginning(phrase) in words for phrase in content_phrases(sentence)
        )


def _form(sentence: str, previous: _Form) -> _Form:
    # Only below the sender: the date of a meeting says when it is.
    if (_SENDING if previous is _Form.SENDER else _SENDER).match(sentence):
        return _Form.SENDER
    is_item = _ITEM.match(sentence) or CELL_SEPARATOR in sentence
    return _Form.ITEM if is_item and not sentences.is_question(sentence) else _Form.PROSE


def _speaks_of_price(text: str) -> bool:
    has_sign = any(unicodedata.category(char) == "Sc" for char in text)
    return (
        has_sign
        or _AMOUNT.search(text) is not None
        or not MONEY.isdisjoint(_LETTERS.findall(text.casefold()))
    )


def _labels(above: str) -> set[str]:
    """Return the titles that stand above a text, each by itself, too."""
    return {title.strip() for line in above.splitlines() for title in (line, *line.split(HEADING_SEPARATOR))}
