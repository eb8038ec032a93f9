"""Rows written by the names of their columns."""

from __future__ import annotations

from collections.abc import Mapping
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
    columns, values = ", ".join(row), ", ".join(f":{column}" for column in row)
    connection.execute(f"INSERT OR {conflict} INTO {table} ({columns}) VALUES ({values})", row)  # noqa: S608 - names
