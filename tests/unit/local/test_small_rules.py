"""Slugs, the create window, presence."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.domain.slugs import slug_for, slug_of
from calypso_mcp.local.options import LocalOptions
from calypso_mcp.local.processes.presence import Presence
from calypso_mcp.local.refusals import Refusal
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.local.uploads.admission import count_create
from calypso_mcp.sqlite.connections import migrate, open_private


@given(st.text(max_size=200))
def test_slugs_are_stable_and_url_safe(text: str) -> None:
    slug = slug_for(text, "bucket")
    assert slug
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(slug) <= 63
    assert slug_of(slug) == slug


@pytest.fixture
def connection() -> Generator[sqlite3.Connection]:
    with closing(open_private(None)) as opened:
        migrate(opened, MIGRATIONS)
        yield opened


def test_the_window_slides(connection: sqlite3.Connection) -> None:
    for tenth in range(5):
        count_create(connection, per_second=5, now=tenth / 10)
    for now in (0.5, 0.9, 0.999):
        with pytest.raises(Refusal):
            count_create(connection, per_second=5, now=now)
    count_create(connection, per_second=5, now=1.0)
    with pytest.raises(Refusal):
        count_create(connection, per_second=5, now=1.0)
    count_create(connection, per_second=5, now=1.1)


def test_a_refused_request_does_not_count(connection: sqlite3.Connection) -> None:
    count_create(connection, per_second=1, now=0.0)
    for now in (0.2, 0.4, 0.6, 0.8):
        with pytest.raises(Refusal):
            count_create(connection, per_second=1, now=now)
    count_create(connection, per_second=1, now=1.0)


def test_a_clock_set_back_locks_nobody_out(connection: sqlite3.Connection) -> None:
    count_create(connection, per_second=1, now=1_000.0)
    count_create(connection, per_second=1, now=10.0)


def test_no_limit_admits_everything(connection: sqlite3.Connection) -> None:
    for _ in range(100):
        count_create(connection, per_second=None, now=0.0)


def test_a_process_is_gone_when_its_lock_is(tmp_path: Path) -> None:
    one, other = Presence(tmp_path), Presence(tmp_path)
    one.enter()
    other.enter()
    assert not one.is_gone(other.owner)
    assert not one.is_gone(one.owner)
    other.leave()
    assert one.is_gone(other.owner)
    assert one.is_gone("worker_never_seen")
    (tmp_path / "worker_killed").touch()
    one.forget_ended()
    assert {path.name for path in tmp_path.iterdir()} == {one.owner}
    one.leave()


def test_the_key_is_not_part_of_how_options_print(tmp_path: Path) -> None:
    assert "sk_secret" not in repr(LocalOptions(tmp_path, "sk_secret"))
