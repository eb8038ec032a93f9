"""Versions of a source that become searchable in another order than they were uploaded."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing
from itertools import permutations

import pytest

from calypso_mcp.domain.declaration import Declaration, IfExists
from calypso_mcp.local.store import buckets, files, sessions, sources, tasks
from calypso_mcp.local.store.migrations import MIGRATIONS
from calypso_mcp.local.store.sessions import NewSession
from calypso_mcp.local.store.tasks import Claimed
from calypso_mcp.sqlite.connections import connect
from calypso_mcp.sqlite.migrations import migrate


@pytest.fixture
def store() -> Generator[sqlite3.Connection]:
    with closing(connect(None)) as connection:
        migrate(connection, MIGRATIONS)
        yield connection


def finalized(store: sqlite3.Connection, bucket_id: str, if_exists: IfExists) -> str:
    """Return the id of a file whose bytes have arrived and that waits to be indexed."""
    declaration = Declaration("policy.md", content_type="text/markdown", if_exists=if_exists)
    address = sessions.insert(store, NewSession(declaration, 1, (bucket_id,)), now=1.0, lifetime_s=60.0)
    store.execute("UPDATE upload_sessions SET sha256 = 'x' WHERE id = ?", (address.session_id,))
    session = sessions.get(store, address.session_id)
    assert session is not None
    return files.insert(store, session, now=1.0)


def indexed(store: sqlite3.Connection, file_id: str) -> None:
    """Make the file searchable as the worker does."""
    file = files.get(store, file_id)
    if file is not None:
        tasks.complete(store, Claimed(file.task_id, file, 1), now=2.0)
        sources.settle_versions(store, file)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_latest_version_stays_in_whatever_order_they_are_indexed(
    store: sqlite3.Connection, order: tuple[int, ...]
) -> None:
    bucket = buckets.insert(store, slug="docs", name="Docs", description=None, now=0.0)
    versions = [finalized(store, bucket.id, "replace") for _ in range(3)]
    for position in order:
        indexed(store, versions[position])
        active = [id_ for id_ in versions if (file := files.get(store, id_)) and file.status == "active"]
        assert len(active) == 1
    assert [id_ for id_ in versions if files.get(store, id_)] == versions[-1:]


def test_a_copy_that_is_to_stay_beside_the_others_replaces_nothing(store: sqlite3.Connection) -> None:
    bucket = buckets.insert(store, slug="docs", name="Docs", description=None, now=0.0)
    first = finalized(store, bucket.id, "replace")
    copy = finalized(store, bucket.id, "keep_both")
    indexed(store, copy)
    indexed(store, first)
    assert files.get(store, first)
    assert files.get(store, copy)
    last = finalized(store, bucket.id, "replace")
    indexed(store, last)
    assert [bool(files.get(store, id_)) for id_ in (first, copy, last)] == [False, False, True]
