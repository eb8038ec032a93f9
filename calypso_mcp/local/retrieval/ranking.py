"""BM25 over candidate passages, with constants that FTS5 does not let us choose.

Chosen on 66 collections in 21 languages; docs/performance.md has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from calypso_mcp.local.indexing.documents import PartKind
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR, is_labelled, is_table
from calypso_mcp.local.retrieval.words.stems import Sought, Stems

_SATURATION = 1.2
_LENGTH_CORRECTION = 0.6
#: Times the mean length: only rows of tables are longer.
_LONGEST = 3.0
#: Factor of a passage that holds every word of a query. Without it, a passage that repeats all but one a
#: dozen times comes before the one that holds them all for half of the queries.
_HOLDS_ALL = 1.3
#: What the beginning of a word adds in a passage that holds the word as it is sought (Turkish, Greek: +.008,
#: +.006 nDCG@10 over counting both).
_ALSO_BEGINS = 0.5
#: What a word counts in each column.
_BODY, _TITLE, _HEADING = 1.0, 2.0, 1.0
#: Power of the share that a table's best row holds of its passage's words (tests.benchmarks.tables: .93 MRR,
#: without it .85; with power 1 prose comes before tables, .90).
_IN_ONE_ROW = 0.3
#: Share of the weight of all words that the best passage must hold for words to count fully beside closeness.
#: With 1, a model of another language costs more; with 0, paraphrases come later (.63, not .81 nDCG@10).
_ENOUGH = 0.6
#: Weight of the closeness in meaning; enough words count 1.
_CLOSENESS_WEIGHT = 2.0


class Row(NamedTuple):
    """A passage as it is stored; `length` in words, as FTS5 counts them in all columns."""

    length: int
    id: int
    file_id: str
    title: str
    text: str
    heading: str
    line_start: int | None
    line_end: int | None
    part_kind: PartKind | None
    part_number: int
    part_name: str | None
    outline: str | None


def inverse_frequency(frequency: int, passages: int) -> float:
    """Return the weight (idf) of a phrase: the rarer, the higher; positive even if most passages hold it."""
    return math.log(1 + (max(passages - frequency, 0) + 0.5) / (frequency + 0.5))


class Standing(NamedTuple):
    """How well a passage matches: its score, higher is better, and a bit for each phrase that it holds.

    `closeness` is that of its meaning to the query, 0 if it was not measured.
    """

    score: float
    held: int
    closeness: float = 0.0


#: A passage's id, the pieces of one of its columns, and what a word counts there.
Column = tuple[int, Sequence[str], float]


def columns(stems: Stems, candidates: Sequence[Row]) -> list[Column]:
    """Return the columns of the candidates that hold words, cut into pieces by `stems`."""
    texts = [
        (candidate.id, text, weight)
        for candidate in candidates
        for text, weight in (
            (candidate.text, _BODY),
            (candidate.title, _TITLE),
            (candidate.heading, _HEADING),
        )
        if text
    ]
    pieces = stems.pieces(text for _, text, _ in texts)
    return [(passage_id, own, weight) for (passage_id, _, weight), own in zip(texts, pieces, strict=True)]


def standings(
    candidates: Sequence[Row],
    columns: Sequence[Column],
    sought: Sought,
    *,
    whole: Mapping[str, Collection[int]],
    mean_length: float | None,
) -> list[Standing]:
    """Return how well each candidate matches; words of one stem count each.

    Phrases of several words count only in the candidates that hold them `whole`, as often as their rarest
    word. `mean_length` is that of a passage in words; None takes that of the candidates.
    """
    damping = _damping({candidate.id: candidate.length for candidate in candidates}, mean_length)
    totals = dict.fromkeys(damping, 0.0)
    held = dict.fromkeys(damping, 0)
    words = _words(sought.stems)
    holding = {word: set[int]() for word in words}
    found = zip(words, sought.weights, _found(columns, sought, whole), strict=True)
    for number, (word, weight, counts) in enumerate(found):
        earlier = holding[word]
        for passage_id, count in counts.items():
            told = weight * count * (_SATURATION + 1) / (count + damping[passage_id])
            totals[passage_id] += told * _ALSO_BEGINS if passage_id in earlier else told
            held[passage_id] |= 1 << number
        earlier.update(counts)
    for passage_id in set[int].intersection(*holding.values()) if holding else ():
        totals[passage_id] *= _HOLDS_ALL
    for candidate in candidates:
        if is_table(candidate.text):
            totals[candidate.id] *= _share_in_one_row(candidate, held[candidate.id], sought) ** _IN_ONE_ROW
    return [Standing(totals[passage_id], held[passage_id]) for passage_id in damping]


def _damping(lengths: Mapping[int, int], mean_length: float | None) -> dict[int, float]:
    """Return how slowly each word counts more in each passage the more often it stands there."""
    mean = mean_length or sum(lengths.values()) / max(len(lengths), 1) or 1.0
    return {
        passage_id: _SATURATION * (1 - _LENGTH_CORRECTION + _LENGTH_CORRECTION * min(length / mean, _LONGEST))
        for passage_id, length in lengths.items()
    }


def full_score(best: Standing, sought: Sought, absent: int) -> float:
    """Return the score that counts 1 beside closeness, given the best one and how many words none holds.

    It is the best one, if that holds enough of what is sought; otherwise that of one that would.
    """
    whole = sought.whole + absent * max(sought.weights, default=0.0)
    return best.score * max(1.0, _ENOUGH * whole / (sought.weigh(best.held) or 1.0)) or 1.0


def mix(
    ranked: Sequence[tuple[Row, Standing]], closeness: Mapping[int, float], full_score: float
) -> list[tuple[Row, Standing]]:
    """Return passages, best first by their words, ordered by closeness, too; scores stay with the places.

    Those with a closeness change places among each other. All others stay where they are, because an estimate
    in its stead costs up to .05 nDCG@10. Without a word of the query, the score is the best one times the
    closeness.
    """

    def both(entry: tuple[Row, Standing]) -> float:
        row, standing = entry
        return standing.score / full_score + _CLOSENESS_WEIGHT * closeness[row.id]

    order = iter(sorted((entry for entry in ranked if entry[0].id in closeness), key=both, reverse=True))
    entries = [next(order) if entry[0].id in closeness else entry for entry in ranked]
    best = ranked[0][1].score or 1.0
    scores = sorted(
        (standing.score or best * closeness.get(row.id, 0.0) for row, standing in ranked), reverse=True
    )
    return [
        (row, Standing(score, standing.held, closeness.get(row.id, 0.0)))
        for (row, standing), score in zip(entries, scores, strict=True)
    ]


def _words(phrases: Collection[str]) -> list[str]:
    """Return which word each phrase stands for: a word and its beginning, if both are sought, are one."""
    beginnings = [phrase.removesuffix('"*') for phrase in phrases if phrase.endswith('"*')]
    return [
        phrase if " " in phrase else next(filter(phrase.startswith, beginnings), phrase) for phrase in phrases
    ]


def _share_in_one_row(candidate: Row, held: int, sought: Sought) -> float:
    """Return how much of what a table holds one row of it does, with the names above it.

    The words of a query that stand in different rows ("Anna", "Adler") have nothing to do with each other.
    """
    is_sought = sought.stems_of.__contains__
    lines = candidate.text.split("\n")
    top = next(number for number, line in enumerate(lines) if CELL_SEPARATOR in line)
    top += not is_labelled(lines[top].split(CELL_SEPARATOR))
    above = frozenset(filter(is_sought, " ".join([candidate.title, candidate.heading, *lines[:top]]).split()))
    # Most rows hold the same words sought: the names of their columns.
    rows = {above.union(filter(is_sought, line.split())) for line in lines[top:]} or {above}
    best = max(sought.weigh(sought.held_by(" ".join(row)) & held) for row in rows)
    return best / (sought.weigh(held) or 1.0)


def _found(
    columns: Sequence[Column], sought: Sought, whole: Mapping[str, Collection[int]]
) -> Iterator[Mapping[int, float]]:
    """Yield for each phrase how often candidates hold it, counted as FTS5 would."""
    held = _count_stems(columns, sought.stems_of)
    for phrase, own in sought.stems.items():
        parts = [_beginning(held, stem) if phrase.endswith("*") else held.get(stem, {}) for stem in own]
        if phrase in whole:
            yield {
                passage_id: min((part.get(passage_id, 1.0) for part in parts), default=1.0)
                for passage_id in whole[phrase]
            }
        else:
            # Other Unicode tables may cut a word that is one here; its rarest part stands for it.
            yield min(parts, key=len, default=dict[int, float]())


def _count_stems(
    columns: Sequence[Column], stems_of: Mapping[str, Sequence[str]]
) -> dict[str, dict[int, float]]:
    """Return how often each candidate holds each stem, given those of the pieces that have any."""
    held: dict[str, dict[int, float]] = {stem: {} for own in stems_of.values() for stem in own}
    is_sought = stems_of.__contains__
    for passage_id, pieces, weight in columns:
        for piece in filter(is_sought, pieces):
            for stem in stems_of[piece]:
                counts = held[stem]
                counts[passage_id] = counts.get(passage_id, 0.0) + weight
    return held


def _beginning(held: Mapping[str, Mapping[int, float]], beginning: str) -> dict[int, float]:
    """Return how often each candidate holds a word with this beginning."""
    counts: dict[int, float] = {}
    for stem, own in held.items():
        if stem.startswith(beginning):
            for passage_id, count in own.items():
                counts[passage_id] = counts.get(passage_id, 0.0) + count
    return counts
