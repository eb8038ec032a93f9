"""Answers without a language model: sentences quoted from the best passages, or an honest "not found".

How often they hold what was asked for is measured by `tests/benchmarks/answers.py`; see docs/performance.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from calypso_mcp.domain.outlines import HEADING_SEPARATOR
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR
from calypso_mcp.local.retrieval import sentences
from calypso_mcp.local.retrieval.naming import Named
from calypso_mcp.local.retrieval.ranking import inverse_frequency
from calypso_mcp.local.retrieval.words.stems import Stems, weigh
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

    @property
    def sentences(self) -> Iterator[tuple[str, str]]:
        """Yield each sentence that can be quoted, after the headings above it; of a reply all of it."""
        if self.is_reply:
            labels = _labels(self.context)
            reply = "\n".join(line for line in self.text.splitlines() if line.strip() not in labels).strip()
            yield from [(self.context, reply)] if reply else []
            return
        for heading, text in self.sections or [("", self.text)]:
            above = f"{self.context}\n{heading}"
            yield from ((above, sentence) for sentence in dict.fromkeys(sentences.split(text, by_line=True)))


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
    named: Named | None = None,
) -> list[Said]:
    """Return the sentences that answer best, best first; none where the passages do not answer.

    `words` states the weight of each phrase asked for; of the first few passages, which are looked at, one
    must hold `least_share` of that. `of_price`: only those answer that state a price.
    """
    top = found[0].score if found else 0.0
    best = [source for source in found[:PASSAGES] if source.score >= _LEAST_OF_BEST * top]
    whole = sum(words.values())
    if not best or not whole:
        return []
    candidates = list(_candidates(words, best, of_price=of_price))
    texts = [f"{source.context}\n{source.text}" for source in best]
    judged = [text for candidate in candidates for text in (candidate.said, candidate.above)]
    held = _held(words, [*texts, *judged])
    told = list(words.values())
    if max(weigh(bits, told) for bits in held[: len(best)]) < least_share * whole:
        return []
    ranked: list[tuple[float, int]] = []
    for position, candidate in enumerate(candidates):
        own, above = held[len(best) + 2 * position : len(best) + 2 * position + 2]
        source = best[candidate.quotation.sources[0]]
        weight = weigh(own | above if source.is_reply or of_price else own, told)
        if weight and (weight >= least_share * whole or not source.is_reply):
            # The question above a stored answer is as good as the answer's own words.
            share = 1.0 if source.is_reply else _HEADING_WEIGHT
            weight = weigh(own, told) + share * weigh(above & ~own, told)
            ranked.append((weight / whole + _PASSAGE_WEIGHT * source.score / (top or 1.0), -position))
    chosen = [candidates[-position] for _, position in sorted(ranked, reverse=True)]
    if named is not None:
        chosen = _about_named(named, chosen)
    said = [candidate for candidate in chosen if not candidate.is_label] or chosen
    return [candidate.quotation for candidate in said[:QUOTATIONS]]


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


def _speaks_of_price(text: str) -> bool:
    has_sign = any(unicodedata.category(char) == "Sc" for char in text)
    return (
        has_sign
        or _AMOUNT.search(text) is not None
        or not MONEY.isdisjoint(_LETTERS.findall(text.casefold()))
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What may be quoted, what it says with the questions before it, and what stands above it.

    `is_label`: the citation shows it anyway.
    """

    quotation: Said
    said: str
    above: str
    is_label: bool


def _candidates(
    asked_for: Collection[str], found: Sequence[Source], *, of_price: bool
) -> Iterator[_Candidate]:
    """Yield each different sentence once, except questions and what only repeats what is asked.

    What follows those and headings, in their section, is judged together with them.
    With `of_price`, only sentences that speak of one, answer a question for one, or state a number below a
    heading that speaks of one.
    """
    seen: set[tuple[str, ...]] = set()
    for position, source in enumerate(found):
        asked: list[str] = []
        section, was_item, is_sending = "", False, False
        for above, sentence in source.sentences:
            labels = _labels(above)
            if above != section:
                section, asked = above, [part for part in asked if part in labels]
            # Only below the sender: the date of a meeting says when it is.
            is_sending = (_SENDING if is_sending else _SENDER).match(sentence) is not None
            asks = sentences.is_question(sentence)
            is_item = not (is_sending or asks) and bool(_ITEM.match(sentence) or CELL_SEPARATOR in sentence)
            if was_item and not is_item:
                asked = []
            was_item = is_item
            asking = {
                part for label in labels if sentences.is_question(label) for part in sentences.split(label)
            }
            if _GREETING.fullmatch(sentence) and not (is_item or source.is_reply):
                continue
            if not source.is_reply and (sentence in asking or asks or _only_repeats(sentence, asked_for)):
                asked.append(sentence)
                continue
            is_label = sentence in labels and _VALUE not in sentence
            said = tuple(_words(sentence))
            before = [] if is_sending else asked
            needs_no_word = source.is_reply or _NUMBER.search(sentence)
            speaking = [sentence, *filter(sentences.is_question, before), above if needs_no_word else ""]
            if said not in seen and (not of_price or any(map(_speaks_of_price, speaking))):
                seen.add(said)
                together = "\n".join([*before, sentence])
                yield _Candidate(Said(sentence, (position,)), together, above, is_label)
            if is_label:
                asked = [*asked, sentence]
            elif not (is_item or is_sending):
                asked = []


def _only_repeats(sentence: str, asked_for: Collection[str]) -> bool:
    """Whether a heading says no more than the question. A full sentence confirms it, which is an answer."""
    return not sentence.rstrip().endswith(_ENDS) and all(
        phrase in asked_for or beginning(phrase) in asked_for for phrase in content_phrases(sentence)
    )


def _held(words: Mapping[str, float], texts: Sequence[str]) -> list[int]:
    """Return a bit for each of the `words` that each of `texts` holds, found as the index itself would."""
    stems = Stems()
    stems.pieces(texts)
    sought = stems.seek(list(words))
    return [sought.held_by(text) for text in texts]


def _labels(above: str) -> set[str]:
    """Return the titles that stand above a text, each by itself, too."""
    return {title.strip() for line in above.splitlines() for title in (line, *line.split(HEADING_SEPARATOR))}
