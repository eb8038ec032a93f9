"""Stores damaged in the middle: said plainly, never retried, and what is left can be saved."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from calypso_mcp.local.blobs import Blobs
from calypso_mcp.local.store.recovery import is_intact, recover
from calypso_mcp.sqlite.faults import StoreDamaged
from tests.commands.processes import run
from tests.support.live_backend import Api, in_process, options_for

FILES = 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with 40 indexed files, its write-ahead log folded in."""
    import anyio

    folder = tmp_path_factory.mktemp("whole") / "data"

    async def fill() -> None:
        async with in_process(options_for(folder)) as api:
            for number in range(FILES):
                text = f"# Lamp {number}\n\nmarker{number} means a steady light. " + "More words. " * 300
                file = await api.upload(text.encode(), filename=f"{number}.md")
                await api.settled(file["id"])

    anyio.run(fill)
    return folder


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "data")
    return tmp_path / "data" / "calypso.db"


def pages_of(store: Path, *names: str) -> list[int]:
    """Return the numbers of all pages of these tables and indexes, from 1."""
    with closing(sqlite3.connect(store)) as connection:
        marks = ", ".join("?" * len(names))
        return [
            row[0] for row in connection.execute(f"SELECT pageno FROM dbstat WHERE name IN ({marks})", names)
        ]


def overwrite(store: Path, pages: list[int]) -> None:
    content = bytearray(store.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    for page in pages:
        content[(page - 1) * size : page * size] = b"\xa5" * size
    store.write_bytes(content)


def damage_table(*names: str) -> Callable[[Path], None]:
    return lambda store: overwrite(store, pages_of(store, *names))


def damage_middle(store: Path) -> None:
    pages = store.stat().st_size // 4096
    overwrite(store, list(range(pages // 3, 2 * pages // 3)))


def cut_short(store: Path) -> None:
    content = store.read_bytes()
    store.write_bytes(content[: len(content) // 8192 * 4096])


def damage_header(store: Path) -> None:
    overwrite(store, [1])


def empty(store: Path) -> None:
    store.write_bytes(b"")


DAMAGES = {
    "files": damage_table("files"),
    "an index of files": damage_table("sqlite_autoindex_files_1"),
    "buckets": damage_table("buckets"),
    "bucket members": damage_table("file_buckets"),
    "upload sessions": damage_table("upload_sessions"),
    "passages": damage_table("passages", "passage_sources"),
    "search index": damage_table("passages_fts_data", "passages_fts_idx", "passages_fts_docsize"),
    "tasks": damage_table("tasks", "tasks_unfinished"),
    "the middle": damage_middle,
    "the end": cut_short,
    "the header": damage_header,
}


async def touch_everything(api: Api) -> list[dict[str, object]]:
    """Use every part of the store; return the problems met."""
    answers = [
        await api.get("/knowledge/buckets"),
        await api.post("/search", {"query": "marker1 steady light"}),
        await api.post(
            "/knowledge/files/upload-session",
            {"filename": "new.md", "content_type": "text/markdown", "size_bytes": 3, "bucket": "docs"},
        ),
    ]
    return [answer.json()["error"] for answer in answers if answer.is_error]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_damage_is_named_with_its_file_and_the_way_out_and_never_called_retryable(
    store: Path, damage: Callable[[Path], None]
) -> None:
    damage(store)
    try:
        async with in_process(options_for(store.parent)) as api:
            problems = await touch_everything(api)
    except StoreDamaged as error:
        problems = [{"code": error.code, "message": f"{error.message} {error.hint}", "retryable": False}]
    assert not [problem for problem in problems if problem["retryable"]]
    for problem in problems:
        assert problem["code"] == "store_damaged"
        assert str(store) in str(problem["message"])
        assert "calypso-mcp recover" in str(problem["message"])


async def test_a_store_that_is_emptied_while_in_use_is_named_at_once(store: Path) -> None:
    """SQLite calls it busy for as long as another connection is open."""
    with anyio.fail_after(30):
        async with in_process(options_for(store.parent)) as api:
            assert await touch_everything(api) == []
            store.write_bytes(b"")
            problems = await touch_everything(api)
    assert [problem["code"] for problem in problems] == ["store_damaged"] * 3


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_what_is_left_of_a_damaged_store_is_saved_and_found_again(
    store: Path, damage: Callable[[Path], None]
) -> None:
    damage(store)
    blobs = Blobs(store.parent / "blobs")
    saved = recover(store, blobs.sealed)
    # A file is lost only with both of its rows; then its bytes are set aside.
    assert saved.files + saved.set_aside == FILES
    assert saved.damaged.exists()
    async with in_process(options_for(store.parent)) as api:
        listed = (await api.get("/knowledge/buckets", include_archived="true")).json()["buckets"]
        file_ids = {file_id for bucket in listed for file_id in bucket["fileIds"]}
        assert len(file_ids) == saved.files
        for file_id in file_ids:
            assert (await api.settled(file_id))["status"] == "active"
        found = await api.searched("steady light", limit=50)
        assert {hit["file_id"] for hit in found} <= file_ids
        assert bool(found) == bool(file_ids)


@pytest.mark.parametrize("name", ["files", "buckets", "upload sessions", "passages", "search index", "tasks"])
async def test_damage_to_one_table_loses_no_file(store: Path, name: str) -> None:
    DAMAGES[name](store)
    saved = recover(store, Blobs(store.parent / "blobs").sealed)
    assert (saved.files, saved.set_aside) == (FILES, 0)


async def test_a_damaged_log_costs_its_last_writes_and_no_more(store: Path) -> None:
    async with in_process(options_for(store.parent)) as api:
        await api.session(b"abc", bucket="later", create_missing_buckets=True)
        # As a kill leaves it: the log has not been folded in.
        left = store.with_name("left")
        left.mkdir()
        for part in ("", "-wal"):
            shutil.copy(store.with_name(store.name + part), left / f"calypso.db{part}")
    log = left / "calypso.db-wal"
    content = bytearray(log.read_bytes())
    content[len(content) // 2 :] = b"\xa5" * (len(content) - len(content) // 2)
    log.write_bytes(content)
    async with in_process(options_for(left)) as api:
        buckets = (await api.get("/knowledge/buckets")).json()["buckets"]
        assert len(buckets[0]["fileIds"]) == FILES


def test_the_command_saves_a_damaged_store_and_leaves_one_in_use_alone(store: Path) -> None:
    damage_middle(store)
    ran = run("recover", "--data-dir", str(store.parent))
    assert ran.returncode == 0, ran.stderr
    assert "Files saved: " in ran.stdout
    assert "damaged-" in ran.stdout


def test_an_intact_store_is_rebuilt_only_on_request(store: Path) -> None:
    before = store.read_bytes()
    ran = run("recover", "--data-dir", str(store.parent))
    assert ran.returncode == 2
    assert "looks intact" in ran.stderr
    assert store.read_bytes() == before
    assert not list(store.parent.glob("damaged-*"))
    ran = run("recover", "--data-dir", str(store.parent), "--force")
    assert ran.returncode == 0, ran.stderr
    assert f"Files saved: {FILES}," in ran.stdout


@pytest.mark.parametrize("damage", [*DAMAGES.values(), empty], ids=[*DAMAGES, "all of it"])
def test_no_damaged_store_looks_intact(store: Path, damage: Callable[[Path], None]) -> None:
    assert is_intact(store)
    damage(store)
    assert not is_intact(store)


async def test_no_store_in_use_is_recovered(store: Path) -> None:
    async with in_process(options_for(store.parent)) as api:
        ran = run("recover", "--data-dir", str(store.parent))
        assert ran.returncode == 2
        assert "Stop it" in ran.stderr
        assert (await api.get("/knowledge/buckets")).status_code == 200
