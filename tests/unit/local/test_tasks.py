"""Which indexing tasks a process takes together, and which alone."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from pathlib import Path

import pytest

from calypso_mcp import __version__
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.blobs import Digests
from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import Block, Document
from calypso_mcp.local.indexing.formats.ocr.engines import is_recognition_installed
from calypso_mcp.local.store import files, sessions, tasks
from calypso_mcp.local.store.connections.database import Database, open_database
from calypso_mcp.local.store.files import FileRow
from calypso_mcp.local.store.sessions import NewSession
from calypso_mcp.local.store.tasks import Places
from calypso_mcp.local.worker import Passages, record_ends
from tests.support.live_backend import in_process, options_for

SMALL, LARGE = 10, 1_000_000
IDLE = Places(2, {}, {}, {})


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    async with open_database(tmp_path / "calypso.db") as opened:
        yield opened


async def queue(database: Database, sizes: Sequence[int], bucket: str = "") -> None:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT OR IGNORE INTO buckets (id, slug, name, created_at) VALUES (?1, ?1, ?1, 0)", (bucket,)
        )
        for number, size in enumerate(sizes):
            new = NewSession(Declaration(f"{bucket}{number}.md"), size, (bucket,))
            session_id = sessions.insert(connection, new, now=0.0, lifetime_s=60.0)[0].session_id
            sessions.mark_uploaded(connection, {session_id: Digests("", "", None)})
            session = sessions.get(connection, session_id)
            assert session is not None
            files.insert(connection, session, now=0.0)

    await database.write(work)


async def claim(database: Database, places: Places = IDLE) -> list[list[str]]:
    def is_small(file: FileRow) -> bool:
        return file.size_bytes == SMALL

    claimed = await database.write(
        lambda connection: tasks.claim(connection, "me", places, now=1.0, lease_s=60.0, is_small=is_small)
    )
    return [[member.file.declaration.filename for member in group] for group in claimed]


async def test_small_tasks_are_taken_together_up_to_a_number(database: Database) -> None:
    await queue(database, [SMALL] * (tasks.MOST_TOGETHER + 3))
    assert [len(group) for group in await claim(database)] == [tasks.MOST_TOGETHER, 3]
    assert await claim(database) == []


@pytest.mark.parametrize(
    ("sizes", "free", "groups"),
    [
        ([SMALL, LARGE, SMALL], 2, [["0.md", "2.md"], ["1.md"]]),
        # What comes first gets the only place; small tasks do not pass a larger one that could have it.
        ([LARGE, SMALL, SMALL], 1, [["0.md"]]),
        ([SMALL, LARGE, SMALL], 1, [["0.md", "2.md"]]),
        ([LARGE, LARGE, SMALL], 2, [["0.md"], ["1.md"]]),
        ([LARGE, SMALL, LARGE, LARGE, SMALL], 3, [["0.md"], ["1.md", "4.md"], ["2.md"]]),
        ([], 2, []),
    ],
)
async def test_a_large_task_has_a_place_beside_the_small_ones(
    database: Database, sizes: list[int], free: int, groups: list[list[str]]
) -> None:
    await queue(database, sizes)
    assert await claim(database, Places(free, {}, {}, {})) == groups


async def test_a_task_that_waited_for_a_place_has_the_next_one(database: Database) -> None:
    await queue(database, [SMALL, LARGE, *[SMALL] * (2 * tasks.MOST_TOGETHER)])
    await claim(database, Places(1, {}, {}, {}))
    assert await claim(database, Places(1, {}, {}, {})) == [["1.md"]]


@pytest.mark.parametrize(
    ("places", "groups"),
    [
        (IDLE, ["a0.md", "b0.md"]),
        (Places(2, {"a": 1}, {}, {}), ["b0.md"]),
        (Places(1, {}, {}, {"a": 2, "b": 1}), ["b0.md"]),
        # Two long tasks hold up their own bucket alone.
        (Places(2, {"a": 2}, {}, {}), ["b0.md"]),
        (Places(2, {"a": 2, "b": 1}, {}, {}), []),
        (Places(2, {"b": 2}, {}, {"a": 2, "b": 1}), ["a0.md"]),
        # Files whose pictures wait to be read do not hold up the others of their bucket.
        (Places(2, {"b": 1, "c": 1}, {"a": 7}, {"a": 9}), ["a0.md"]),
        # So many of them wait that more would fill memory; other buckets go on.
        (Places(2, {}, {"a": 500}, {"b": 9}), ["b0.md", "b1.md"]),
        (Places(0, {}, {}, {}), []),
    ],
)
async def test_buckets_take_turns(database: Database, places: Places, groups: list[str]) -> None:
    await queue(database, [LARGE] * 3, "a")
    await queue(database, [LARGE] * 3, "b")
    claimed = await claim(database, places)
    assert [name for [name] in claimed][: len(groups)] == groups
    assert bool(claimed) == bool(groups)


async def test_what_was_tried_before_is_taken_alone_by_an_idle_process(database: Database) -> None:
    await queue(database, [SMALL] * 3)
    await claim(database)
    await database.write(lambda connection: tasks.give_back(connection, "me", counts=True))
    for places in (Places(2, {"other": 1}, {}, {}), Places(2, {}, {"other": 1}, {})):
        assert await claim(database, places) == []
    assert await claim(database) == [["0.md"]]
    await queue(database, [SMALL] * 2)
    assert await claim(database) == [["0.md", "1.md"]]


@pytest.mark.parametrize(("waits_until", "is_taken"), [(0.0, True), (1.0, True), (3.0, False), (1e9, True)])
async def test_a_pause_ends_in_time_even_if_the_clock_was_set_back(
    database: Database, waits_until: float, is_taken: bool
) -> None:
    await queue(database, [SMALL])
    await claim(database)
    await database.write(
        lambda connection: tasks.give_back(connection, "me", counts=False, not_before=waits_until)
    )
    assert bool(await claim(database)) == is_taken


async def test_what_never_ends_is_given_up_and_the_rest_goes_on(database: Database) -> None:
    await queue(database, [SMALL] * 2)
    await database.write(
        lambda connection: connection.execute("UPDATE tasks SET attempts = 3 WHERE position = 1")
    )
    assert await claim(database) == [["1.md"]]
    assert await claim(database) == []
    failed = await database.read(lambda connection: connection.execute("SELECT status FROM files").fetchall())
    assert sorted(row["status"] for row in failed) == ["failed", "indexing"]


async def test_a_file_indexed_with_others_takes_a_handful_of_statements(database: Database) -> None:
    few, many = 2, 34
    text = Document((Block("A zebra."),))

    async def statements(count: int) -> int:
        await queue(database, [SMALL] * count)

        def work(connection: sqlite3.Connection) -> int:
            seen: list[str] = []
            connection.set_trace_callback(seen.append)
            [group] = tasks.claim(
                connection,
                "me",
                Places(1, {}, {}, {}),
                now=1.0,
                lease_s=60.0,
                is_small=lambda _: True,
            )
            ends = {claimed.file.id: Passages(text, split(text)) for claimed in group}
            record_ends(connection, ends, now=1.0)
            connection.set_trace_callback(None)
            # Those of the full-text index itself are traced as comments.
            return sum(not statement.startswith("--") for statement in seen)

        return await database.write(work)

    assert await statements(many) - await statements(few) <= 7 * (many - few)


@pytest.mark.skipif(not is_recognition_installed(), reason="needs the extra 'ocr' or tesseract")
async def test_what_needed_ocr_is_read_again_once_it_is_installed_and_no_other_failure(
    database: Database, tmp_path: Path
) -> None:
    await queue(database, [SMALL, SMALL])
    await database.write(partial(tasks.queue_unreadable, version=__version__, can_recognize=False))

    def fail(connection: sqlite3.Connection) -> list[str]:
        ids = [row[0] for row in connection.execute("SELECT file_id FROM tasks ORDER BY position")]
        for file_id, code in zip(ids, ("no_text_layer", "empty"), strict=True):
            tasks.fail(connection, file_id, code=code, message="No text.", now=1.0)
        return ids

    scan, blank = await database.write(fail)
    async with in_process(options_for(tmp_path)) as api:

        async def wait_for(file_id: str, code: str) -> None:
            await api.until(
                lambda: api.get(f"/knowledge/files/{file_id}"),
                lambda file: file.get("error", {}).get("code") == code,
            )

        await wait_for(scan, "content_missing")  # nothing was uploaded
        await wait_for(blank, "empty")


async def test_a_new_version_reads_once_what_earlier_ones_could_not_read(database: Database) -> None:
    await queue(database, [SMALL, SMALL])
    encrypted, late = [name for group in await claim(database) for name in group]

    async def start(version: str) -> list[str]:
        await database.write(partial(tasks.queue_unreadable, version=version, can_recognize=False))
        return [name for group in await claim(database) for name in group]

    def fail(connection: sqlite3.Connection) -> None:
        for name, code in ((encrypted, "encrypted"), (late, "timeout")):
            [file_id] = connection.execute("SELECT id FROM files WHERE filename = ?", (name,)).fetchone()
            tasks.fail(connection, file_id, code=code, message="It failed.", now=1.0)

    for version, again in (("1", [encrypted]), ("1", []), ("2", [encrypted]), ("1", []), ("2", [])):
        await database.write(fail)
        assert await start(version) == again
    # No earlier version's attempt counts.
    for version in "3456":
        await database.write(fail)
        assert await start(version) == [encrypted]
