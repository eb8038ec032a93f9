"""The tables of a file as numbered steps, each recorded in the file when it is taken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from calypso_mcp.errors import ConfigError
from calypso_mcp.sqlite.connections import PATIENCE_S, transaction, until_free

#: Name and script of each step. Append only: a step that was released never changes.
Migrations = Sequence[tuple[str, str]]

_RECORD = """
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""


def migrate(
    connection: sqlite3.Connection, migrations: Migrations, *, patience_s: float = PATIENCE_S
) -> None:
    """Take the steps that the file has not seen, all or none.

    Raises:
        ConfigError: The file was made by a newer version.
    """
    if count_applied(connection, migrations) == len(migrations):
        return
    with transaction(connection, patience_s=patience_s):
        connection.execute(_RECORD)
        # Read again: another process may have migrated while this one waited for the lock.
        seen = count_applied(connection, migrations)
        for number, (name, script) in enumerate(migrations, start=1):
            if number > seen:
                for statement in split_script(script):
                    connection.execute(statement)
                connection.execute("INSERT INTO migrations (number, name) VALUES (?, ?)", (number, name))


def count_applied(connection: sqlite3.Connection, migrations: Migrations) -> int:
    """Return the number of the last step that the file has seen.

    Raises:
        ConfigError: It has seen more than this version knows.
    """
    found = until_free(
        lambda: connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone()
    )
    if found is None:
        return 0
    last = int(connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0])
    if last > len(migrations):
        raise ConfigError(
            "The data folder was made by a newer version of calypso-mcp.",
            hint="Update calypso-mcp, or choose another data folder (--data-dir, CALYPSO_DATA_DIR).",
        )
    return last


def split_script(script: str) -> Iterator[str]:
    """Yield the statements of `script`. `executescript` would commit before the first."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            if statement.strip(";\n "):
                yield statement
            statement = ""
