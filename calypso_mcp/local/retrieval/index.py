"""The passage index: SQLite tables and an FTS5 index over them.

Every function works inside the caller's transaction. The FTS5 table keeps no text of its own
(`content=''`), so a passage's words are taken out by stating them again; what was stated is kept in
`passage_sources` and `passages`, and `index_text` must stay a pure function of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from calypso_mcp.domain.outlines import (
    Outline,
    cut_outline,
    find_spot,
    read_outline,
    split_sections,
    write_outline,
)
from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.local.indexing.chunking import Chunk
from calypso_mcp.local.indexing.documents import Part
from calypso_mcp.local.indexing.formats.tables import CELL_SEPARATOR
from calypso_mcp.local.retrieval.words.tokens import TOKENIZER, bucket_token, index_text

#: Raise this when `index_text`, the tokenizer or the columns change; see `rebuild_if_outdated`.
FORMAT = 3

#: Longer first lines are text.
_LONGEST_FIRST_LINE = 100
_ENDS_OF_TEXT = (".", ",", ";", "!", "?", "\u3002")
#: Outlines remembered: the same passages are found again and again.
_REMEMBERED = 500

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
#: As JSON, of passages with more to tell than heading and lines do.
OUTLINES = "ALTER TABLE passages ADD COLUMN outline TEXT;"
#: All of it, for a new database.
SCHEMA = FIRST_SCHEMA + PARTS + OUTLINES

_INSERT_WORDS = "INSERT INTO passages_fts (rowid, body, title, heading, buckets) VALUES (?, ?, ?, ?, ?)"
_DELETE_WORDS = (
    "INSERT INTO passages_fts (passages_fts, rowid, body, title, heading, buckets)"
    " VALUES ('delete', ?, ?, ?, ?, ?)"
)
_STATED = """
    SELECT passages.id, passages.text, passage_sources.title, passages.heading, passage_sources.bucket_tokens
    FROM passages JOIN passage_sources ON passage_sources.id = passages.source
"""
_OF_FILE = f"{_STATED} WHERE passage_sources.file_id = ?"


class Passage(NamedTuple):
    """One search hit: a chunk of a file and where it stands there."""

    file_id: str
    text: str
    heading: str | None
    part: Part | None
    line_start: int | None
    line_end: int | None
    #: Higher is better; comparable within one search only.
    score: float
    #: How close its meaning is to the query: 0 is usual or not known, 1 as close as can be.
    closeness: float
    #: The words its file is found by.
    title: str
    #: Empty where heading and lines say all that is known.
    outline: Outline
    #: Other files that hold the same text.
    also_in: list[str]
    #: Start and end of the part of `text` that matches best; see `matches`.
    match: tuple[int, int] | None = None

    @classmethod
    def stored(cls, columns: Sequence[Any], score: float = 0.0, closeness: float = 0.0) -> Passage:
        """Return a passage by file id, title, text, heading, lines, part (in three columns) and outline."""
        file_id, title, text, heading, start, end, kind, number, name, outline = columns
        part = None if kind is None else Part(kind, number, name or "")
        stretches = outline_of(outline, heading)
        return cls(
            file_id, text, heading or None, part, start, end, score, closeness, title, stretches, also_in=[]
        )

    @property
    def sections(self) -> list[tuple[str, str]]:
        """The text in parts that stand under one heading each, with those headings."""
        return split_sections(self.outline, self.text) or [(self.heading or "", self.text)]

    def cut_to(self, start: int, end: int) -> Passage:
        """Return the passage cut to `text[start:end]`, with where that stands."""
        text = self.text[start:end]
        start, text = start + len(text) - len(text.lstrip()), text.strip()
        if text == self.text or not text:
            return self
        spot = find_spot(self.outline, self.text, start, start + len(text))
        outline = cut_outline(self.outline, self.text, start, start + len(text))
        return self._replace(text=text, outline=outline, match=None, **spot._asdict())


def add(  # noqa: PLR0917 - what a passage is made of, in the order of its columns
    connection: sqlite3.Connection,
    file_id: str,
    bucket_ids: Sequence[str],
    title: str | None,
    filename: str,
    chunks: Sequence[Chunk],
) -> None:
    """Index a file's chunks, in place of those it had before, to be found through each of the buckets.

    The title is searched with double weight; without one, the words of `filename` and of a short first line,
    which names most files, are.
    """
    remove(connection, file_id)
    name = normalize("NFC", title or _name_untitled(filename, chunks))
    buckets = _bucket_column(bucket_ids)
    source = connection.execute(
        "INSERT INTO passage_sources (file_id, title, bucket_tokens) VALUES (?, ?, ?)",
        (file_id, name, buckets),
    ).lastrowid
    first_id: int = connection.execute("SELECT ifnull(max(id), 0) + 1 FROM passages").fetchone()[0]
    numbered = list(enumerate(chunks, first_id))
    connection.executemany(
        "INSERT INTO passages (id, source, heading, text, line_start, line_end, start_offset, end_offset,"
        " part_kind, part_number, part_name, outline) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (number, source, c.heading or "", c.text, c.line_start, c.line_end, c.start, c.end)
            + ((None, None, None) if c.part is None else (c.part.kind, c.part.number, c.part.name))
            + (json.dumps(write_outline(c.outline, c.heading or "")) if c.outline else None,)
            for number, c in numbered
        ),
    )
    connection.executemany(
        _INSERT_WORDS, _worded((number, c.text, name, c.heading or "", buckets) for number, c in numbered)
    )


def remove(connection: sqlite3.Connection, file_id: str) -> None:
    """Take a file's chunks, if it has any, out of the index."""
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
    connection.executemany(_DELETE_WORDS, _worded(connection.execute(_OF_FILE, (file_id,)).fetchall()))
    if title is not None:
        name = normalize("NFC", title)
        connection.execute("UPDATE passage_sources SET title = ? WHERE file_id = ?", (name, file_id))
    if bucket_ids is not None:
        buckets = _bucket_column(bucket_ids)
        connection.execute(
            "UPDATE passage_sources SET bucket_tokens = ? WHERE file_id = ?", (buckets, file_id)
        )
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


@lru_cache(_REMEMBERED)
def outline_of(written: str | None, heading: str) -> Outline:
    """Return the outline that a column of `passages` states."""
    return read_outline(json.loads(written), heading) if written else ()


def _name_untitled(filename: str, chunks: Sequence[Chunk]) -> str:
    """Return what names a file without a title: its name, and its first line unless that is text."""
    stem = PurePosixPath(filename).stem
    line, _, rest = chunks[0].text.partition("\n") if chunks else ("", "", "")
    line, rest = line.strip(), rest.strip()
    is_name = len(line) <= _LONGEST_FIRST_LINE and not line.endswith(_ENDS_OF_TEXT)
    if not line or not is_name or CELL_SEPARATOR in line or not rest or rest[0].islower():
        return stem
    return f"{stem} {line}"  # on one line, which no sentence equals: it may be the answer


def _bucket_column(bucket_ids: Sequence[str]) -> str:
    return " ".join(bucket_token(bucket) for bucket in bucket_ids)


def _worded(rows: Iterable[tuple[int, str, str, str, str]]) -> Iterator[tuple[int, str, str, str, str]]:
    for rowid, text, title, heading, buckets in rows:
        yield rowid, index_text(text), index_text(title), index_text(heading), buckets
