"""Rows written by the names of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import sqlite3


def insert_rows(
    connection: sqlite3.Connection,
    table: str,
    *rows: Mapping[str, Any],
    conflict: Literal["ABORT", "REPLACE", "IGNORE"] = "ABORT",
) -> None:
    """Insert rows, all with the same columns; their names and `table` are ours, never text from outside.

    Raises:
        sqlite3.IntegrityError: A row breaks a rule of the table, and `conflict` is ABORT.
    """
    if rows:
        columns, values = ", ".join(rows[0]), ", ".join(f":{column}" for column in rows[0])
        statement = f"INSERT OR {conflict} INTO {table} ({columns}) VALUES ({values})"  # noqa: S608 - names
        connection.executemany(statement, rows)
