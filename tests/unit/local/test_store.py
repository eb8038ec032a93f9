"""The store: one writer, grouped commits, migrations, locks that never reach a caller."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from calypso_mcp.errors import ConfigError
from calypso_mcp.local.http.exchange import refusal_for
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.store.connections.database import Database, Readers, open_database
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.local.store.connections.writer import Write, Writer
from calypso_mcp.sqlite.connections import (
    KeepingConnection,
    connect,
    count_applied,
    migrate,
    open_private,
    split_script,
)
from calypso_mcp.sqlite.faults import StoreDamaged, StoreFault, StoreGone, StoreUpgraded

BOUND_S = 20.0


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    async with open_database(tmp_path / "calypso.db") as opened:
        await opened.write(lambda connection: connection.execute("CREATE TABLE notes (text TEXT UNIQUE)"))
        yield opened


def insert(text: str) -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO notes (text) VALUES (?)", (text,))

    return work


def notes(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT text FROM notes")}


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("It failed.")
    error.sqlite_errorcode = code
    return error


async def test_a_write_is_seen_by_the_next_read(database: Database) -> None:
    await database.write(insert("a"))
    assert await database.read(notes) == {"a"}


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
async def test_only_its_owner_can_read_it_in_a_folder_that_all_can_read(
    database: Database, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    await database.write(insert("a"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"calypso.db": 0o600, "calypso.db-wal": 0o600, "calypso.db-shm": 0o600}


async def test_a_write_that_fails_leaves_nothing_and_harms_no_other(database: Database) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO notes VALUES ('half')")
        raise LookupError("on purpose")

    results: list[str] = []

    async def attempt(work: Any) -> None:
        try:
            await database.write(work)
            results.append("committed")
        except LookupError:
            results.append("failed")

    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as group:
            for work in (insert("a"), fails, insert("b"), fails, insert("c")):
                group.start_soon(attempt, work)
    assert sorted(results) == ["committed"] * 3 + ["failed"] * 2
    assert await database.read(notes) == {"a", "b", "c"}


async def test_writes_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    commits: list[str] = []

    connection = open_private(tmp_path / "traced.db")
    connection.execute("CREATE TABLE notes (text TEXT)")
    connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    writer = Writer(connection)
    blocked = threading.Event()

    def block(_: sqlite3.Connection) -> None:
        assert blocked.wait(BOUND_S)

    try:
        waiting: list[Future[Any]] = [writer.submit(Write(block, durable=True))]
        waiting += [writer.submit(Write(insert(str(number)), durable=True)) for number in range(50)]
        blocked.set()
        for done in waiting:
            done.result(BOUND_S)
    finally:
        await anyio.to_thread.run_sync(writer.close)
    # One for the write that blocked and whatever was queued before it was taken, one or two for the rest.
    assert len(commits) <= 3


async def test_a_closed_writer_commits_what_was_queued(tmp_path: Path) -> None:
    async with open_database(tmp_path / "calypso.db") as database:
        await database.write(lambda connection: connection.execute("CREATE TABLE notes (text TEXT)"))
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(database.write, insert(str(number)))
    async with open_database(tmp_path / "calypso.db") as database:
        assert len(await database.read(notes)) == 20
    with pytest.raises(RuntimeError, match="shutdown"):
        await database.write(insert("late"))
    # A caller that asks again and again must let others go on.
    with anyio.CancelScope() as scope:
        scope.cancel()
        await database.read(notes)
    assert scope.cancelled_caught


def test_a_read_that_finds_nothing_leaves_its_connection_to_the_next(tmp_path: Path) -> None:
    open_private(tmp_path / "calypso.db").close()
    opened: list[KeepingConnection] = []

    def open_counted() -> KeepingConnection:
        opened.append(connect(tmp_path / "calypso.db"))
        return opened[-1]

    def find(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT 1")
        raise LookupError

    with contextlib.closing(Readers(open_counted)) as readers:
        for _ in range(3):
            with pytest.raises(LookupError):
                readers.run(find)
        with pytest.raises(sqlite3.OperationalError):
            readers.run(lambda connection: connection.execute("SELECT * FROM missing"))
        assert len(opened) == 1
        assert readers.run(lambda connection: connection.in_transaction)
        assert len(opened) == 2


async def test_a_read_sees_one_moment_however_long_it_takes(database: Database) -> None:
    await database.write(insert("a"))
    counted: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        counted.append(len(notes(connection)))
        begun.set()
        assert go_on.wait(BOUND_S)
        counted.append(len(notes(connection)))

    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as group:
            group.start_soon(database.read, slow)
            await anyio.to_thread.run_sync(begun.wait, BOUND_S)
            await database.write(insert("b"))
            go_on.set()
    assert counted == [1, 1]


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await database.read(insert("a"))


async def test_another_process_holding_the_lock_is_waited_for(database: Database, tmp_path: Path) -> None:
    """The lock is held longer than SQLite itself would wait."""
    other = open_private(tmp_path / "calypso.db")
    with contextlib.closing(other):
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.8, other.execute, ["COMMIT"])
        release.start()
        with anyio.fail_after(BOUND_S):
            await database.write(insert("patient"))
        release.join()
    assert await database.read(notes) == {"patient"}


async def test_many_writers_on_one_file_never_see_a_lock(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(open_database(tmp_path / "c.db")) for _ in range(4)]
        await databases[0].write(lambda connection: connection.execute("CREATE TABLE notes (text TEXT)"))

        async def fill(number: int, database: Database) -> None:
            for index in range(50):
                await database.write(insert(f"{number}-{index}"))
                await database.read(notes)

        with anyio.fail_after(BOUND_S):
            async with anyio.create_task_group() as group:
                for number, database in enumerate(databases):
                    group.start_soon(fill, number, database)
        assert len(await databases[0].read(notes)) == 200


async def test_a_checkpoint_shortens_the_log(database: Database) -> None:
    for number in range(20):
        await database.write(insert(f"{number}" * 1_000))
    assert database.log_bytes > 0
    await database.checkpoint()
    assert database.log_bytes == 0


async def test_the_writer_survives_a_transaction_that_sqlite_gives_up(database: Database) -> None:
    def loses_the_transaction(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR ROLLBACK INTO notes VALUES (NULL), ('x'), ('x')")

    outcomes: list[str] = []

    async def attempt(work: Any) -> None:
        try:
            await database.write(work)
            outcomes.append("committed")
        except sqlite3.IntegrityError:
            outcomes.append("failed")

    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as group:
            for work in (insert("a"), loses_the_transaction, insert("b")):
                group.start_soon(attempt, work)
    assert sorted(outcomes) == ["committed", "committed", "failed"]
    assert await database.read(notes) == {"a", "b"}


def test_migrations_are_recorded_and_run_once(tmp_path: Path) -> None:
    with contextlib.closing(open_private(tmp_path / "c.db")) as connection:
        migrate(connection, MIGRATIONS)
        migrate(connection, MIGRATIONS)
        rows = connection.execute("SELECT number, name FROM migrations ORDER BY number").fetchall()
    assert [tuple(row) for row in rows] == [
        (number, name) for number, (name, _) in enumerate(MIGRATIONS, start=1)
    ]


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    with contextlib.closing(open_private(tmp_path / "c.db")) as connection:
        migrate(connection, MIGRATIONS)
        broken = (*MIGRATIONS, ("broken", "CREATE TABLE half (x); CREATE TABLE half (x);"))
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, broken)
        assert count_applied(connection, MIGRATIONS) == len(MIGRATIONS)
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchone() is None


async def test_a_store_of_a_newer_version_is_refused_with_advice(tmp_path: Path) -> None:
    with contextlib.closing(open_private(tmp_path / "c.db")) as connection:
        migrate(connection, MIGRATIONS)
        connection.execute("INSERT INTO migrations (number, name) VALUES (999, 'from the future')")
    with pytest.raises(ConfigError, match="newer version"):
        async with open_database(tmp_path / "c.db"):
            pass


async def test_a_store_that_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "calypso.db"
    path.write_bytes(b"no database at all" * 500)
    with pytest.raises(StoreDamaged) as refused:
        async with open_database(path):
            pass
    assert str(path) in refused.value.message
    assert "calypso-mcp recover" in refused.value.hint


async def test_a_store_that_cannot_be_read_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "calypso.db"
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be used") as refused:
        async with open_database(path):
            pass
    assert "--data-dir" in refused.value.hint


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")
def test_a_store_without_room_for_its_tables_says_so_and_is_made_when_there_is_room(tmp_path: Path) -> None:
    make = f"""
        import anyio, pathlib, resource, signal
        from calypso_mcp.errors import ConfigError
        from calypso_mcp.local.store.connections.database import open_database

        async def opened():
            async with open_database(pathlib.Path({str(tmp_path / "calypso.db")!r})):
                print("opened")

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
        try:
            anyio.run(opened)
        except ConfigError as error:
            print(error.message)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        anyio.run(opened)
    """
    ran = subprocess.run(
        [sys.executable, "-B", "-c", textwrap.dedent(make)],  # no bytecode is cut off at the limit
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    refused, opened = ran.stdout.splitlines()
    assert "disk is full" in refused or "disk I/O" in refused
    assert opened == "opened"


async def test_a_sqlite_that_may_damage_tables_opens_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 35, 4))
    with pytest.raises(ConfigError, match=r"3\.35\.5 is needed"):
        async with open_database(tmp_path / "calypso.db"):
            pass
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="deletes no open file")
@pytest.mark.parametrize("is_replaced", [False, True])
async def test_nothing_is_read_from_or_written_to_a_store_that_was_deleted_or_replaced(
    database: Database, tmp_path: Path, is_replaced: bool
) -> None:
    await database.write(insert("a"))
    for name in ("calypso.db", "calypso.db-wal", "calypso.db-shm"):
        (tmp_path / name).unlink()
    if is_replaced:
        open_private(tmp_path / "calypso.db").close()
    with pytest.raises(StoreGone):
        await database.write(insert("b"))
    with pytest.raises(StoreGone):
        await database.read(notes)


@pytest.mark.skipif(sys.platform == "win32", reason="deletes no open file")
async def test_a_store_that_vanishes_during_a_read_or_a_write_is_called_gone(tmp_path: Path) -> None:
    path = tmp_path / "calypso.db"

    def fail(_: sqlite3.Connection) -> None:
        path.rename(tmp_path / "away")
        connect(path)

    async with open_database(path) as database:
        for attempt in (database.read, database.write):
            with pytest.raises(StoreGone):
                await attempt(fail)
            (tmp_path / "away").rename(path)


@pytest.mark.parametrize("change", ["RENAME TO elsewhere", "RENAME COLUMN text TO words"])
async def test_a_process_that_runs_while_a_newer_version_upgrades_the_store_asks_for_a_restart(
    database: Database, tmp_path: Path, change: str
) -> None:
    await database.write(insert("a"))
    with contextlib.closing(open_private(tmp_path / "calypso.db")) as newer:
        newer.execute(f"ALTER TABLE notes {change}")
    for attempt in (database.read(notes), database.write(insert("b"))):
        with pytest.raises(StoreFault, match="restart every calypso-mcp that uses this folder"):
            await attempt


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OSError(errno.ENOSPC, "It failed."), 507),
        (OSError(errno.EDQUOT, "It failed."), 507),
        (OSError(errno.EIO, "It failed."), 503),
        (sqlite_error(sqlite3.SQLITE_FULL), 507),
        (sqlite_error(sqlite3.SQLITE_IOERR_SHMSIZE), 507),
        (sqlite_error(sqlite3.SQLITE_IOERR_READ), 503),
    ],
)
def test_only_a_disk_without_room_is_called_full(error: Exception, status: int) -> None:
    assert refusal_for(error).status == status


def test_a_script_is_cut_into_its_statements() -> None:
    script = """
    CREATE TABLE a (x DEFAULT ';');
    CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; DELETE FROM a; END;
    """
    assert [statement.split()[1] for statement in split_script(script)] == ["TABLE", "TRIGGER"]


async def test_an_index_made_by_other_rules_is_written_again_when_the_store_opens(tmp_path: Path) -> None:
    path = tmp_path / "calypso.db"
    async with open_database(path) as database:
        await database.write(
            lambda connection: connection.execute("UPDATE passage_index_format SET format = 0")
        )

    async with open_database(path) as database:
        assert not await database.read(index.is_outdated)


async def test_nothing_is_written_once_another_version_has_made_the_index_anew(
    tmp_path: Path,
) -> None:
    """It could not take the words out again: they would find what comes in their place."""
    path = tmp_path / "calypso.db"
    async with open_database(path) as database:
        with contextlib.closing(sqlite3.connect(path)) as newer, newer:
            newer.execute("UPDATE passage_index_format SET format = format + 1")
        with pytest.raises(StoreUpgraded, match="restart every calypso-mcp"):
            await database.write(lambda connection: connection.execute("DELETE FROM buckets"))
        assert await database.read(lambda connection: connection.execute("SELECT 1").fetchone()[0]) == 1


async def test_waiting_for_another_process_to_upgrade_the_store_can_be_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "calypso.db"
    with contextlib.closing(
        sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    ) as upgrading:
        upgrading.execute("BEGIN EXCLUSIVE")
        end = threading.Timer(5, upgrading.commit)
        end.start()
        with anyio.move_on_after(0.1):
            async with open_database(path):
                pass
        gave_up = upgrading.in_transaction
        end.cancel()
        end.join()
    assert gave_up
    async with open_database(path):
        pass
