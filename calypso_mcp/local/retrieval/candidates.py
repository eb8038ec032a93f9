"""The passages worth ranking, chosen by the rarest words of a query.

Nearly all the time of a full-text search goes into scoring passages that hold only its common words.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from heapq import nlargest
from itertools import accumulate

from calypso_mcp.local.retrieval.ranking import Row, inverse_frequency
from calypso_mcp.local.retrieval.statistics import Statistics, total

#: Passages that are ranked by all words (measured: 98.7 % of the ten best are the same as if all were).
CANDIDATES = 64

#: So many are enough where all that matches is listed (99 % of the ten best as if all were ranked).
_OF_LISTED = 32
#: Rows that FTS5 scores of an index (of a bucket its share); phrases of more count where they stand.
_SCORED_ROWS = 2_000
#: But so many at least, so that the best are among them.
_LEAST_ROWS = 500
#: Share of the weight of all words that the rarest, which choose the candidates, have together.
_WEIGHT_SHARE = 0.88
#: Weights of the columns in bm25(); the bucket column only filters.
_WEIGHTS = "1.0, 2.0, 1.0, 0.0"
#: In the order of the ids, because CROSS JOIN keeps the order of the loops. The same text for any number of
#: ids: preparing a new statement takes SQLite longer than reading twenty passages.
_STORED = """
SELECT sizes.sz, passages.id, passage_sources.file_id, passage_sources.title, passages.text,
       passages.heading, passages.line_start, passages.line_end, passages.part_kind,
       passages.part_number, passages.part_name, passages.outline
FROM json_each(?) AS wanted
CROSS JOIN passages ON passages.id = wanted.value
CROSS JOIN passage_sources ON passage_sources.id = passages.source
CROSS JOIN passages_fts_docsize AS sizes ON sizes.id = passages.id
"""
_MATCHING = f"""
SELECT rowid, bm25(passages_fts, {_WEIGHTS}) AS cost FROM passages_fts
WHERE passages_fts MATCH ? AND (? OR +rowid IN (SELECT value FROM json_each(?)))
ORDER BY cost, rowid LIMIT {CANDIDATES}
"""  # noqa: S608  (all of it is ours)


def weights(statistics: Statistics, phrases: Sequence[str]) -> dict[str, float]:
    """Return the weight of each phrase that occurs in the passages searched."""
    total = statistics.passages
    counts = zip(phrases, statistics.frequencies(phrases), strict=True)
    return {phrase: inverse_frequency(count, total) for phrase, count in counts if count}


def candidates(
    connection: sqlite3.Connection,
    statistics: Statistics,
    weights: Mapping[str, float],
    *,
    least: int,
) -> list[Row]:
    """Return at most `CANDIDATES` passages, roughly best first.

    `weights` states what each phrase sought tells. Below `least` passages the common words choose, too.
    """
    if not weights:
        return []
    if statistics.is_narrow:
        better, alike = _holding_most(statistics, weights, least)
        if len(better) + len(alike) > CANDIDATES:  # how often they hold it decides
            alike = _matching(connection, statistics.any_of(list(weights)), alike)
        return read_rows(connection, [*better, *alike][:CANDIDATES])
    rare = _rarest(weights)
    scored = _scored(statistics, rare)
    if len(scored) < len(rare):
        best = _best(connection, statistics, weights, rare, scored=len(scored))
    else:
        best = _matching(connection, statistics.any_of(rare))
    if len(best) < least and len(rare) < len(weights):
        best = _matching(connection, statistics.any_of(list(weights)))
    return read_rows(connection, best)


def _holding_most(
    statistics: Statistics, weights: Mapping[str, float], least: int
) -> tuple[list[int], list[int]]:
    """Return the passages whose phrases weigh most, best first, and the last of them that weigh as much.

    Those are all that do, unless `least` are better.
    """
    scores: dict[int, float] = {}
    score_of = scores.get
    for phrase, weight in weights.items():
        for passage in statistics.matches(phrase):
            scores[passage] = score_of(passage, 0.0) + weight
    most = max(_OF_LISTED, least)
    worst = min(nlargest(most, scores.values()), default=0.0)
    best = sorted((-score, passage) for passage, score in scores.items() if score > worst)
    better = [passage for _, passage in best]
    alike = sorted(passage for passage, score in scores.items() if score == worst)
    return better, alike if len(better) < least else alike[: most - len(better)]


def _scored(statistics: Statistics, rare: Sequence[str]) -> Sequence[str]:
    """Return the rarest phrases, as many as few passages hold: FTS5 reads what it scores row by row."""
    most = _SCORED_ROWS * statistics.passages / max(statistics.indexed, 1)
    rows = 0
    for number, count in enumerate(statistics.frequencies(rare)):
        if rows + count > most and rows >= _LEAST_ROWS:
            return rare[:number]
        rows += count
    return rare


def _best(
    connection: sqlite3.Connection,
    statistics: Statistics,
    weights: Mapping[str, float],
    rare: Sequence[str],
    *,
    scored: int,
) -> list[int]:
    """Return the best passages by how often they hold the first `scored` phrases, and whether the others."""
    scores: dict[int, float] = dict(
        connection.execute(
            f"SELECT rowid, -bm25(passages_fts, {_WEIGHTS}) FROM passages_fts WHERE passages_fts MATCH ?",  # noqa: S608 - numbers
            (statistics.any_of(rare[:scored]),),
        )
    )
    score_of = scores.get
    for phrase in rare[scored:]:
        weight = weights[phrase]
        for passage in statistics.matches(phrase, beside=rare[:scored]):
            scores[passage] = score_of(passage, 0.0) + weight
    least = min(nlargest(CANDIDATES, scores.values()))
    best = sorted((-score, passage) for passage, score in scores.items() if score >= least)
    return [passage for _, passage in best[:CANDIDATES]]


def _rarest(weights: Mapping[str, float]) -> list[str]:
    """Return the rarest phrases, which together have `_WEIGHT_SHARE` of the weight of all."""
    ranked = sorted(weights, key=lambda phrase: -weights[phrase])
    before = accumulate((weights[phrase] for phrase in ranked), initial=0.0)
    enough = _WEIGHT_SHARE * sum(weights.values())
    return [phrase for phrase, weight in zip(ranked, before, strict=False) if weight < enough]


def _matching(
    connection: sqlite3.Connection, expression: str, only: Sequence[int] | None = None
) -> list[int]:
    values = expression, only is None, json.dumps(only)
    return [passage for passage, _ in connection.execute(_MATCHING, values)]


def read_rows(connection: sqlite3.Connection, passages: Sequence[int]) -> list[Row]:
    """Return the passages as they are stored, in the order given."""
    return [Row(total(sizes), *row) for sizes, *row in connection.execute(_STORED, (json.dumps(passages),))]
