"""How many passages hold a phrase and how long they are; counted once until the index changes."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import cast

from calypso_mcp.local.retrieval.words.tokens import bucket_token
from calypso_mcp.sqlite.connections import KeepingConnection

#: FTS5 keeps the totals and the structure of its index in these records; every commit that changes the index
#: changes one of them (SQLite, "The FTS5 On-Disk Format").
_TOTALS, _STRUCTURE = 1, 10
_COUNTING = "SELECT count(*) FROM passages_fts WHERE passages_fts MATCH ?"
_CHOOSING = """
SELECT value FROM json_each(?)
WHERE EXISTS (SELECT 1 FROM passages_fts WHERE passages_fts MATCH json_each.value)
"""
#: As one value: a row for each passage would cost Python as much as finding it costs SQLite.
_LISTING = "SELECT json_group_array(rowid) FROM passages_fts WHERE passages_fts MATCH ?"
_ALL = "SELECT json_group_array(id) FROM passages"
_OF_FILES = """
SELECT passages.id FROM json_each(?) AS wanted
JOIN passage_sources ON passage_sources.file_id = wanted.value
JOIN passages ON passages.source = passage_sources.id
"""
#: Where there are so few passages, what matches is listed instead of counted: it is needed next.
_NARROW = 10_000
#: Passages listed that a connection keeps (8 MB).
_MOST_LISTED = 1_000_000
#: Counts kept for each connection at most.
_MOST_KEPT = 20_000
_KEPT = "passage statistics"
#: Records of lengths remembered with their sums: most passages are about as long as others.
_REMEMBERED = 4_096


@dataclass(slots=True)
class _Kept:
    version: tuple[bytes, ...]
    totals: list[int]
    counts: dict[str, int] = field(default_factory=dict[str, int])
    lists: dict[str, array[int]] = field(default_factory=dict[str, "array[int]"])
    listed: int = 0
    covering: dict[tuple[str, ...], bool] = field(default_factory=dict[tuple[str, ...], bool])


class Statistics:
    """What the index holds in the passages that are searched, as seen from one snapshot.

    Attributes:
        only: The passages that count; None for all.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        bucket_ids: Sequence[str] | None = None,
        file_ids: Sequence[str] | None = None,
    ) -> None:
        """Read from `connection`, which keeps the counts until the index changes.

        Only passages of the buckets and files count, if any are given: the name of a report tells nothing in
        it, although few other files hold it.
        """
        self._connection = connection
        found = () if file_ids is None else connection.execute(_OF_FILES, (json.dumps([*file_ids]),))
        self.only = None if file_ids is None else {passage for (passage,) in found}
        records = connection.execute(
            "SELECT block FROM passages_fts_data WHERE id IN (?, ?) ORDER BY id", (_TOTALS, _STRUCTURE)
        )
        version = tuple(block for (block,) in records)
        keeping = connection.kept if isinstance(connection, KeepingConnection) else {}
        kept = cast("_Kept | None", keeping.get(_KEPT))
        if kept is None or kept.version != version or len(kept.counts) + len(kept.lists) > _MOST_KEPT:
            kept = keeping[_KEPT] = _Kept(version, list(_varints(version[0])) if version else [])
        self._kept = kept
        self._bucket_ids = None if bucket_ids is None else self._narrowing(bucket_ids)
        #: Whether so few passages are searched that what matches a phrase is listed, not counted.
        self.is_narrow = self.only is not None or self.passages <= _NARROW

    @property
    def mean_length(self) -> float | None:
        """Words of a passage on average; None where not all are searched, or nothing has been committed.

        The mean of all passages would tell of what others keep in buckets that are not searched.
        """
        passages, *columns = self._kept.totals or [0]
        is_whole = self._bucket_ids is None and self.only is None
        return sum(columns) / passages if passages and is_whole else None

    @property
    def passages(self) -> int:
        """How many passages are searched."""
        if self.only is not None:
            return len(self.only)
        return self.indexed if self._bucket_ids is None else self._count(within(self._bucket_ids))

    @property
    def indexed(self) -> int:
        """How many passages the whole index holds."""
        if self._kept.totals:
            return self._kept.totals[0]
        return int(self._connection.execute("SELECT count(*) FROM passages").fetchone()[0])

    def any_of(self, phrases: Sequence[str]) -> str:
        """Return the FTS5 expression for the passages of the buckets that hold one of the phrases."""
        return any_of(phrases, self._bucket_ids)

    def frequencies(self, phrases: Sequence[str]) -> list[int]:
        """Return how many of the passages match each of `phrases`."""
        if self.is_narrow:
            return [len(self._listed(self.any_of([phrase]))) for phrase in phrases]
        return [self._count(self.any_of([phrase])) for phrase in phrases]

    def known(self, phrases: Iterable[str]) -> list[str]:
        """Return those of many phrases that any passage holds, in whatever bucket."""
        return list(chain.from_iterable(self._connection.execute(_CHOOSING, (json.dumps([*phrases]),))))

    def matches(self, phrase: str, beside: Sequence[str] = ()) -> Collection[int]:
        """Return the ids of the passages that match a phrase.

        Passages that hold none of the phrases `beside`, if any, may be left out.
        """
        words = self.any_of([phrase])
        if self.is_narrow:
            return self._listed(words)
        return self._list(f"({words}) AND ({self.any_of(beside)})" if beside else words)

    def ids(self) -> Sequence[int]:
        """Return the ids of all passages that are searched."""
        if self._bucket_ids is not None:
            return self._listed(within(self._bucket_ids))
        if self.only is not None:
            return sorted(self.only)
        found: list[int] = json.loads(self._connection.execute(_ALL).fetchone()[0])
        return found

    def _listed(self, expression: str) -> Sequence[int]:
        found = self._kept.lists.get(expression)
        if found is None:
            found = array("q", self._list(expression))
            self._kept.listed += len(found)
            if self._kept.listed > _MOST_LISTED:
                self._kept.lists.clear()
                self._kept.listed = len(found)
            self._kept.lists[expression] = found
        return found if self.only is None else [passage for passage in found if passage in self.only]

    def _list(self, expression: str) -> list[int]:
        found: list[int] = json.loads(self._connection.execute(_LISTING, (expression,)).fetchone()[0])
        return found

    def _narrowing(self, bucket_ids: Sequence[str]) -> Sequence[str] | None:
        """Return the buckets, or None where they hold every passage, so that nothing needs to be left out."""
        asked = tuple(sorted(bucket_ids))
        if asked not in self._kept.covering:
            tokens = {bucket_token(bucket) for bucket in asked}
            homes = self._connection.execute("SELECT DISTINCT bucket_tokens FROM passage_sources")
            self._kept.covering[asked] = all(tokens.intersection(home.split()) for (home,) in homes)
        return None if self._kept.covering[asked] else bucket_ids

    def _count(self, expression: str) -> int:
        if expression not in self._kept.counts:
            counted: int = self._connection.execute(_COUNTING, (expression,)).fetchone()[0]
            self._kept.counts[expression] = counted
        return self._kept.counts[expression]


@lru_cache(_REMEMBERED)
def total(blob: bytes) -> int:
    """Return the sum of the numbers of a record."""
    # Below 128 a number is one byte.
    return sum(blob) if blob.isascii() else sum(_varints(blob))


def _varints(blob: bytes) -> Iterator[int]:
    """Yield the numbers of a record as SQLite writes them: seven bits a byte, the highest first.

    FTS5's lengths and totals stay below 2**56, where a ninth byte would count differently.
    """
    value = 0
    for byte in blob:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:  # the bit that says that more follows
            yield value
            value = 0


def any_of(phrases: Sequence[str], bucket_ids: Sequence[str] | None) -> str:
    """Return what finds passages with any of `phrases`, in one of the buckets; None stands for all files."""
    words = f"{{body title heading}} : ({' OR '.join(phrases)})"
    return words if bucket_ids is None else f"{within(bucket_ids)} AND {words}"


def within(bucket_ids: Sequence[str]) -> str:
    """Return what finds every passage of the buckets, at least one."""
    buckets = " OR ".join(f'"{bucket_token(bucket)}"' for bucket in bucket_ids)
    return f"buckets : ({buckets})"
