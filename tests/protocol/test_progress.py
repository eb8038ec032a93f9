"""Long calls tell how far they are, end in time, and stop when the client no longer wants them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest
from mcp.client import Client

from calypso_mcp.server.build import build_server
from calypso_mcp.server.transport.http import HttpPolicy, create_http_app
from tests.support.mcp_answers import facts
from tests.support.scripted_calypso import ScriptedCalypso, file
from tests.support.served_mcp import http_client, serving_mcp

FILE = "GET /knowledge/files/file_h1"


@asynccontextmanager
async def connected(api: ScriptedCalypso, era: str, transport: str) -> AsyncGenerator[Client]:
    with anyio.fail_after(20):
        async with api.state() as state:
            server = build_server(state)
            if transport == "memory":
                async with Client(server, mode=era) as client:
                    yield client
                return
            async with (
                serving_mcp(create_http_app(server, HttpPolicy())) as origin,
                http_client(f"{origin}/mcp", era) as client,
            ):
                yield client


@pytest.mark.parametrize("transport", ["memory", "http"])
async def test_a_wait_reports_progress_and_hands_back_in_time_without_an_error(
    api: ScriptedCalypso, era: str, transport: str
):
    api.files["file_h1"] = file("file_h1", status="indexing", bucketSyncStatus="pending", bucketSync=[])
    told: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        assert message
        assert total is None or progress <= total
        told.append(progress)

    async with connected(api, era, transport) as client:
        arguments = {"file_ids": ["file_h1"], "timeout_s": 1}
        result = await client.call_tool("wait_for_bucket_sync", arguments, progress_callback=hear)
        assert facts(result)["pending"] == 1
    assert told
    assert told == sorted(told)


@pytest.mark.parametrize("transport", ["memory", "http"])
async def test_a_cancelled_call_stops_its_requests_and_the_connection_lives_on(
    api: ScriptedCalypso, era: str, transport: str
):
    api.held.add(FILE)
    async with connected(api, era, transport) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "wait_for_bucket_sync", {"file_ids": ["file_h1"]})
            await api.reached.wait()
            tasks.cancel_scope.cancel()
        assert facts(await client.call_tool("list_buckets"))["total"] == 3
