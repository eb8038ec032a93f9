"""Trouble with the store while a file is indexed is not the file's fault, and passes."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from tests.support.live_backend import in_process, options_for

TEXT = b"# Animals\n\nThe zebra lives here.\n"
#: The store as it is for a task that was begun when its disk runs full.
NO_ROOM = """
    CREATE TRIGGER no_room BEFORE UPDATE ON tasks WHEN NEW.status <> 'indexing'
    BEGIN SELECT RAISE(ABORT, 'no room'); END
"""


async def test_a_task_that_can_neither_end_nor_be_queued_again_is_not_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = options_for(tmp_path, lease_s=3_600.0)
    async with in_process(options) as api:
        with contextlib.closing(sqlite3.connect(tmp_path / "calypso.db", isolation_level=None)) as store:
            store.execute(NO_ROOM)
            file = await api.upload(TEXT)
            asked = f"/knowledge/files/{file['id']}"
            await api.until(lambda: api.get(asked), lambda _: "queued again" in caplog.text)
            store.execute("DROP TRIGGER no_room")
            assert (await api.settled(file["id"]))["status"] == "active"
            assert len(await api.searched("zebra")) == 1
            assert store.execute("SELECT attempts FROM tasks").fetchone() == (1,)
