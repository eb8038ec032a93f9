"""Searches the passage index for the passages that best match a query.

In two phases: the rarest words choose the candidates, all words rank them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager

from calypso_mcp.local.refusals import Refusal
from calypso_mcp.local.retrieval import candidates, ranking
from calypso_mcp.local.retrieval.index import Passage
from calypso_mcp.local.retrieval.matches import find_matches
from calypso_mcp.local.retrieval.ranking import Row, Standing
from calypso_mcp.local.retrieval.repeats import without_repeats
from calypso_mcp.local.retrieval.statistics import Statistics
from calypso_mcp.local.retrieval.words.spelling import one_slip_away
from calypso_mcp.local.retrieval.words.stems import Sought, Stems
from calypso_mcp.local.retrieval.words.stop_words import FUNCTION_WORDS
from calypso_mcp.local.retrieval.words.tokens import (
    BEGINNING,
    beginning,
    beginnings,
    content_words,
    is_english,
    kept_together,
    named_phrases,
    plain_words,
    query_phrases,
)

#: Takes the passages that words found, and all that are searched; returns how close the former, and those of
#: the latter that stand out, are to the query: 0 is usual, 1 as close as can be.
Closeness = Callable[[sqlite3.Connection, Sequence[int], Sequence[int]], Mapping[int, float]]
#: How close a passage must be to stand out (see `experiments.md`).
CLOSE = 0.2

#: Longest query, in seconds, unless the caller says otherwise.
QUERY_TIME_LIMIT_S = 5.0

#: Passages that meaning has to choose from, at least.
_REORDERED = 40
#: Passages whose language decides whether beginnings of words are sought, and whose words are compared.
_JUDGED = 10
#: Digits of numbers that count for nothing beside the longer number that they are part of.
_DIGITS = 2
#: Letters in which a form of a word may differ from another at its end ("percentage", "percent").
_ENDING = 3
#: Letters of a word that may be misspelt.
_CORRECTED = range(BEGINNING, 25)
#: SQLite virtual machine steps between two looks at the clock.
_STEPS_PER_CHECK = 20_000


def search(
    connection: sqlite3.Connection,
    query: str,
    bucket_ids: Sequence[str] | None,
    *,
    limit: int,
    file_ids: Sequence[str] | None = None,
    per_file: int | None = None,
    once_per_table: bool = False,
    closeness: Closeness | None = None,
    with_matches: bool = False,
    time_limit_s: float = QUERY_TIME_LIMIT_S,
) -> list[Passage]:
    """Return the passages that match `query` best, best first; equal ones in the order they were added.

    Passages of the same text and heading are one: the first stands for all and names the files of the others.

    Args:
        connection: Any connection to the database; its progress handler is replaced.
        query: Whatever a person or an agent wrote; there is no query syntax.
        bucket_ids: Search only files in one of these; None for all files.
        limit: At most this many passages.
        file_ids: Search only these files; None for all of the buckets.
        per_file: At most this many passages of one file.
        once_per_table: Leave out passages of a table that hold no more words of the query than better ones.
        closeness: Finds passages by their meaning, too, and orders all by both.
        with_matches: State which part of each passage matches best.
        time_limit_s: When to give up.

    Raises:
        Refusal: The search timed out (503).
    """
    if not query_phrases(query) or limit < 1 or bucket_ids == [] or file_ids == []:
        return []
    with _time_limit(connection, time_limit_s):
        statistics = Statistics(connection, bucket_ids, file_ids)
        least = limit if closeness is None else max(limit, _REORDERED)
        weights, rows = _find(connection, statistics, query, least)
        close: Mapping[int, float] = {}
        if closeness is not None:
            found = [row.id for row in rows]
            close = closeness(connection, found, statistics.ids())
            rows += candidates.read_rows(connection, [passage for passage in close if passage not in found])
        sought, ranked = _rank(connection, statistics, weights, rows)
        if close:
            absent = len(_absent(query_phrases(query), weights))
            ranked = ranking.mix(ranked, close, ranking.full_score(ranked[0][1], sought, absent))
    passages = without_repeats(ranked, limit=limit, per_file=per_file, once_per_table=once_per_table)
    return find_matches(sought, passages) if with_matches else passages


def _find(
    connection: sqlite3.Connection, statistics: Statistics, query: str, least: int
) -> tuple[dict[str, float], list[Row]]:
    """Return what the words of a query weigh that are found, and the candidates that hold them."""

    def find(wanted: Sequence[str]) -> tuple[dict[str, float], list[Row]]:
        weights = _without_parts(candidates.weights(statistics, wanted))
        return weights, candidates.candidates(connection, statistics, weights, least=least)

    phrases = query_phrases(query)
    wanted = [*phrases, *kept_together(query)]
    weights, rows = find(wanted)
    if more := _other_forms(query, phrases, weights, rows):
        wanted += more
        weights, rows = find(wanted)
    if more := _other_spellings(statistics, phrases, weights, rows):
        weights, rows = find([*wanted, *more])
    names = named_phrases(query)
    if _only_join(weights, names) and not _only_join(phrases, names) and not is_english(query):
        return {}, []
    return weights, rows


def _rank(
    connection: sqlite3.Connection, statistics: Statistics, weights: Mapping[str, float], rows: Sequence[Row]
) -> tuple[Sought, list[tuple[Row, Standing]]]:
    """Return how what weighs so much is sought, and the candidates by how well they match, best first."""
    stems = Stems.kept_by(connection)
    columns = ranking.columns(stems, rows)
    sought = stems.seek(weights)
    ids = {row.id for row in rows}
    together = [phrase for phrase in weights if " " in phrase]
    whole = {phrase: ids.intersection(statistics.matches(phrase)) for phrase in together}
    standings = ranking.standings(rows, columns, sought, whole=whole, mean_length=statistics.mean_length)
    ranked = sorted(zip(rows, standings, strict=True), key=lambda entry: (-entry[1].score, entry[0].id))
    return sought, ranked


def frequencies(
    connection: sqlite3.Connection,
    phrases: Sequence[str],
    bucket_ids: Sequence[str],
) -> tuple[int, list[int]]:
    """Return how many passages the buckets hold, and how many of them match each of `phrases`.

    Raises:
        Refusal: The search timed out (503).
    """
    with _time_limit(connection):
        statistics = Statistics(connection, bucket_ids)
        return statistics.passages, statistics.frequencies(phrases)


def are_known(
    connection: sqlite3.Connection, required: Sequence[Sequence[str]], bucket_ids: Sequence[str]
) -> bool:
    """Return whether passages of the buckets hold one phrase of each group of `required`.

    Raises:
        Refusal: The search timed out (503).
    """
    known = _held(connection, [phrase for group in required for phrase in group], bucket_ids)
    return not any(known.isdisjoint(group) for group in required)


def absent_words(
    connection: sqlite3.Connection,
    query: str,
    bucket_ids: Sequence[str],
) -> list[str]:
    """Return the content words of `query`, as written, that no passage of the buckets holds in any form.

    Raises:
        Refusal: The search timed out (503).
    """
    words = content_words(query)
    if not words or not bucket_ids:
        return []
    known = _held(connection, [phrase for _, own in words for phrase in own], bucket_ids)
    absent = [word for word, own in words if known.isdisjoint(own)]
    forms = {word: beginnings(word, most_dropped=_ENDING) for word in absent}
    known = _held(connection, [form for own in forms.values() for form in own], bucket_ids)
    return [word for word, own in forms.items() if known.isdisjoint(own)]


def _held(connection: sqlite3.Connection, phrases: Sequence[str], bucket_ids: Sequence[str]) -> set[str]:
    """Return those of `phrases` that any passage of the buckets holds."""
    _, counts = frequencies(connection, phrases, bucket_ids) if phrases else (0, [])
    return {phrase for phrase, count in zip(phrases, counts, strict=True) if count}


def _only_join(phrases: Iterable[str], names: Collection[str]) -> bool:
    """Whether all of the words only join others, such as "die" and "für"."""
    return all(phrase.strip('"') in FUNCTION_WORDS and phrase not in names for phrase in phrases)


def _without_parts(weights: dict[str, float]) -> dict[str, float]:
    """Leave out short parts of what counts together: beside 1.6 not 1 and 6, beside R&D not R and D."""
    parts = {part for phrase in weights if " " in phrase for part in phrase.strip('"').split()}
    alone = {f'"{part}"' for part in parts if len(part) <= (_DIGITS if part.isdigit() else 1)}
    return {phrase: weight for phrase, weight in weights.items() if phrase not in alone}


def _other_forms(
    query: str, phrases: Sequence[str], weights: Mapping[str, float], rows: Sequence[Row]
) -> list[str]:
    """Return how the words begin that may stand in the passages in other forms.

    In English these are the words that no passage holds, most of them misspelt (XQuAD with two letters of a
    word swapped: .908 nDCG, with their beginnings .931). A word that is its own beginning is sought so only
    where no passage holds it (German: -.0015 nDCG elsewhere).
    """
    sought = query
    judged = rows[:_JUDGED]
    if is_english(query) or 2 * sum(is_english(row.text) for row in judged) >= len(judged) > 0:
        sought = " ".join(phrase.strip('"*') for phrase in phrases if phrase not in weights)
    held = {f"{phrase}*" for phrase in weights}
    return [form for form in beginnings(sought) if form not in phrases and form not in held]


def _other_spellings(
    statistics: Statistics,
    phrases: Sequence[str],
    weights: Mapping[str, float],
    rows: Sequence[Row],
) -> list[str]:
    """Return the commonest word one typo away from the longest one that no passage holds, however it ends.

    It stands where the other words are found; where none is, all passages are asked, which takes 2 ms. XQuAD
    with a slip in the first letters of a word of each question: .945 nDCG, so .964.
    """
    absent = _absent(phrases, weights)
    words = [word for phrase in absent if len(word := phrase.strip('"')) in _CORRECTED and word.isalpha()]
    if not words:
        return []
    meant = one_slip_away(max(words, key=len), BEGINNING)
    if rows:
        meant &= set[str]().union(*(plain_words(row.text) for row in rows[:_JUDGED]))
    known = statistics.known(f'"{word}"' for word in sorted(meant))
    counts = zip(statistics.frequencies(known), known, strict=True)
    return [phrase for count, phrase in [max(counts, default=(0, ""))] if count]


def _absent(phrases: Iterable[str], weights: Mapping[str, float]) -> list[str]:
    """Return those of `phrases` that no passage holds: neither whole, nor as parts, nor their beginnings."""
    held = {*weights, *(f'"{part}"' for phrase in weights for part in phrase.strip('"').split())}
    return [phrase for phrase in phrases if phrase not in held and beginning(phrase) not in held]


@contextmanager
def _time_limit(connection: sqlite3.Connection, seconds: float = QUERY_TIME_LIMIT_S) -> Generator[None]:
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_PER_CHECK)
    try:
        yield
    except sqlite3.OperationalError as error:
        if time.monotonic() > deadline:
            raise Refusal(503, "search_timeout", "The search took too long.", retryable=True) from error
        raise
    finally:
        connection.set_progress_handler(None, 0)
