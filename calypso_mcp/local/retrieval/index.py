"""The passage index: SQLite tables and an FTS5 index over them.

Every function works inside the caller's transaction. The FTS5 table keeps no text of its own
(`content=''`), so a passage's words are taken out by stating them again; what was stated is kept in
`passage_sources` and `passages`, and `index_text` must stay a pure function of it.
"""

from __future__ import annotations

import sqlite3
import time
import unicodedata
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from calypso_mcp.local.indexing.chunking import Chunk
from calypso_mcp.local.indexing.documents import Part, PartKind
from calypso_mcp.local.retrieval.tokens import TOKENIZER, bucket_token, index_text, query_phrases

#: Raise this when `index_text`, the tokenizer or the columns change; see `rebuild_if_outdated`.
FORMAT = 1

#: As first released. `executescript` commits an open transaction first.
FIRST_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS passage_sources (
    id INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    bucket_tokens TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS passages (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES passage_sources (id),
    heading TEXT NOT NULL,
    text TEXT NOT NULL,
    page INTEGER,
    line_start INTEGER,
    line_end INTEGER,
    start_offset INTEGER NOT NULL,
    end_offset INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS passages_by_source ON passages (source);
CREATE TABLE IF NOT EXISTS passage_index_format (format INTEGER NOT NULL);
INSERT INTO passage_index_format SELECT {FORMAT} WHERE NOT EXISTS (SELECT 1 FROM passage_index_format);
CREATE VIRTUAL TABLE IF NOT EXISTS passages_fts USING fts5 (
    body, title, heading, buckets, content='', tokenize="{TOKENIZER}"
);
"""  # noqa: S608  (made of constants)

#: What was called page became the number of a page, slide, sheet, message or cell.
PARTS = """
ALTER TABLE passages RENAME COLUMN page TO part_number;
ALTER TABLE passages ADD COLUMN part_kind TEXT;
ALTER TABLE passages ADD COLUMN part_name TEXT;
UPDATE passages SET part_kind = 'page' WHERE part_number IS NOT NULL;
"""
#: All of it, for a new database.
SCHEMA = FIRST_SCHEMA + PARTS

#: Weights of the columns in bm25(); the bucket column only filters.
_WEIGHTS = "1.0, 2.0, 1.0, 0.0"
#: SQLite virtual machine steps between two looks at the clock.
_STEPS_PER_CHECK = 20_000
#: Longest query, in seconds, unless the caller says otherwise.
QUERY_TIME_LIMIT_S = 5.0

_FTS_COLUMNS = "rowid, body, title, heading, buckets"
_INSERT_WORDS = f"INSERT INTO passages_fts ({_FTS_COLUMNS}) VALUES (?, ?, ?, ?, ?)"  # noqa: S608  (ours)
_DELETE_WORDS = f"INSERT INTO passages_fts (passages_fts, {_FTS_COLUMNS}) VALUES ('delete', ?, ?, ?, ?, ?)"  # noqa: S608
_STATED = """
    SELECT passages.id, passages.text, passage_sources.title, passages.heading, passage_sources.bucket_tokens
    FROM passages JOIN passage_sources ON passage_sources.id = passages.source
"""
_OF_FILE = f"{_STATED} WHERE passage_sources.file_id = ?"


class SearchTimedOut(Exception):
    """The search was stopped because it took too long."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One search hit: a chunk of a file and where it stands there."""

    file_id: str
    text: str
    heading: str | None
    part: Part | None
    line_start: int | None
    line_end: int | None
    #: Higher is better; comparable within one search only.
    score: float


def add(  # noqa: PLR0917
    connection: sqlite3.Connection,
    file_id: str,
    bucket_ids: Sequence[str],
    title: str | None,
    filename: str,
    chunks: Sequence[Chunk],
) -> None:
    """Index a file's chunks, in place of those it had before.

    Args:
        connection: In the transaction that makes the file searchable.
        file_id: Whose chunks these are.
        bucket_ids: Every bucket the file is found through.
        title: Searched with double weight; the words of `filename` when there is none.
        filename: The file's name.
        chunks: What is found.
    """
    remove(connection, file_id)
    name = unicodedata.normalize("NFC", title or PurePosixPath(filename).stem)
    buckets = _bucket_column(bucket_ids)
    source = connection.execute(
        "INSERT INTO passage_sources (file_id, title, bucket_tokens) VALUES (?, ?, ?)",
        (file_id, name, buckets),
    ).lastrowid
    first_id: int = connection.execute("SELECT ifnull(max(id), 0) + 1 FROM passages").fetchone()[0]
    numbered = list(enumerate(chunks, first_id))
    connection.executemany(
        "INSERT INTO passages (id, source, heading, text, line_start, line_end, start_offset, end_offset,"
        " part_kind, part_number, part_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (number, source, c.heading or "", c.text, c.line_start, c.line_end, c.start, c.end)
            + ((None, None, None) if c.part is None else (c.part.kind, c.part.number, c.part.name))
            for number, c in numbered
        ),
    )
    connection.executemany(
        _INSERT_WORDS, _worded((number, c.text, name, c.heading or "", buckets) for number, c in numbered)
    )


def remove(connection: sqlite3.Connection, file_id: str) -> None:
    """Take a file's chunks out of the index; nothing happens when it has none."""
    found = connection.execute("SELECT id FROM passage_sources WHERE file_id = ?", (file_id,)).fetchone()
    if found is None:
        return
    rows = connection.execute(_OF_FILE, (file_id,)).fetchall()
    connection.executemany(_DELETE_WORDS, _worded(rows))
    connection.execute("DELETE FROM passages WHERE source = ?", (found[0],))
    connection.execute("DELETE FROM passage_sources WHERE id = ?", (found[0],))


def restate(
    connection: sqlite3.Connection,
    file_id: str,
    *,
    title: str | None = None,
    bucket_ids: Sequence[str] | None = None,
) -> None:
    """Give a file's chunks another title, or other buckets to be found through."""
    found = connection.execute("SELECT id FROM passage_sources WHERE file_id = ?", (file_id,)).fetchone()
    if found is None:
        return
    connection.executemany(_DELETE_WORDS, _worded(connection.execute(_OF_FILE, (file_id,)).fetchall()))
    if title is not None:
        name = unicodedata.normalize("NFC", title)
        connection.execute("UPDATE passage_sources SET title = ? WHERE id = ?", (name, found[0]))
    if bucket_ids is not None:
        buckets = _bucket_column(bucket_ids)
        connection.execute("UPDATE passage_sources SET bucket_tokens = ? WHERE id = ?", (buckets, found[0]))
    connection.executemany(_INSERT_WORDS, _worded(connection.execute(_OF_FILE, (file_id,)).fetchall()))


def is_outdated(connection: sqlite3.Connection) -> bool:
    """Whether another version's rules made the index."""
    written: int = connection.execute("SELECT format FROM passage_index_format").fetchone()[0]
    return written != FORMAT


def rebuild_if_outdated(connection: sqlite3.Connection) -> bool:
    """Write all words again when another version's rules made the index; return whether it did.

    Without this, words that were written by other rules could not be taken out again.
    """
    if not is_outdated(connection):
        return False
    connection.execute("INSERT INTO passages_fts (passages_fts) VALUES ('delete-all')")
    connection.executemany(_INSERT_WORDS, _worded(connection.execute(_STATED)))
    connection.execute("UPDATE passage_index_format SET format = ?", (FORMAT,))
    return True


def search(
    connection: sqlite3.Connection,
    query: str,
    *,
    bucket_ids: Sequence[str] | None,
    limit: int,
    time_limit_s: float = QUERY_TIME_LIMIT_S,
) -> list[Passage]:
    """Return the passages that match `query` best, best first; equal ones in the order they were added.

    Args:
        connection: Any connection to the database; its progress handler is replaced.
        query: Whatever a person or an agent wrote; there is no query syntax.
        bucket_ids: Only files in one of these; None for all files.
        limit: At most this many passages.
        time_limit_s: When to give up.

    Raises:
        SearchTimedOut: The time was up.
    """
    expression = match_expression(query, bucket_ids)
    if expression is None or limit < 1:
        return []
    with _time_limit(connection, time_limit_s):
        rows: list[tuple[Any, ...]] = connection.execute(
            f"""
            SELECT passage_sources.file_id, passages.text, passages.heading, passages.line_start,
                   passages.line_end, -best.cost, passages.part_kind, passages.part_number, passages.part_name
            FROM (
                SELECT rowid AS id, bm25(passages_fts, {_WEIGHTS}) AS cost
                FROM passages_fts WHERE passages_fts MATCH ? ORDER BY cost, rowid LIMIT ?
            ) AS best
            JOIN passages ON passages.id = best.id
            JOIN passage_sources ON passage_sources.id = passages.source
            ORDER BY best.cost, best.id
            """,  # noqa: S608  (the weights are ours)
            (expression, limit),
        ).fetchall()
    return [
        Passage(file_id, text, heading or None, part_of(*part), line_start, line_end, score)
        for file_id, text, heading, line_start, line_end, score, *part in rows
    ]


def frequencies(
    connection: sqlite3.Connection,
    phrases: Sequence[str],
    *,
    bucket_ids: Sequence[str],
    time_limit_s: float = QUERY_TIME_LIMIT_S,
) -> tuple[int, list[int]]:
    """Return how many passages the buckets hold, and how many of them match each of `phrases`.

    Args:
        connection: As for `search`.
        phrases: From `query_phrases`.
        bucket_ids: Only files in one of these.
        time_limit_s: When to give up.

    Raises:
        SearchTimedOut: The time was up.
    """
    counting = "SELECT count(*) FROM passages_fts WHERE passages_fts MATCH ?"
    expressions = [_buckets_expression(bucket_ids), *(_expression([one], bucket_ids) for one in phrases)]
    with _time_limit(connection, time_limit_s):
        counts: list[int] = [connection.execute(counting, (one,)).fetchone()[0] for one in expressions]
    return counts[0], counts[1:]


def match_expression(query: str, bucket_ids: Sequence[str] | None) -> str | None:
    """Return the FTS5 expression for `query`, or None when it can match nothing."""
    phrases = query_phrases(query)
    if not phrases or (bucket_ids is not None and not bucket_ids):
        return None
    return _expression(phrases, bucket_ids)


def _expression(phrases: Sequence[str], bucket_ids: Sequence[str] | None) -> str:
    words = f"{{body title heading}} : ({' OR '.join(phrases)})"
    return words if bucket_ids is None else f"{_buckets_expression(bucket_ids)} AND {words}"


def _buckets_expression(bucket_ids: Sequence[str]) -> str:
    buckets = " OR ".join(f'"{bucket_token(bucket)}"' for bucket in bucket_ids)
    return f"buckets : ({buckets})"


def part_of(kind: PartKind | None, number: int, name: str | None) -> Part | None:
    """Return the part that columns of `passages` state."""
    return None if kind is None else Part(kind, number, name or "")


def _bucket_column(bucket_ids: Sequence[str]) -> str:
    return " ".join(bucket_token(bucket) for bucket in bucket_ids)


def _worded(rows: Iterable[tuple[int, str, str, str, str]]) -> Iterator[tuple[int, str, str, str, str]]:
    for rowid, text, title, heading, buckets in rows:
        yield rowid, index_text(text), index_text(title), index_text(heading), buckets


@contextmanager
def _time_limit(connection: sqlite3.Connection, seconds: float) -> Generator[None]:
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_PER_CHECK)
    try:
        yield
    except sqlite3.OperationalError as error:
        if time.monotonic() > deadline:
            raise SearchTimedOut(f"The search took longer than {seconds:g} s.") from error
        raise
    finally:
        connection.set_progress_handler(None, 0)
