"""The data folder: can it be written, who can see it, is there room, and is the store whole?"""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from calypso_mcp.cli.doctor.findings import Finding, note, ok, problem
from calypso_mcp.errors import ConfigError
from calypso_mcp.local.options import STORE_FILE, WORKERS_FOLDER
from calypso_mcp.local.processes.presence import Presence
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.settings import Settings
from calypso_mcp.sqlite.connections import count_applied
from calypso_mcp.sqlite.faults import is_busy, is_damaged

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_CHOOSE = "choose another folder (--data-dir, CALYPSO_DATA_DIR)."
#: How long another connection may hold the store before that is a fault, in seconds.
_LOCK_S = 2.0


def check_data_folder(settings: Settings) -> Iterator[Finding]:
    """Yield the state of the folder and of the store in it."""
    folder = settings.data_dir
    if folder.exists() and not folder.is_dir():
        yield problem(f"{folder} is a file.", f"Move it away, or {_CHOOSE}")
        return
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if (refusal := _try_to_write(nearest)) is not None:
        yield problem(
            f"{nearest} cannot be written: {refusal}.", f"Give this user write access, or {_CHOOSE}"
        )
        return
    if not folder.exists():
        yield ok(f"calypso-mcp will create {folder} when it first needs it.")
    yield _check_room(settings, nearest)
    if folder.exists():
        yield from _check_privacy(folder)
        yield from _check_store(folder)


def _try_to_write(folder: Path) -> str | None:
    """Try to write into `folder`; return why that failed, None if it worked."""
    if not folder.is_dir():
        return "it is a file"
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


def _check_room(settings: Settings, folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    room = f"{free // 1_000_000:,} MB are free"
    if free < settings.min_free_disk_bytes and not settings.uses_hosted_api:
        return problem(
            f"{room} on the disk of {settings.data_dir}, and nothing is added when less than"
            f" {settings.min_free_disk_mb:,} MB are.",
            "Make room, choose another folder (--data-dir), or keep less free (--min-free-disk).",
        )
    return ok(f"{settings.data_dir}: {room}.")


def _check_privacy(folder: Path) -> Iterator[Finding]:
    if os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & _OTHERS:
        yield problem(
            f"Other users of this machine can read {folder}.",
            f"Close it: chmod 700 {shlex.quote(str(folder))}",
        )


def _check_store(folder: Path) -> Iterator[Finding]:
    store = folder / STORE_FILE
    if not store.exists():
        yield ok("No store yet.")
        return
    if Presence(folder / WORKERS_FOLDER).is_another_alive():
        yield note("A server uses the folder now; several may share it.")
    try:
        # Servers open it in another way: they wait for minutes while another connection holds the store.
        with closing(
            sqlite3.connect(f"{store.absolute().as_uri()}?mode=rw", uri=True, timeout=_LOCK_S)
        ) as connection:
            connection.isolation_level = None
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            steps = count_applied(connection, MIGRATIONS)
            [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except ConfigError as error:
        yield problem(error.message, error.hint)
        return
    except sqlite3.Error as error:
        if is_busy(error):
            yield problem(
                f"Another process has locked the store {store} for longer than {_LOCK_S:g} s.",
                "Close the program that uses it, for example a backup or a database browser.",
            )
        elif is_damaged(error):
            yield _report_damage(folder, str(error))
        else:
            yield problem(
                f"The store {store} cannot be used: {error}.",
                "Make room on its disk, and give this user write access to it.",
            )
        return
    if found != "ok":
        yield _report_damage(folder, str(found))
    elif steps < len(MIGRATIONS):
        yield note("An older version made the store; the next server updates it.")
    else:
        yield ok("The store is intact and up to date.")


def _report_damage(folder: Path, reason: str) -> Finding:
    return problem(
        f"The store is damaged: {reason}.",
        "Stop every server, then save what can still be read: "
        f"calypso-mcp recover --data-dir {shlex.quote(str(folder))}",
    )
