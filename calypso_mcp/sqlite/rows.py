"""Rows written by the names of their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import sqlite3


def insert_row(
    connection: sqlite3.Connection,
    table: str,
    row: Mapping[str, Any],
    *,
    conflict: Literal["ABORT", "REPLACE", "IGNORE"] = "ABORT",
) -> None:
    """Insert values by column; `table` and the columns are names of ours, never text from outside.

    Raises:
        sqlite3.IntegrityError: The row breaks a rule of the table, and `conflict` is ABORT.
    """
    insert_rows(connection, table, [row], conflict=conflict)


def insert_rows(
    connection: sqlite3.Connection,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    conflict: Literal["ABORT", "REPLACE", "IGNORE"] = "ABORT",
) -> None:
    """Insert rows that all have the same columns; see `insert_row`."""
    if rows:
        columns, values = ", ".join(rows[0]), ", ".join(f":{column}" for column in rows[0])
        statement = f"INSERT OR {conflict} INTO {table} ({columns}) VALUES ({values})"  # noqa: S608 - names
        connection.executemany(statement, rows)
