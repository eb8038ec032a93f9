"""Turns of conversations in the store: bounded in number and age."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from dataclasses import replace

import pytest

from calypso_mcp.local.store import answers
from calypso_mcp.local.store.answers import TurnRow
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.sqlite.connections import migrate


@pytest.fixture
def connection() -> Generator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    migrate(connection, MIGRATIONS)
    yield connection
    connection.close()


def turn(number: int, conversation: str = "conv_a", at: float = 0.0) -> TurnRow:
    return TurnRow(f"resp_{number}", conversation, "model", f"words {number}", at)


def kept(connection: sqlite3.Connection) -> int:
    return connection.execute("SELECT count(*) FROM answers").fetchone()[0]


def test_a_turn_comes_back_as_it_was_kept(connection: sqlite3.Connection) -> None:
    for number in range(3):
        answers.insert(connection, turn(number))
    assert answers.get(connection, "resp_1") == turn(1)
    assert answers.get_latest(connection, "conv_a") == turn(2)
    assert answers.get(connection, "resp_9") is None
    assert answers.get_latest(connection, "conv_b") is None


def test_of_what_was_sought_the_beginning_is_kept(connection: sqlite3.Connection) -> None:
    answers.insert(connection, replace(turn(1), sought="x" * 8_000))
    kept_turn = answers.get(connection, "resp_1")
    assert kept_turn
    assert len(kept_turn.sought) == 1_000


def test_a_long_conversation_loses_its_oldest_turns_and_no_other_does(connection: sqlite3.Connection) -> None:
    answers.insert(connection, turn(1_000, "conv_b"))
    for number in range(60):
        answers.insert(connection, turn(number))
    assert kept(connection) == 51
    assert answers.get(connection, "resp_9") is None
    assert answers.get(connection, "resp_10") == turn(10)
    assert answers.get(connection, "resp_1000") is not None


def test_old_turns_and_those_beyond_the_bound_are_dropped(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        answers.insert(connection, turn(number, f"conv_{number}", at=float(number)))
    answers.drop(connection, before=3.0)
    assert kept(connection) == 7
    monkeypatch.setattr(answers, "_MOST_KEPT", 4)
    answers.drop(connection, before=0.0)
    assert kept(connection) == 4
    assert answers.get(connection, "resp_9") is not None
