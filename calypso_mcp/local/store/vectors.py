"""Vectors of passages. The store holds those of one model; deleting a passage deletes its vector.

Every function works inside the caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

#: Deleted passages and files take their vectors and marks along. A new title makes other vectors.
SCHEMA = """
CREATE TABLE embedding_model (name TEXT NOT NULL);
CREATE TABLE passage_vectors (
    passage INTEGER PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
    vector BLOB NOT NULL
);
CREATE TABLE embedded_sources (
    source INTEGER PRIMARY KEY REFERENCES passage_sources (id) ON DELETE CASCADE
);
CREATE TRIGGER retitled_sources AFTER UPDATE OF title ON passage_sources BEGIN
    DELETE FROM passage_vectors WHERE passage IN (SELECT id FROM passages WHERE source = new.id);
    DELETE FROM embedded_sources WHERE source = new.id;
END;
"""

_LACKING = """
    FROM passage_sources
    JOIN passages ON passages.source = passage_sources.id
    LEFT JOIN passage_vectors ON passage_vectors.passage = passages.id
    WHERE passage_vectors.passage IS NULL
    AND passage_sources.id NOT IN (SELECT source FROM embedded_sources)
"""
_KEEP = """
    INSERT OR REPLACE INTO passage_vectors SELECT passages.id, ?
    FROM passages JOIN passage_sources ON passage_sources.id = passages.source
    WHERE passages.id = ? AND passages.text = ? AND passages.heading = ? AND passage_sources.title = ?
"""
_MARK = """
    INSERT OR IGNORE INTO embedded_sources SELECT passage_sources.id FROM passage_sources
    WHERE passage_sources.id IN (SELECT value FROM json_each(?)) AND NOT EXISTS (
        SELECT 1 FROM passages LEFT JOIN passage_vectors ON passage_vectors.passage = passages.id
        WHERE passages.source = passage_sources.id AND passage_vectors.passage IS NULL
    )
"""
#: CROSS JOIN looks the passages up in their order.
_OF_PASSAGES = """
    SELECT passage, substr(vector, 1, ?) FROM json_each(?) AS wanted
    CROSS JOIN passage_vectors ON passage = wanted.value WHERE vector <> x''
"""
#: No vector is longer.
_LONGEST = 1_000_000


class Unembedded(NamedTuple):
    """A passage without a vector."""

    id: int
    source: int
    title: str
    heading: str
    text: str

    @property
    def whole(self) -> str:
        """What is embedded: the passage below the title of its source and its headings."""
        return "\n".join(filter(None, (self.title, self.heading, self.text)))


def adopt(connection: sqlite3.Connection, model: str) -> str | None:
    """Make `model` the one whose vectors the store holds; return the one whose vectors were dropped."""
    former = get_model(connection)
    if former == model:
        return None
    drop(connection)
    connection.execute("DELETE FROM embedding_model")
    connection.execute("INSERT INTO embedding_model VALUES (?)", (model,))
    return former


def get_model(connection: sqlite3.Connection) -> str | None:
    """Return the model whose vectors the store holds."""
    found = connection.execute("SELECT name FROM embedding_model").fetchone()
    return None if found is None else str(found[0])


def drop(connection: sqlite3.Connection) -> None:
    """Drop every vector."""
    connection.execute("DELETE FROM passage_vectors")
    connection.execute("DELETE FROM embedded_sources")


def list_lacking(connection: sqlite3.Connection, limit: int) -> list[Unembedded]:
    """Return passages without vectors, oldest source first."""
    rows = connection.execute(
        "SELECT passages.id, passages.source, passage_sources.title, passages.heading, passages.text"
        f" {_LACKING} ORDER BY passage_sources.id, passages.id LIMIT ?",
        (limit,),
    )
    return [Unembedded(*row) for row in rows]


def count_lacking(connection: sqlite3.Connection) -> int:
    """Return how many passages have no vector."""
    return int(connection.execute(f"SELECT count(*) {_LACKING}").fetchone()[0])


def get_vector_bytes(connection: sqlite3.Connection) -> int | None:
    """Return the size in bytes of a stored vector; None while none is stored."""
    found = connection.execute("SELECT length(vector) FROM passage_vectors WHERE vector <> x'' LIMIT 1")
    row = found.fetchone()
    return None if row is None else int(row[0])


def keep(connection: sqlite3.Connection, passages: Sequence[Unembedded], vectors: Iterable[bytes]) -> None:
    """Store the vectors of passages that still are what was embedded; empty where none can be made."""
    connection.executemany(
        _KEEP,
        (
            (vector, passage.id, passage.text, passage.heading, passage.title)
            for passage, vector in zip(passages, vectors, strict=True)
        ),
    )
    connection.execute(_MARK, (json.dumps(sorted({passage.source for passage in passages})),))


def get_vectors(
    connection: sqlite3.Connection, passages: Iterable[int], size: int = _LONGEST
) -> Iterator[tuple[int, bytes]]:
    """Yield passages that have a vector, each with the first `size` bytes of it."""
    return connection.execute(_OF_PASSAGES, (size, json.dumps([*passages])))
