"""Sources replaced, removed and kept equal to a folder while the process is killed at any moment.

One version is searchable, always, and folder and bucket can be made equal again.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import MCPError

from calypso_mcp.concurrency import raise_first
from tests.support.live_backend import BOUND_S, Api, BackendProcess, tree
from tests.support.mcp_child import McpChild, mcp_child

#: Questions between the finalize request and the kill: from at once to after the end of indexing.
MOMENTS = (0, 1, 2, 4, 8, 16, 32)


def manual(version: int) -> bytes:
    paragraphs = [f"The zebra manual, version {version}, paragraph {n}. " + "Text. " * 150 for n in range(20)]
    return "\n\n".join(paragraphs).encode()


async def versions_found(api: Api) -> set[int]:
    results = await api.searched("zebra manual", buckets=["docs"], max_results=20)
    return {int(match[1]) for result in results if (match := re.search(r"version (\d+)", result["text"]))}


async def states(api: Api) -> list[str]:
    sources: list[dict[str, Any]] = (await api.get("/knowledge/sources", bucket="docs")).json()["sources"]
    return [source["status"] for source in sources]


async def test_exactly_one_version_is_searchable_whenever_the_process_dies(tmp_path: Path) -> None:
    with BackendProcess(tmp_path) as process:
        async with process.client() as api:
            await api.settled((await api.upload(manual(0), if_exists="replace"))["id"])
            assert await versions_found(api) == {0}
    for version, questions in enumerate(MOMENTS, start=1):
        with BackendProcess(tmp_path) as process:
            async with process.client() as api:
                await api.upload(manual(version), if_exists="replace")
                for _ in range(questions):
                    found = await versions_found(api)
                    assert found in ({version - 1}, {version})
            process.kill()
        with BackendProcess(tmp_path) as process:
            async with process.client() as api:
                with anyio.fail_after(BOUND_S):
                    while True:
                        found = await versions_found(api)
                        assert found in ({version - 1}, {version})
                        if await states(api) == ["active"]:
                            break
                assert await versions_found(api) == {version}


async def test_a_removal_is_whole_or_has_not_happened_whenever_the_process_dies(tmp_path: Path) -> None:
    for version, questions in enumerate(MOMENTS):
        with BackendProcess(tmp_path) as process:
            async with process.client() as api:
                file = await api.settled((await api.upload(manual(version)))["id"])
                async with anyio.create_task_group() as removing:
                    removing.start_soon(_removed, api, file["id"])
                    for _ in range(questions):
                        assert await versions_found(api) in ({version}, set())
                    process.kill()
        with BackendProcess(tmp_path) as process:
            async with process.client() as api:
                found, listed = await versions_found(api), await states(api)
                assert (found, listed) in (({version}, ["active"]), (set(), []))
                await api.http.delete(f"/knowledge/sources/{file['id']}")
                assert (await versions_found(api), await states(api)) == (set(), [])
                # Bytes that nothing names any more are cleared when a backend starts.
        with BackendProcess(tmp_path) as process:
            async with process.client() as api:
                assert await states(api) == []
        assert tree(tmp_path) == set()


async def _removed(api: Api, file_id: str) -> None:
    with suppress(httpx2.HTTPError):
        await api.http.delete(f"/knowledge/sources/{file_id}")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and a POSIX shell")
async def test_a_folder_and_its_bucket_can_be_made_equal_whenever_the_server_dies(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    arguments = {"directory": str(folder), "bucket": "docs", "create_bucket": True, "remove_missing": True}
    for version, calls in enumerate((0, 1, 3, 9, 27)):
        for number in range(6):
            text = f"Page {number} of the zebra book, version {version}. " + "Text. " * 300
            (folder / f"page-{number}.md").write_text(text)
        (folder / f"only-{version}.md").write_text("This page is of the zebra book, too.")
        (folder / f"only-{version - 1}.md").unlink(missing_ok=True)
        async with _until_killed(folder, tmp_path / "data") as child, anyio.create_task_group() as tasks:
            tasks.start_soon(_call, child, "upload_batch", arguments)
            for _ in range(calls):
                await child.call("list_buckets")
            os.kill(child.pid, signal.SIGKILL)
        async with mcp_child(folder, "--data-dir", tmp_path / "data") as child:
            if version:
                assert all(len(of_page) == 1 for of_page in (await _pages_found(child)).values())
            done = await child.call("upload_batch", **arguments, wait=True)
            assert done["searchable"]["pending"] == 0
            assert await _pages_found(child) == {number: {version} for number in range(6)}
            listed = [one["name"] for one in (await child.call("list_sources", bucket="docs"))["sources"]]
            assert listed == sorted(file.name for file in folder.iterdir())


@asynccontextmanager
async def _until_killed(folder: Path, data: Path) -> AsyncGenerator[McpChild]:
    with suppress(MCPError, anyio.ClosedResourceError, anyio.BrokenResourceError), raise_first():
        async with mcp_child(folder, "--data-dir", data) as child:
            yield child


async def _call(child: McpChild, tool: str, arguments: dict[str, Any]) -> None:
    with suppress(MCPError, anyio.ClosedResourceError, anyio.BrokenResourceError):
        await child.client.call_tool(tool, arguments)


async def _pages_found(child: McpChild) -> dict[int, set[int]]:
    found = await child.call("search_bucket", query="zebra book version page", max_results=20, detail="full")
    pages: dict[int, set[int]] = {}
    for hit in found["hits"]:
        if match := re.search(r"Page (\d) of the zebra book, version (\d)", hit["text"]):
            pages.setdefault(int(match[1]), set()).add(int(match[2]))
    return pages
