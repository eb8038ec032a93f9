"""Versions of a source that become searchable in another order than they were uploaded."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing
from itertools import permutations
from typing import Any

import pytest

from calypso_mcp.domain.uploads.declaration import Declaration, IfExists
from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed
from calypso_mcp.local.retrieval.search import search
from calypso_mcp.local.store import buckets, files, sessions, sources, tasks
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.local.store.sessions import NewSession
from calypso_mcp.local.worker import Passages, record_ends
from calypso_mcp.sqlite.connections import connect, migrate


@pytest.fixture
def store() -> Generator[sqlite3.Connection]:
    with closing(connect(None)) as connection:
        migrate(connection, MIGRATIONS)
        yield connection


def finalized(
    store: sqlite3.Connection, bucket_id: str, if_exists: IfExists, *others: str, **labels: Any
) -> str:
    """Return the id of a file whose bytes have arrived and that waits to be indexed."""
    declaration = Declaration("policy.md", content_type="text/markdown", if_exists=if_exists, **labels)
    [address] = sessions.insert(
        store, NewSession(declaration, 1, (bucket_id, *others)), now=1.0, lifetime_s=60.0
    )
    store.execute("UPDATE upload_sessions SET sha256 = 'x' WHERE id = ?", (address.session_id,))
    session = sessions.get(store, address.session_id)
    assert session is not None
    return files.insert(store, session, now=1.0)[session.id]


def test_a_new_address_never_shortens_the_time_of_earlier_ones(store: sqlite3.Connection) -> None:
    new = NewSession(Declaration("policy.md"), 1, ())
    [address] = sessions.insert(store, new, now=1_000.0, lifetime_s=60.0)
    again = sessions.renew(store, address.session_id, now=10.0, lifetime_s=60.0)  # the clock was set back

    assert sessions.list_stale(store, before=1_059.0) == []
    assert again.expires_at == 70.0


def indexed(store: sqlite3.Connection, file_id: str) -> None:
    """Make the file searchable as the worker does."""
    file = files.get(store, file_id)
    if file is not None:
        tasks.complete(store, [file_id], now=2.0)
        sources.settle_versions(store, [file_id], now=2.0)


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


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_versions_recorded_together_the_latest_stays(
    store: sqlite3.Connection, order: tuple[int, ...]
) -> None:
    bucket = buckets.insert(store, slug="docs", name="Docs", description=None, now=0.0)
    versions = [finalized(store, bucket.id, "replace") for _ in range(3)]
    rows = files.get_all(store, versions)
    ends = {
        versions[position]: Passages(document, split(document))
        for position in order
        for document in [Document((Block(f"Zebra number {position}."),))]
    }
    sessions_left = record_ends(store, ends, now=2.0)
    assert sorted(sessions_left) == sorted(rows[id_].session_id for id_ in versions[:2])
    assert [id_ for id_ in versions if files.get(store, id_)] == versions[-1:]
    assert [hit.text for hit in search(store, "zebra", [bucket.id], limit=5)] == ["Zebra number 2."]


def test_a_version_that_failed_takes_the_place_of_one_that_failed_and_of_no_other(
    store: sqlite3.Connection,
) -> None:
    bucket = buckets.insert(store, slug="docs", name="Docs", description=None, now=0.0)
    readable, broken, last = versions = [finalized(store, bucket.id, "replace") for _ in range(3)]
    indexed(store, readable)
    for file_id in (broken, last):
        record_ends(store, {file_id: ExtractionFailed("broken", "It is damaged.")}, now=2.0)
    held = files.get_all(store, versions)
    assert held.keys() == {readable, last}
    assert held[last].error_message == "It is damaged. The previous version was kept."


@pytest.mark.parametrize("order", list(permutations(range(4))))
@pytest.mark.parametrize("own", [None, {"external_id": "policy.md"}])
def test_the_latest_version_has_the_labels_of_the_last_that_brought_some(
    store: sqlite3.Connection, order: tuple[int, ...], own: dict[str, str] | None
) -> None:
    bucket = buckets.insert(store, slug="docs", name="Docs", description=None, now=0.0)
    brought: list[dict[str, Any]] = [
        {"tags": ("old",), "metadata": {"year": 2020}},
        {"tags": ("hr",), "metadata": {"year": 2026}},
        {"metadata": own},
        {"metadata": own},
    ]
    versions = [finalized(store, bucket.id, "replace", **labels) for labels in brought]
    for position in order:
        indexed(store, versions[position])
    last = files.get(store, versions[-1])
    assert last is not None
    assert last.declaration.tags == ("hr",)
    assert last.declaration.metadata == {"year": 2026, **(own or {})}


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


def test_a_file_that_leaves_a_bucket_while_it_is_read_is_not_found_there(store: sqlite3.Connection) -> None:
    one, two = (
        buckets.insert(store, slug=slug, name=slug, description=None, now=0.0) for slug in ("one", "two")
    )
    file_id = finalized(store, one.id, "replace", two.id)
    as_claimed = files.get(store, file_id)
    assert as_claimed
    sources.take_out(store, as_claimed, [one.id])
    block = Block("The zebra has stripes.", line_start=1, line_end=1)
    document = Document((block,))
    record_ends(store, {file_id: Passages(document, split(document))}, now=2.0)
    assert [bool(search(store, "zebra", [bucket.id], limit=5)) for bucket in (one, two)] == [
        False,
        True,
    ]
