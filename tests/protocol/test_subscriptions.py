"""Subscriptions of the modern era: who watches a bucket hears of its changes, and of nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourceUpdated

from calypso_mcp.domain.scope import ScopeLimit
from calypso_mcp.server.build import build_server
from calypso_mcp.server.subscriptions import WatchPolicy
from tests.support.scripted_calypso import ScriptedCalypso

QUICK = WatchPolicy(pause_s=0.01)


@asynccontextmanager
async def watching(
    api: ScriptedCalypso, policy: WatchPolicy = QUICK, **decisions: Any
) -> AsyncGenerator[Client]:
    with anyio.fail_after(20):
        async with (
            api.state(**decisions) as state,
            Client(build_server(state, watches=policy)) as client,
        ):
            yield client


async def test_a_change_of_a_watched_bucket_is_announced(api: ScriptedCalypso):
    async with watching(api) as client, client.listen(resource_subscriptions=["bucket://pricing"]) as events:
        api.buckets[1]["bucketStore"]["pending_member_count"] = 0
        async for event in events:
            assert event == ResourceUpdated(uri="bucket://pricing")
            break


async def test_what_is_out_of_scope_is_dropped_like_what_does_not_exist(api: ScriptedCalypso):
    pin = ScopeLimit(frozenset({"handbook"}))
    async with watching(api, pins=(pin,)) as client:
        honored: list[str] = []
        for hidden in ("bucket://vault", "bucket://nosuch"):
            async with client.listen(resource_subscriptions=["bucket://handbook", hidden]) as events:
                honored.append(repr(events.honored))
        assert honored[0] == honored[1]
        assert "vault" not in honored[0]
        assert "handbook" in honored[0]


async def test_only_so_many_streams_are_kept_open(api: ScriptedCalypso):
    watched = ["bucket://handbook"]
    async with (
        watching(api, WatchPolicy(pause_s=0.01, streams=1)) as client,
        client.listen(resource_subscriptions=watched),
    ):
        with pytest.raises(MCPError):
            await client.listen(resource_subscriptions=watched).__aenter__()
