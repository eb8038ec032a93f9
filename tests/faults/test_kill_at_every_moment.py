"""A replacement, a removal and a sync, killed at every moment that changes what a restart finds.

One version of each source is searchable, always, and the same command makes folder and bucket equal again.
By default every third moment is tried; with EVERY_MOMENT in the environment, each.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import anyio
import pytest

from tests.support.dying_process import KILLED, Commands, dying_commands
from tests.support.live_backend import API_KEY, BOUND_S, Api, BackendProcess, in_process, options_for, tree

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs copies of a process")

STEP = 1 if os.environ.get("EVERY_MOMENT") else 3


def write(folder: Path, version: int, *numbers: int) -> None:
    """Write pages of one version; nothing else stays in the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number in numbers:
        text = f"Page {number} of the zebra book, version {version}. " + "Text. " * 300
        (folder / f"page-{number}.md").write_text(text)


async def pages_found(api: Api) -> dict[int, set[int]]:
    """Return the searchable versions of each page."""
    pages: dict[int, set[int]] = {}
    for hit in await api.searched("zebra book version page", buckets=["docs"], max_results=20):
        if match := re.search(r"Page (\d) of the zebra book, version (\d+)", hit["text"]):
            pages.setdefault(int(match[1]), set()).add(int(match[2]))
    return pages


async def listed(api: Api) -> list[tuple[str, str]]:
    sources = (await api.get("/knowledge/sources", bucket="docs")).json()["sources"]
    return [(source["name"], source["status"]) for source in sources]


async def until_bytes_are_of(api: Api, sources: int) -> None:
    """Wait until the housekeeping has cleared the bytes that nothing names any more."""
    data = api.options.data_dir
    await api.until(partial(api.get, "/knowledge/buckets"), lambda _: len(tree(data)) == sources)


def killed_at_each_moment(
    commands: Commands, *arguments: str, restore: Callable[[], object]
) -> Generator[int]:
    """Run the command up to a moment, then to a later one, until it ends; yield the moment after each."""
    dies_at, code = 1, KILLED
    while code == KILLED:
        restore()
        code, moments = commands.run(*arguments, dies_at=dies_at)
        assert code in (KILLED, 0), commands.printed
        assert len(moments) <= dies_at
        yield len(moments)
        dies_at += STEP


@pytest.fixture
def commands(tmp_path: Path) -> Generator[Commands]:
    with dying_commands(tmp_path) as commands:
        yield commands


async def test_a_sync_killed_at_any_moment_leaves_one_version_and_can_be_repeated(
    tmp_path: Path, commands: Commands
) -> None:
    folder, data, before = tmp_path / "documents", tmp_path / "data", tmp_path / "before"
    place = ("--bucket", "docs", "--create-bucket", "--data-dir", str(data))
    sync = ("sync", str(folder), *place, "--remove-missing")
    write(folder, 0, 0, 1, 2)
    assert commands.run(*sync)[0] == 0
    data.rename(before)
    write(folder, 1, 0, 1, 3)

    def restore() -> None:
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(before, data)

    moment = 0
    for moment in killed_at_each_moment(commands, *sync, restore=restore):
        async with in_process(options_for(data)) as api:
            found = await pages_found(api)
            assert all(found[page] in ({0}, {1}) for page in (0, 1)), (moment, found)
            assert found.get(2) in ({0}, None), (moment, found)
        assert commands.run(*sync)[0] == 0
        async with in_process(options_for(data)) as api:
            assert await pages_found(api) == {0: {1}, 1: {1}, 3: {1}}, moment
            assert await listed(api) == [(f"page-{page}.md", "active") for page in (0, 1, 3)]
            await until_bytes_are_of(api, 3)
    assert moment > 30


async def test_a_sync_with_a_distant_backend_killed_at_any_moment_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where the backend lives on: the moments are the sender's, its requests among them."""
    folder = tmp_path / "documents"
    monkeypatch.setenv("CALYPSO_API_KEY", API_KEY)
    version = 0
    with BackendProcess(tmp_path / "data") as backend, dying_commands(tmp_path) as commands:
        place = ("--bucket", "docs", "--create-bucket", "--data-dir", str(tmp_path / "memory"))
        sync = ("sync", str(folder), *place, "--api-base-url", f"{backend.origin}/v1", "--remove-missing")
        write(folder, version, 0, 1)
        assert commands.run(*sync)[0] == 0, commands.printed

        def change() -> None:
            nonlocal version
            version += 1
            write(folder, version, 0, 1, 2 + version % 2)

        moment = 0
        async with backend.client() as api:
            for moment in killed_at_each_moment(commands, *sync, restore=change):
                found = await pages_found(api)
                assert all(found[page] in ({version - 1}, {version}) for page in (0, 1)), (moment, found)
                assert commands.run(*sync)[0] == 0, commands.printed
                pages = (0, 1, 2 + version % 2)
                assert await pages_found(api) == {page: {version} for page in pages}, moment
                assert await listed(api) == [(f"page-{page}.md", "active") for page in pages]
        assert moment > 20


async def test_a_removal_killed_at_any_moment_is_whole_or_has_not_happened(
    tmp_path: Path, commands: Commands
) -> None:
    data, before = tmp_path / "data", tmp_path / "before"
    async with in_process(options_for(before)) as api:
        file_id = (await api.settled((await api.upload(b"Page 0 of the zebra book, version 0."))["id"]))["id"]

    def restore() -> None:
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(before, data)

    remove = ("remove", file_id, "--yes", "--data-dir", str(data))
    outcomes: set[bool] = set()
    for _ in killed_at_each_moment(commands, *remove, restore=restore):
        async with in_process(options_for(data)) as api:
            found, names = await pages_found(api), await listed(api)
            assert (found, names) in (({0: {0}}, [("notes.md", "active")]), ({}, []))
        is_gone = not names
        outcomes.add(is_gone)
        assert commands.run(*remove)[0] == (1 if is_gone else 0), commands.printed
        async with in_process(options_for(data)) as api:
            assert (await pages_found(api), await listed(api)) == ({}, [])
            await until_bytes_are_of(api, 0)
    assert outcomes == {False, True}


async def test_each_search_during_a_replacement_finds_one_version(tmp_path: Path) -> None:
    async with in_process(options_for(tmp_path)) as api:
        text = "Page 0 of the zebra book, version {}. " + "Text. " * 3_000
        await api.settled((await api.upload(text.format(0).encode()))["id"])
        for version in range(1, 4):
            file = await api.upload(text.format(version).encode(), if_exists="replace")
            with anyio.fail_after(BOUND_S):
                while (found := await pages_found(api)) != {0: {version}}:
                    assert found == {0: {version - 1}}
            assert await listed(api) == [("notes.md", "active")]
            assert (await api.settled(file["id"]))["status"] == "active"
