"""Much at the same time: creates keep the team's pace, and eight clients lose nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from calypso_mcp.api.search import SearchRequest
from calypso_mcp.client import CalypsoClient
from calypso_mcp.client.uploading.upload import Upload
from tests.support.fault_script import CREATE, CREATE_BATCH, Exchange, Script
from tests.support.faulty_calypso import (
    BUCKET,
    FakeTime,
    as_stored,
    content,
    faulty_calypso,
    knowledge_counts,
    small_uploads,
    upload_of,
)
from tests.support.live_backend import API_KEY, BackendProcess
from tests.support.searchable import assert_each_found_once


def most_in_a_second(exchanges: Sequence[Exchange]) -> int:
    """Return the largest number of arrivals in any window of one second."""
    times = sorted(exchange.at for exchange in exchanges)
    return max(sum(start <= time < start + 1.0 for time in times) for start in times)


async def test_30_uploads_at_once_make_at_most_5_creates_in_any_second(tmp_path: Path) -> None:
    time = FakeTime()
    script = Script(now=time.now)
    files = small_uploads(30)
    async with faulty_calypso(
        tmp_path / "data", script, time=time, clock=time.now, creates_per_second=5
    ) as calypso:
        async with calypso.client() as client, anyio.create_task_group() as tasks:
            for file in files:
                tasks.start_soon(client.uploads.upload, file)

        creates = script.of(CREATE)
        assert len(creates) == 30
        assert {request.status for request in creates} == {201}
        assert most_in_a_second(creates) <= 5
        assert await calypso.stored() == await as_stored(files)


async def test_single_uploads_and_batches_share_one_pace(tmp_path: Path) -> None:
    time = FakeTime()
    script = Script(now=time.now)
    singles, batched = small_uploads(20)[:8], small_uploads(20)[8:]
    async with faulty_calypso(
        tmp_path / "data", script, time=time, clock=time.now, creates_per_second=5
    ) as calypso:
        async with calypso.client() as client, anyio.create_task_group() as tasks:
            for single in singles:
                tasks.start_soon(client.uploads.upload, single)
            for batch in batched[:4]:
                tasks.start_soon(client.uploads.upload_all, [batch])
            tasks.start_soon(client.uploads.upload_all, batched[4:])

        creates = [*script.of(CREATE), *script.of(CREATE_BATCH)]
        assert len(creates) == 13
        assert {request.status for request in creates} == {201}
        assert most_in_a_second(creates) <= 5
        assert await calypso.stored() == await as_stored([*singles, *batched])


@pytest.mark.alone
async def test_eight_clients_uploading_at_once_lose_nothing_and_searches_are_answered_meanwhile(
    tmp_path: Path,
) -> None:
    """Each client has a pace of its own, so the backend's limit makes them come back later, too."""
    files = [
        [
            *(upload_of(f"c{number}-{n}.md", content(100 * number + n, 2_000 + n)) for n in range(12)),
            upload_of(f"c{number}-large.md", content(100 * number + 99, 900_000)),
        ]
        for number in range(8)
    ]
    answered = Counter[bool]()

    with BackendProcess(tmp_path / "data", creates_per_second=5) as backend:
        base_url = f"{backend.origin}/v1"

        async def upload(uploads: list[Upload]) -> None:
            async with CalypsoClient(base_url=base_url, api_key=API_KEY) as client:
                outcomes = await client.uploads.upload_all(uploads)
            assert all(outcome.outcome == "accepted" for outcome in outcomes), outcomes

        async def search_until(over: anyio.Event) -> None:
            async with CalypsoClient(base_url=base_url, api_key=API_KEY) as client:
                await client.uploads.upload(upload_of("first.md", b"beacon in the first file"))
                while not over.is_set():
                    with anyio.fail_after(5):
                        request = SearchRequest(query="beacon", buckets=(BUCKET,), max_results=1)
                        response = await client.search.search(request)
                    answered[bool(response.results)] += 1

        over = anyio.Event()
        with anyio.fail_after(60):
            async with anyio.create_task_group() as searching:
                searching.start_soon(search_until, over)
                async with anyio.create_task_group() as uploading:
                    for uploads in files:
                        uploading.start_soon(upload, uploads)
                over.set()

        assert answered.total() > 8
        async with CalypsoClient(base_url=base_url, api_key=API_KEY) as client:
            words = {f"marker{100 * number}": f"c{number}-0.md" for number in range(8)}
            await assert_each_found_once(client, BUCKET, {"beacon": "first.md", **words})
        stored = await knowledge_counts(None, base_url, API_KEY)
        everything = [entry for uploads in files for entry in uploads]
        assert stored == await as_stored([*everything, upload_of("first.md", b"beacon in the first file")])
