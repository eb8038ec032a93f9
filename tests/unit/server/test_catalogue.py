"""What is remembered of a team's buckets and agents, and for how long."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from calypso_mcp.errors import PermissionDenied
from calypso_mcp.server.access.credentials import ANYONE
from calypso_mcp.server.backend import Catalogue
from calypso_mcp.server.state import ServerState
from tests.support.scripted_calypso import ScriptedCalypso, bucket

LIST = "GET /knowledge/buckets"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def catalogue_of(clock: Clock, state: ServerState) -> Catalogue:
    return Catalogue(state.backend_for(ANYONE).client, max_age_s=3.0, clock=clock)


async def test_a_listing_is_reused_while_young_and_fetched_again_when_old():
    api, clock = ScriptedCalypso(buckets=[bucket("a")]), Clock()
    async with api.state() as state:
        catalogue = catalogue_of(clock, state)
        for _ in range(3):
            await catalogue.buckets()
        assert len(api.asked(LIST)) == 1
        clock.now += 3.1
        await catalogue.buckets()
        assert len(api.asked(LIST)) == 2


async def test_fresh_ignores_what_is_remembered_and_forget_drops_it():
    api, clock = ScriptedCalypso(buckets=[bucket("a")]), Clock()
    async with api.state() as state:
        catalogue = catalogue_of(clock, state)
        await catalogue.buckets()
        clock.now += 0.1
        await catalogue.buckets(fresh=True)
        assert len(api.asked(LIST)) == 2
        catalogue.forget()
        await catalogue.buckets()
        assert len(api.asked(LIST)) == 3


async def test_callers_at_the_same_time_share_one_request():
    api, clock = ScriptedCalypso(buckets=[bucket("a")]), Clock()
    async with api.state() as state:
        catalogue = catalogue_of(clock, state)
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(catalogue.buckets)
        assert len(api.asked(LIST)) == 1


async def test_callers_that_wait_share_a_failure_instead_of_failing_one_after_the_other():
    api, clock = ScriptedCalypso(), Clock()
    failures: list[str] = []

    def refuse(_body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        clock.now += 1
        return 403, {"error": {"code": "no_access", "message": "No."}, "request_id": "req_1"}

    api.scripted[LIST] = refuse
    async with api.state() as state:
        catalogue = catalogue_of(clock, state)

        async def ask() -> None:
            with pytest.raises(PermissionDenied) as caught:
                await catalogue.buckets()
            failures.append(f"{caught.value.code} {caught.value.request_id}")

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(ask)
        assert failures == ["no_access req_1"] * 10
        assert len(api.asked(LIST)) <= 2
        await ask()
        assert len(api.asked(LIST)) <= 3
