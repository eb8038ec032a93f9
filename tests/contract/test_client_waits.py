"""Waiting for files: whose place another version has taken meanwhile, and that came with many batches."""

from __future__ import annotations

from typing import Any, cast

import httpx2

from calypso_mcp.client import CalypsoClient
from calypso_mcp.client.readiness_target import Reach, ReadinessTarget
from calypso_mcp.client.transport.sources import BytesSource
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.states.readiness import Readiness
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.server.batches.batch_waiting import wait_for_outcomes
from calypso_mcp.server.calls.call_time import CallTime
from tests.support.live_backend import Api

OLD = b"# Leave\n\nEvery employee has 27 days of annual leave.\n"
NEW = b"# Leave\n\nEvery employee has 31 days of annual leave.\n"


def client_of(api: Api) -> CalypsoClient:
    transport = cast("Any", api.http)._transport
    is_in_process = isinstance(transport, httpx2.ASGITransport)
    return CalypsoClient(
        base_url=str(api.http.base_url).rstrip("/"),
        api_key=api.options.api_key,
        transport=transport if is_in_process else None,
    )


async def test_a_replaced_file_is_as_ready_as_the_version_in_its_place(api: Api) -> None:
    old = await api.upload(OLD, if_exists="replace")
    await api.settled(old["id"])
    new = await api.upload(NEW, if_exists="replace")
    await api.settled(new["id"])
    async with client_of(api) as client:

        async def standing(view: Reach | None = None) -> Readiness:
            target = ReadinessTarget(file_ids=(old["id"],), view=view)
            [state] = (await client.readiness.wait(target, timeout_s=0)).states
            assert state.id == old["id"]
            return state.readiness

        assert await standing() is Readiness.READY
        assert await standing(Reach(frozenset(), frozenset())) is Readiness.FAILED
        await client.sources.remove(new["id"])
        assert await standing() is Readiness.FAILED


async def test_every_batch_is_waited_for_and_looked_at_once_where_there_is_no_time(api: Api) -> None:
    docs = Destination(bucket="docs", create_missing_buckets=True)
    outcomes: list[FileState] = []
    async with client_of(api) as client:
        for number in range(6):
            names = [f"{number}-a.md", f"{number}-b.md"]
            uploads = [Upload(BytesSource(name.encode()), Declaration(name, docs)) for name in names]
            outcomes += await client.uploads.upload_all(uploads)
        assert len({outcome.batch_id for outcome in outcomes}) == 6
        waited = await wait_for_outcomes(client, outcomes, CallTime(30))
        assert (waited.state, len(waited.ready), waited.pending) == (Readiness.READY, 12, ())
        assert await wait_for_outcomes(client, outcomes, CallTime(0)) == waited


async def test_a_file_that_another_call_replaced_is_waited_for_like_any_other(api: Api) -> None:
    docs = Destination(bucket="docs", create_missing_buckets=True)

    async def upload(*names: str, content: bytes) -> list[FileState]:
        uploads = [
            Upload(BytesSource(content + name.encode()), Declaration(name, docs, if_exists="replace"))
            for name in names
        ]
        return await client.uploads.upload_all(uploads)

    async with client_of(api) as client:
        first = await upload("a.md", "b.md", content=OLD)
        alone = await upload("c.md", content=OLD)
        later = await upload("a.md", "c.md", content=NEW)
        await wait_for_outcomes(client, later, CallTime(30))
        for outcomes in (first, alone):
            waited = await wait_for_outcomes(client, outcomes, CallTime(30))
            assert waited.state is Readiness.READY
            assert [state.file_id for state in waited.states] == [outcome.file_id for outcome in outcomes]


async def test_what_was_searchable_already_is_not_asked_about_again(api: Api) -> None:
    docs = Destination(bucket="docs", create_missing_buckets=True)
    upload = Upload(BytesSource(OLD), Declaration("a.md", docs, if_exists="replace"))
    async with client_of(api) as client:
        await wait_for_outcomes(client, await client.uploads.upload_all([upload]), CallTime(30))
        [bucket] = (await client.buckets.list()).buckets
        there = Destination(bucket_ids=(bucket.id,))
        outcomes = await client.uploads.upload_all([upload.to(there)])
    # A client that is closed answers no question.
    waited = await wait_for_outcomes(client, outcomes, CallTime(0))
    assert (waited.state, len(waited.ready), waited.pending) == (Readiness.READY, 1, ())
