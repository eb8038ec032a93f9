"""A source that is replaced while the backend's process is killed: one version is searchable, always."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio

from tests.support.live_backend import BOUND_S, Api, BackendProcess

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
