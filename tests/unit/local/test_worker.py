"""The indexing worker when the store is in trouble."""

from __future__ import annotations

import threading
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from calypso_mcp.local.blobs import Blobs
from calypso_mcp.local.options import LocalOptions
from calypso_mcp.local.processes.presence import Presence
from calypso_mcp.local.store.database import Database
from calypso_mcp.local.worker import IndexingWorker

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
    async with Database(tmp_path / "calypso.db") as database:
        await database.write(lambda connection: connection.execute("ALTER TABLE tasks RENAME TO elsewhere"))
        worker = IndexingWorker(options, database, Blobs(tmp_path), Presence(tmp_path / "workers"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.run)
            assert await anyio.to_thread.run_sync(enough.wait, BOUND_S)
            tasks.cancel_scope.cancel()

    messages = [record.getMessage() for record in caplog.records]
    assert messages.count("No indexing task could be claimed; trying again.") == 1
