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

from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
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


class Caller:
    """Somebody whose grant the operator changes while a request of theirs lasts."""

    def __init__(self, *slugs: str) -> None:
        self.grant: AccessGrant | None = None
        self.may_reach(*slugs)

    def may_reach(self, *slugs: str) -> None:
        self.grant = AccessGrant("one", ScopeLimit(frozenset(slugs)))

    def grant_for(self, _request: object) -> AccessGrant:
        assert self.grant is not None
        return self.grant

    async def current_grant(self, _grant: AccessGrant, _key: str | None) -> AccessGrant | None:
        return self.grant


async def test_a_stream_ends_when_its_caller_may_no_longer_call(api: ScriptedCalypso):
    caller = Caller("handbook", "pricing")
    async with (
        watching(api, grant_for=caller.grant_for, current_grant=caller.current_grant) as client,
        client.listen(resource_subscriptions=["bucket://pricing"]) as events,
    ):
        caller.grant = None
        assert [event async for event in events] == []


async def test_a_stream_ends_with_its_grant_while_the_api_hangs(api: ScriptedCalypso):
    caller = Caller("handbook", "pricing")
    async with (
        watching(api, grant_for=caller.grant_for, current_grant=caller.current_grant) as client,
        client.listen(resource_subscriptions=["bucket://pricing"]) as events,
    ):
        api.held.add("GET /knowledge/buckets")
        await api.reached.wait()
        caller.grant = None
        assert [event async for event in events] == []


async def test_a_stream_goes_blind_for_what_its_caller_may_no_longer_reach(api: ScriptedCalypso):
    caller = Caller("handbook", "pricing")
    uris = ["bucket://pricing", "bucket://handbook"]
    async with (
        watching(api, grant_for=caller.grant_for, current_grant=caller.current_grant) as client,
        client.listen(resource_subscriptions=uris) as events,
    ):
        caller.may_reach("handbook")
        api.buckets[1]["bucketStore"]["pending_member_count"] = 0
        api.buckets[0]["bucketStore"]["pending_member_count"] = 7
        # In the order asked for, so the stream came past the hidden change before it told of this one.
        async for event in events:
            assert event == ResourceUpdated(uri="bucket://handbook")
            break


async def test_streams_that_are_about_to_open_count_as_open(api: ScriptedCalypso):
    watched = ["bucket://handbook"]
    api.held.add("GET /knowledge/buckets")
    async with (
        watching(api, WatchPolicy(pause_s=0.01, streams=1)) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(client.listen(resource_subscriptions=watched).__aenter__)
        await api.reached.wait()
        with pytest.raises(MCPError):
            await client.listen(resource_subscriptions=watched).__aenter__()
        tasks.cancel_scope.cancel()


async def test_only_so_many_streams_are_kept_open(api: ScriptedCalypso):
    watched = ["bucket://handbook"]
    async with (
        watching(api, WatchPolicy(pause_s=0.01, streams=1)) as client,
        client.listen(resource_subscriptions=watched),
    ):
        with pytest.raises(MCPError):
            await client.listen(resource_subscriptions=watched).__aenter__()


async def test_without_logins_nobody_has_a_share(api: ScriptedCalypso):
    watched = ["bucket://handbook"]
    async with (
        watching(api, WatchPolicy(pause_s=0.01, streams=2, streams_per_caller=1)) as client,
        client.listen(resource_subscriptions=watched),
        client.listen(resource_subscriptions=watched),
    ):
        pass


async def test_one_caller_has_a_share_of_the_streams_and_others_keep_theirs(api: ScriptedCalypso):
    caller = Caller("handbook")
    watched = ["bucket://handbook"]
    policy = WatchPolicy(pause_s=0.01, streams=10, streams_per_caller=2)
    async with (
        watching(api, policy, grant_for=caller.grant_for, current_grant=caller.current_grant) as client,
        client.listen(resource_subscriptions=watched),
        client.listen(resource_subscriptions=watched),
    ):
        with pytest.raises(MCPError, match="You have too many open subscriptions"):
            await client.listen(resource_subscriptions=watched).__aenter__()
        caller.grant = AccessGrant("two", ScopeLimit(frozenset({"handbook"})))
        async with client.listen(resource_subscriptions=watched):
            pass
