"""Data that outlives a program: a store of the first schema, and a backup restored elsewhere.

The store was written by the first release: a bucket `docs` with two searchable files and a broken one, an
upload that was announced and never sent, and an agent.
"""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.sqlite.connections import connect, migrate
from tests.support.live_backend import Api, in_process, options_for

FIRST_STORE = Path(__file__).parent.parent / "data" / "store_of_the_first_schema.tar.xz"
#: Migrations that the first release had taken.
FIRST_SCHEMA = 3
#: Those before names were compared in one spelling.
SPELT_AS_SENT = 13
LEAVE = "file_710e2c603edcb030dfff6c7f"
NEW = b"# Leave policy\n\nEvery employee has 31 days of annual leave.\n"


async def texts(api: Api, query: str) -> list[str]:
    return [result["text"] for result in await api.searched(query, buckets=["docs"])]


@pytest.fixture
def first_store(tmp_path: Path) -> Path:
    with tarfile.open(FIRST_STORE) as packed:
        packed.extractall(tmp_path / "first", filter="data")
    return tmp_path / "first"


async def test_a_store_of_the_first_schema_is_searched_listed_and_read(first_store: Path) -> None:
    async with in_process(options_for(first_store)) as api:
        assert "27 days" in (await texts(api, "annual leave"))[0]
        assert "Kantine" in (await texts(api, "Kantine"))[0]
        named = {
            "broken.pdf": ("failed", "broken.pdf", "file"),
            "canteen.md": ("active", "canteen.md", "file"),
            "leave.md": ("active", "doc-7", "file"),
        }
        # This version first tries to read what that one could not.
        await api.until(
            lambda: api.get("/knowledge/sources", bucket="docs"),
            lambda listed: (
                named
                == {
                    source["name"]: (source["status"], source["identity"], source["kind"])
                    for source in listed["sources"]
                }
            ),
        )
        read = (await api.get(f"/knowledge/sources/{LEAVE}/text")).json()
        assert "27 days" in read["passages"][0]["text"]
        content = await api.get(f"/knowledge/sources/{LEAVE}/content")
        assert content.content.startswith(b"# Leave policy")
        agents = (await api.get("/rag-agent/models")).json()["data"]
        assert "calypso-agent:support" in {agent["id"] for agent in agents}


@pytest.mark.parametrize("version", range(FIRST_SCHEMA + 1, len(MIGRATIONS)))
async def test_a_store_of_every_schema_since_is_searched_and_extended(
    first_store: Path, version: int
) -> None:
    with closing(connect(first_store / "calypso.db")) as store:
        migrate(store, MIGRATIONS[:version])
    async with in_process(options_for(first_store)) as api:
        assert "27 days" in (await texts(api, "annual leave"))[0]
        assert "Kantine" in (await texts(api, "Kantine"))[0]
        new = await api.upload(NEW, metadata={"external_id": "doc-7"}, if_exists="replace")
        await api.settled(new["id"])
        assert ["31 days" in text for text in await texts(api, "annual leave")] == [True]


async def test_a_source_of_the_first_schema_is_replaced_and_removed(first_store: Path) -> None:
    async with in_process(options_for(first_store)) as api:
        new = await api.upload(NEW, metadata={"external_id": "doc-7"}, if_exists="replace")
        await api.settled(new["id"])
        found = await texts(api, "annual leave")
        assert len(found) == 1
        assert "31 days" in found[0]
        assert (await api.get(f"/knowledge/files/{LEAVE}")).status_code == 404
        canteen = (await api.get("/knowledge/sources", bucket="docs", query="canteen")).json()["sources"][0]
        assert (await api.http.delete(f"/knowledge/sources/{canteen['id']}")).status_code == 200
        assert await texts(api, "Kantine") == []
    async with in_process(options_for(first_store)) as api:
        assert len(await texts(api, "annual leave")) == 1


async def test_a_name_in_an_old_store_is_known_in_either_spelling_of_its_accents(first_store: Path) -> None:
    with closing(connect(first_store / "calypso.db")) as store:
        migrate(store, MIGRATIONS[:SPELT_AS_SENT])
        apart = "re\u0301sume\u0301.md"
        store.execute(
            "UPDATE files SET filename = ?, identity = ? WHERE filename = 'canteen.md'", (apart, apart)
        )
    async with in_process(options_for(first_store)) as api:
        new = await api.upload(NEW, filename="r\u00e9sum\u00e9.md", if_exists="replace")
        await api.settled(new["id"])
        assert await texts(api, "Kantine") == []


async def test_a_backup_of_a_running_backend_is_complete_where_it_is_restored(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    async with in_process(options_for(data)) as api:
        files = [
            await api.upload(f"Note number {number} about topic{number}.\n".encode(), filename=f"{number}.md")
            for number in range(20)
        ]
        for file in files:
            await api.settled(file["id"])
        backup.mkdir()
        # As docs/embedded.md says: the database first, then the stored files; the backend goes on meanwhile.
        async with anyio.create_task_group() as meanwhile:
            meanwhile.start_soon(lambda: api.upload(b"Later words.\n", filename="later.md"))
            await anyio.to_thread.run_sync(_copy, data, backup)
    async with in_process(options_for(backup)) as api:
        for number in range(20):
            assert await texts(api, f"topic{number}")
        listed = (await api.get("/knowledge/sources", bucket="docs")).json()
        for source in listed["sources"]:
            state = await api.settled(source["id"])
            assert state["status"] == "active"


def _copy(data: Path, backup: Path) -> None:
    with (
        closing(sqlite3.connect(data / "calypso.db")) as running,
        closing(sqlite3.connect(backup / "calypso.db")) as copy,
    ):
        running.backup(copy)
    shutil.copytree(data / "blobs", backup / "blobs")
