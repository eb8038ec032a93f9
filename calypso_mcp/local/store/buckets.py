"""Buckets and what is in them."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Literal

from calypso_mcp.domain.states.readiness import BucketStatus, FileStatus
from calypso_mcp.local.identifiers import new_id
from calypso_mcp.local.refusals import invalid
from calypso_mcp.sqlite.rows import insert_rows


@dataclass(frozen=True, slots=True)
class BucketRow:
    """One bucket."""

    id: str
    slug: str
    name: str
    description: str | None
    status: str
    created_at: float


@dataclass(slots=True)
class Members:
    """The members of one bucket: their ids, and how many of them are searchable, have warnings, or pend.

    `last_error` is that of the last one that failed.
    """

    file_ids: list[str] = field(default_factory=list[str])
    kinds: Counter[str] = field(default_factory=Counter[str])
    active: int = 0
    pending: int = 0
    warned: int = 0
    last_error: str | None = None


def list_all(connection: sqlite3.Connection, *, include_archived: bool = False) -> list[BucketRow]:
    """Return the buckets, oldest first."""
    rows = connection.execute("SELECT * FROM buckets ORDER BY created_at, id")
    buckets = [BucketRow(**dict(row)) for row in rows]
    return [bucket for bucket in buckets if include_archived or bucket.status == BucketStatus.ACTIVE]


def list_members(connection: sqlite3.Connection) -> dict[str, Members]:
    """Return the members of every bucket that has any."""
    found: dict[str, Members] = defaultdict(Members)
    rows = connection.execute(
        "SELECT fb.bucket_id, fb.file_id, f.status, f.error_message, f.kind, f.warnings <> '[]'"
        " FROM file_buckets fb JOIN files f ON f.id = fb.file_id ORDER BY f.created_at, f.id"
    )
    for bucket_id, file_id, status, error, kind, is_warned in rows:
        bucket = found[bucket_id]
        bucket.file_ids.append(file_id)
        bucket.kinds[kind] += 1
        if status == FileStatus.ACTIVE:
            bucket.active += 1
            bucket.warned += is_warned
        elif status == FileStatus.FAILED:
            bucket.last_error = error
        else:
            bucket.pending += 1
    return found


def find_active(
    connection: sqlite3.Connection, column: Literal["id", "slug"], values: Iterable[str]
) -> dict[str, BucketRow]:
    """Return the active buckets that have one of `values` in the column, by value."""
    rows = connection.execute(
        f"SELECT * FROM buckets WHERE status = 'active'"  # noqa: S608 - the column is one of two constants
        f" AND {column} IN (SELECT value FROM json_each(?))",
        (json.dumps(list(values)),),
    )
    return {row[column]: BucketRow(**dict(row)) for row in rows}


def resolve(connection: sqlite3.Connection, references: Iterable[str]) -> list[BucketRow]:
    """Return the buckets that ids or slugs name, each once.

    Raises:
        Refusal: One of them names no active bucket (`bucket_not_found`).
    """
    wanted = list(dict.fromkeys(references))
    # What is an id and a slug means the id.
    known = find_active(connection, "id", wanted)
    if others := [reference for reference in wanted if reference not in known]:
        known |= find_active(connection, "slug", others)
    for reference in others:
        if reference not in known:
            # A 400: clients read 404 on `/search` as a server without that endpoint (API sheet 9.1).
            raise invalid(f"There is no active bucket {reference[:200]!r}.", code="bucket_not_found")
    return list({known[reference].id: known[reference] for reference in wanted}.values())


def find_slug(connection: sqlite3.Connection, slug: str) -> BucketRow | None:
    """Return the bucket with this slug, archived or not."""
    row = connection.execute("SELECT * FROM buckets WHERE slug = ?", (slug,)).fetchone()
    return BucketRow(**dict(row)) if row else None


def get(connection: sqlite3.Connection, bucket_id: str) -> BucketRow:
    """Return a bucket that is known to exist."""
    row = connection.execute("SELECT * FROM buckets WHERE id = ?", (bucket_id,)).fetchone()
    return BucketRow(**dict(row))


def insert(
    connection: sqlite3.Connection, *, slug: str, name: str, description: str | None, now: float
) -> BucketRow:
    """Add a bucket whose slug is free."""
    row = BucketRow(new_id("bucket"), slug, name, description, BucketStatus.ACTIVE, now)
    insert_rows(connection, "buckets", asdict(row))
    return row
