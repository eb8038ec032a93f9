"""The indexing worker: small files together, and what it does when the store is in trouble."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local import worker as worker_module
from calypso_mcp.local.blobs import Blobs
from calypso_mcp.local.indexing.chunking import Chunk, split
from calypso_mcp.local.indexing.documents import Document
from calypso_mcp.local.indexing.formats.ocr.engines import is_recognition_installed
from calypso_mcp.local.options import LocalOptions
from calypso_mcp.local.processes.presence import Presence
from calypso_mcp.local.store import files, sessions
from calypso_mcp.local.store.connections.database import Database, open_database
from calypso_mcp.local.store.sessions import NewSession
from calypso_mcp.local.worker import IndexingWorker, record_ends
from tests.support.scans import photograph, picture_file, typeset

BOUND_S = 30.0


async def test_trouble_that_lasts_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tries = 0
    enough = threading.Event()

    def clock() -> float:
        nonlocal tries
        tries += 1
        if tries > 20:
            enough.set()
        return 1000.0

    options = LocalOptions(data_dir=tmp_path, api_key="sk_test", poll_s=0.001, clock=clock)
    async with open_database(tmp_path / "calypso.db") as database:
        await database.write(lambda connection: connection.execute("ALTER TABLE tasks RENAME TO elsewhere"))
        worker = IndexingWorker(options, database, Blobs(tmp_path), Presence(tmp_path / "workers"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.run)
            assert await anyio.to_thread.run_sync(enough.wait, BOUND_S)
            tasks.cancel_scope.cancel()

    messages = [record.getMessage() for record in caplog.records]
    assert sum("No indexing task could be claimed; trying again." in message for message in messages) == 1


async def _queue(
    database: Database, blobs: Blobs, contents: Mapping[str, bytes | None], bucket: str = "bucket"
) -> None:
    """Queue files of these contents in one transaction; None stands for bytes that are gone."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO buckets (id, slug, name, created_at) VALUES (?1, ?1, ?1, 0)", (bucket,)
        )
        for name, content in contents.items():
            new = NewSession(Declaration(name), len(content or b"gone"), (bucket,))
            session_id = sessions.insert(connection, new, now=0.0, lifetime_s=60.0)[0].session_id
            with closing(blobs.open_partial(session_id, new.size_bytes)) as partial:
                sessions.mark_uploaded(connection, {session_id: partial.seal(content or b"gone", {})})
            if content is None:
                blobs.discard(session_id)
            session = sessions.get(connection, session_id)
            assert session is not None
            files.insert(connection, session, now=0.0)

    await database.write(work)


#: Status, error code and attempts of each file.
_Standing = dict[str, tuple[str, str | None, int]]


def _ends(connection: sqlite3.Connection) -> _Standing:
    rows = connection.execute(
        "SELECT filename, files.status, error_code, attempts FROM files JOIN tasks ON file_id = files.id"
    )
    return {row[0]: tuple(row)[1:] for row in rows}


class _TellingWorker(IndexingWorker):
    """Tells when it has ended a group, and whenever else it looks for work."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.told = asyncio.Queue[None]()

    def wake(self) -> None:
        super().wake()
        self.told.put_nowait(None)


async def _index_until(
    is_enough: Callable[[_Standing], bool], folder: Path, database: Database, blobs: Blobs
) -> _Standing:
    """Return how the files stand once that is enough."""
    options = LocalOptions(data_dir=folder, api_key="sk_test", poll_s=0.01)
    worker = _TellingWorker(options, database, blobs, Presence(folder / "workers"))
    ends = await database.read(_ends)
    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.run)
            while not is_enough(ends):
                await worker.told.get()
                ends = await database.read(_ends)
            tasks.cancel_scope.cancel()
    return ends


@pytest.mark.parametrize("patience_s", [BOUND_S, 0.0])
async def test_files_that_are_indexed_together_end_as_they_would_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience_s: float
) -> None:
    recorded: list[int] = []

    def counted(connection: sqlite3.Connection, ends: Mapping[str, Any], **how: Any) -> list[str]:
        recorded.append(len(ends))
        return record_ends(connection, ends, **how)

    trapped = False

    def split_but_once(document: Document) -> list[Chunk]:
        nonlocal trapped
        if "Trap" in document.text and not trapped:
            trapped = True
            raise LookupError("on purpose")
        return split(document)

    monkeypatch.setattr(worker_module, "record_ends", counted)
    monkeypatch.setattr(worker_module, "split", split_but_once)
    monkeypatch.setattr(worker_module, "_PATIENCE_S", patience_s)
    contents = {f"{number}.md": f"# Note {number}\n\nA zebra.\n".encode() for number in range(20)}
    in_child: dict[str, bytes | None] = {
        "page.html": b"<h1>Animals</h1><p>A zebra.</p>",
        "table.csv": b"animal,legs\nzebra,4\n",
        "facts.json": b'{"animal": "zebra"}',
        "mail.eml": b"From: a@example.com\nSubject: Animals\n\nA zebra.\n",
        "letter.rtf": rb"{\rtf1 A zebra.}",
    }
    odd: dict[str, bytes | None] = {
        "blank.txt": b"  \n",
        "trap.md": b"# Trap\n\nA zebra.\n",
        "other.txt": "Ein Zebra läuft über die Straße.".encode("utf-16"),
        "binary.txt": bytes(range(256)),
        "gone.md": None,
    }
    blobs = Blobs(tmp_path)
    blobs.prepare()
    async with open_database(tmp_path / "calypso.db") as database:
        await _queue(database, blobs, {**contents, **in_child, **odd})
        ends = await _index_until(
            lambda ends: {end[0] for end in ends.values()} <= {"active", "failed"}, tmp_path, database, blobs
        )
    assert [ends[name] for name in contents] == [("active", None, 1)] * 20
    assert [ends[name] for name in in_child] == [("active", None, 1)] * 5
    assert trapped
    assert ends["trap.md"] == ends["other.txt"] == ("active", None, 1)
    assert [ends[name][:2] for name in ("blank.txt", "binary.txt", "gone.md")] == [
        ("failed", "empty"),
        ("failed", "unsupported"),
        ("failed", "content_missing"),
    ]
    # What takes too long is tried again, alone.
    assert [size for size in recorded if size > 1] == [30 if patience_s else 20]


@pytest.mark.skipif(not is_recognition_installed(), reason="needs the extra 'ocr'")
async def test_a_file_has_its_turn_while_a_scan_of_its_bucket_is_read(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    blobs.prepare()
    async with open_database(tmp_path / "calypso.db") as database:
        # Too large to be read together with the file behind it.
        scan = picture_file([photograph(typeset(["A zebra."]))] * 3, "TIFF")
        await _queue(database, blobs, {"scan.tiff": scan, "behind.md": b"A zebra."}, "first")
        for bucket in ("second", "third"):
            notes = {f"{bucket} {number}.md": b"A zebra.\n\n" * 2_000 for number in range(250)}
            await _queue(database, blobs, notes, bucket)
        ends = await _index_until(lambda ends: ends["behind.md"][0] == "active", tmp_path, database, blobs)
    assert ends["scan.tiff"][0] == "indexing"
