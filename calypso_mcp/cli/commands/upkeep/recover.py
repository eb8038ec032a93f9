"""`calypso-mcp recover`: save what can still be read of a damaged store of the embedded Calypso."""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Mapping

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.errors import ConfigError
from calypso_mcp.local.blobs import Blobs
from calypso_mcp.local.options import BLOBS_FOLDER, STORE_FILE, WORKERS_FOLDER
from calypso_mcp.local.processes.presence import Presence
from calypso_mcp.local.store.recovery import is_intact, recover
from calypso_mcp.settings import load_settings


def add_arguments(parser: CommandParser) -> None:
    """Take the data folder."""
    parser.description = (
        "Save what is still readable in a damaged store of the embedded Calypso: move the store aside "
        "and make a new one. Stop every server on the data folder first."
    )
    parser.add_argument("--force", action="store_true", help="also if the store looks intact")
    parser.add_settings((), names={"data_dir", "log_level"})


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Put a new store in the place of the damaged one, and say what is in it.

    Raises:
        ConfigError: A server uses the folder, there is no store, it looks intact, or it cannot be written.
    """
    data_dir = load_settings(flags).data_dir
    store = data_dir / STORE_FILE
    if not store.exists():
        raise ConfigError(f"There is no store in {data_dir}.", hint="Name its folder with --data-dir.")
    try:
        if Presence(data_dir / WORKERS_FOLDER).is_another_alive():
            raise ConfigError(f"A server uses {data_dir}.", hint="Stop it, then run this again.")
        if not arguments.force and is_intact(store):
            raise ConfigError(
                f"The store in {data_dir} looks intact.", hint="Add --force to make a new one from it."
            )
        saved = recover(store, Blobs(data_dir / BLOBS_FOLDER).sealed)
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"Cannot write to the data folder {data_dir}: {error}.") from error
    print(
        f"Files saved: {saved.files}, in buckets: {saved.buckets}. The next server indexes them again.\n"
        f"The old store is kept as {saved.damaged}."
    )
    if saved.set_aside:
        print(f"Files whose names are lost: {saved.set_aside}, moved to {saved.lost}.")
    return 0
