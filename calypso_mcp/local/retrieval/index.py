"""The passage index: SQLite tables and an FTS5 index over them.

Every function works inside the caller's transaction. The FTS5 table keeps no text of its own
(`content=''`), so a passage's words are taken out by stating them again; what was stated is kept in
`passage_sources` and `passages`, and `index_text` must stay a pure function of it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from calypso_mcp.local.indexing.chunking import Chunk
from calypso_mcp.local.retrieval.tokens import TOKENIZER, bucket_token, index_text, query_terms

#: Safe to run again on an existing database. `executescript` commits an open transaction first.
SCHEMA = f"""
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
CREATE VIRTUAL TABLE IF NOT EXISTS passages_fts USING fts5 (
    body, title, heading, buckets, content='', tokenize="{TOKENIZER}"
);
"""

#: Weights of the columns in bm25(); the bucket column only filters.
_WEIGHTS = "1.0, 2.0, 1.0, 0.0"
#: SQLite virtual machine steps between two looks at the clock.
_STEPS_PER_CHECK = 20_000
#: Longest query, in seconds, unless the caller says otherwise.
QUERY_TIME_LIMIT_S = 5.0

_FTS_COLUMNS = """
    SELECT passages.id, passages.text, passage_sources.title, passages.heading, passage_sources.bucket_tokens
    FROM passages JOIN passage_sources ON passage_sources.id = passages.source
    WHERE passage_sources.file_id = ?
"""


class SearchTimedOut(Exception):
    """The search was stopped because it took too long."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One search hit: a chunk of a file and where it stands there."""

    file_id: str
    text: str
    heading: str | None
    page: int | None
    line_start: int | None
    line_end: int | None
    #: Higher is better; comparable within one search only.
    score: float


def add(
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
    source = connection.execute(
        "INSERT INTO passage_sources (file_id, title, bucket_tokens) VALUES (?, ?, ?)",
        (file_id, title or PurePosixPath(filename).stem, _bucket_column(bucket_ids)),
    ).lastrowid
    connection.executemany(
        "INSERT INTO passages (source, heading, text, page, line_start, line_end, start_offset, end_offset)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ((source, c.heading or "", c.text, c.page, c.line_start, c.line_end, c.start, c.end) for c in chunks),
    )
    _write_words(connection, file_id, delete=False)


def remove(connection: sqlite3.Connection, file_id: str) -> None:
    """Take a file's chunks out of the index; nothing happens when it has none."""
    _write_words(connection, file_id, delete=True)
    connection.execute(
        "DELETE FROM passages WHERE source IN (SELECT id FROM passage_sources WHERE file_id = ?)", (file_id,)
    )
    connection.execute("DELETE FROM passage_sources WHERE file_id = ?", (file_id,))


def set_buckets(connection: sqlite3.Connection, file_id: str, bucket_ids: Sequence[str]) -> None:
    """Make an indexed file found through exactly these buckets."""
    _write_words(connection, file_id, delete=True)
    connection.execute(
        "UPDATE passage_sources SET bucket_tokens = ? WHERE file_id = ?",
        (_bucket_column(bucket_ids), file_id),
    )
    _write_words(connection, file_id, delete=False)


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
            SELECT passage_sources.file_id, passages.text, passages.heading, passages.page,
                   passages.line_start, passages.line_end, -best.cost
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
    return [Passage(row[0], row[1], row[2] or None, *row[3:]) for row in rows]


def match_expression(query: str, bucket_ids: Sequence[str] | None) -> str | None:
    """Return the FTS5 expression for `query`, or None when it can match nothing."""
    terms = query_terms(query)
    if not terms or (bucket_ids is not None and not bucket_ids):
        return None
    words = f"{{body title heading}} : ({_any_of(terms)})"
    if bucket_ids is None:
        return words
    return f"buckets : ({_any_of([bucket_token(bucket) for bucket in bucket_ids])}) AND {words}"


def _any_of(terms: Sequence[str]) -> str:
    return " OR ".join(f'"{term}"' for term in terms)


def _bucket_column(bucket_ids: Sequence[str]) -> str:
    return " ".join(bucket_token(bucket) for bucket in bucket_ids)


def _write_words(connection: sqlite3.Connection, file_id: str, *, delete: bool) -> None:
    rows: list[tuple[int, str, str, str, str]] = connection.execute(_FTS_COLUMNS, (file_id,)).fetchall()
    command, values = ("passages_fts, ", "'delete', ") if delete else ("", "")
    connection.executemany(
        f"INSERT INTO passages_fts ({command}rowid, body, title, heading, buckets)"  # noqa: S608
        f" VALUES ({values}?, ?, ?, ?, ?)",
        (
            (rowid, index_text(text), index_text(title), index_text(heading), buckets)
            for rowid, text, title, heading, buckets in rows
        ),
    )


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
