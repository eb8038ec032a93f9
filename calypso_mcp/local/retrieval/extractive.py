"""Answers without a language model: sentences quoted from the best passages, or an honest "not found".

How often they hold what was asked for is measured by `tests/benchmarks/answers.py`; see docs/performance.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from calypso_mcp.domain.outlines import HEADING_SEPARATOR
from calypso_mcp.local.retrieval import sentences
from calypso_mcp.local.retrieval.ranking import telling
from calypso_mcp.local.retrieval.words.stems import Stems, weigh
from calypso_mcp.local.retrieval.words.stop_words import BESIDE_COST, COST, MONEY
from calypso_mcp.local.retrieval.words.tokens import (
    beginning,
    is_english,
    is_stemmed,
    query_phrases,
    telling_phrases,
)

#: Passages that are looked at, and sentences that are quoted at most.
PASSAGES = 3
QUOTATIONS = 3

#: Passages that score less than this share of the best are not quoted.
_LEAST_OF_BEST = 0.5
_WORD = re.compile(r"\w+")
#: A number that is not part of a name ("BX-200").
_NUMBER = re.compile(r"(?<![\w-])\d")
#: Currencies are written onto their amounts, too ("20kr").
_LETTERS = re.compile(r"[^\W\d_]+")
#: What the place of its passage in the search adds to a sentence that has words of the question.
_PASSAGE_WEIGHT = 0.6
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
#: A follow-up of so few telling words ("and for managers?") is read together with what was asked before.
_FEW_WORDS = 2


@dataclass(frozen=True, slots=True)
class Source:
    """A passage found: what is said around it, its text, and its score (higher is better).

    `is_reply`: the text answers what the context asks, in whatever words.
    """

    context: str
    text: str
    score: float
    is_reply: bool = False

    @property
    def sentences(self) -> list[str]:
        """What can be quoted: of a reply all of it, without the question."""
        if not self.is_reply:
            return list(dict.fromkeys(sentences.split(self.text)))
        labels = self.labels
        reply = "\n".join(line for line in self.text.splitlines() if line.strip() not in labels).strip()
        return [reply] if reply else []

    @property
    def labels(self) -> set[str]:
        """The titles around it, which its citation shows."""
        return {
            title.strip()
            for line in self.context.splitlines()
            for title in (line, *line.split(HEADING_SEPARATOR))
        }


@dataclass(frozen=True, slots=True)
class Quotation:
    """A sentence, and the position of its passage among those found."""

    source: int
    text: str


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
        phrases = telling_phrases(text)
        return phrases if is_english(self.text) else list(dict.fromkeys(map(beginning, phrases)))

    def weights(self, passages: int, frequencies: Sequence[int]) -> list[float]:
        """Return how much each of `phrases` tells: the rarer the more, half where it stood in `before`.

        `frequencies` states how many of the `passages` match each phrase.
        """
        own = set(self._phrases_of(self.text))
        whole = max(passages, _FEWEST_PASSAGES)
        return [
            telling(found, whole) * (1.0 if phrase in own else 0.5)
            for phrase, found in zip(self.phrases(), frequencies, strict=True)
        ]


def quotations(
    words: Mapping[str, float], found: Sequence[Source], least_share: float, *, of_price: bool = False
) -> list[Quotation]:
    """Return the sentences that answer best, best first; none where the passages do not answer.

    `words` states how much each phrase asked for tells; of the first few passages, which are looked at, one
    must hold `least_share` of that. `of_price`: only those answer that state a price.
    """
    top = found[0].score if found else 0.0
    best = [source for source in found[:PASSAGES] if source.score >= _LEAST_OF_BEST * top]
    whole = sum(words.values())
    if not best or not whole:
        return []
    candidates = list(_candidates(words, best, of_price=of_price))
    texts = [f"{source.context}\n{source.text}" for source in best]
    weights = _weights(words, [*texts, *(candidate.scored for candidate in candidates)])
    if max(weights[: len(best)]) < least_share * whole:
        return []
    ranked = sorted(
        (
            (
                weight / whole + _PASSAGE_WEIGHT * best[candidate.quotation.source].score / (top or 1.0),
                -position,
            )
            for position, (candidate, weight) in enumerate(zip(candidates, weights[len(best) :], strict=True))
            if weight and (weight >= least_share * whole or not best[candidate.quotation.source].is_reply)
        ),
        reverse=True,
    )
    chosen = [candidates[-position] for _, position in ranked]
    said = [candidate for candidate in chosen if not candidate.is_label] or chosen
    return [candidate.quotation for candidate in said[:QUOTATIONS]]


def _speaks_of_price(text: str) -> bool:
    has_sign = any(unicodedata.category(char) == "Sc" for char in text)
    return has_sign or not MONEY.isdisjoint(_LETTERS.findall(text.casefold()))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What may be quoted, the text it is judged by, and whether the citation shows it anyway."""

    quotation: Quotation
    scored: str
    is_label: bool


def _candidates(
    asked_for: Collection[str], found: Sequence[Source], *, of_price: bool
) -> Iterator[_Candidate]:
    """Yield each different sentence once, except questions and what only repeats what is asked.

    What follows those answers them, so that it is judged together with them, and a price with its headings.
    With `of_price`, only sentences that speak of one, answer a question for one, or state a number below a
    heading that speaks of one.
    """
    seen: set[tuple[str, ...]] = set()
    for position, source in enumerate(found):
        asked: list[str] = []
        labels = source.labels
        asking = {
            sentence
            for label in labels
            if sentences.is_question(label)
            for sentence in sentences.split(label)
        }
        for sentence in source.sentences:
            if not source.is_reply and (
                sentence in asking or sentences.is_question(sentence) or _only_repeats(sentence, asked_for)
            ):
                asked.append(sentence)
                continue
            said = tuple(_words(sentence))
            needs_no_word = source.is_reply or _NUMBER.search(sentence)
            speaking = [
                sentence,
                *filter(sentences.is_question, asked),
                source.context if needs_no_word else "",
            ]
            if said not in seen and (not of_price or any(map(_speaks_of_price, speaking))):
                seen.add(said)
                # A reply need not repeat any word of the question that it is the answer to.
                around = [source.context] if source.is_reply or of_price else []
                scored = "\n".join([*around, *asked, sentence])
                yield _Candidate(Quotation(position, sentence), scored, sentence in labels)
            asked = []


def _only_repeats(sentence: str, asked_for: Collection[str]) -> bool:
    """Whether a heading says no more than the question. A full sentence confirms it, which is an answer."""
    return not sentence.rstrip().endswith(_ENDS) and all(
        phrase in asked_for or beginning(phrase) in asked_for for phrase in telling_phrases(sentence)
    )


def _weights(words: Mapping[str, float], texts: Sequence[str]) -> list[float]:
    """Return what the `words` in each of `texts` weigh, found as the index itself would."""
    stems = Stems()
    stems.pieces(texts)
    sought = stems.seek(list(words))
    return [weigh(sought.held_by(text), list(words.values())) for text in texts]
