"""The time and the progress of calls that may outlast their request."""

from __future__ import annotations

import math

import anyio
import pytest

from calypso_mcp.server.calls.call_time import (
    DEFAULT_CALL_S,
    CallTime,
    LongCall,
    limited_call,
    relayed,
    running,
)


async def test_a_call_without_a_time_of_its_own_has_that_of_its_task():
    with running(LongCall(wait_s=3_600)):
        assert CallTime(DEFAULT_CALL_S).wait_s == pytest.approx(3_600, abs=5)
    assert CallTime(DEFAULT_CALL_S).wait_s <= DEFAULT_CALL_S


async def test_a_look_stays_a_look_and_a_given_time_stays_as_given():
    with running(LongCall(wait_s=3_600)):
        assert CallTime(0).wait_s == 0
    with running(LongCall(wait_s=None)):
        assert CallTime(20).wait_s <= 20


async def test_a_call_that_nobody_gives_up_takes_as_long_as_its_work():
    with running(LongCall(math.inf)):
        time = CallTime(20)
        with limited_call(20), time.limited():
            assert anyio.current_effective_deadline() == math.inf
        with limited_call(None):
            assert anyio.current_effective_deadline() < math.inf
    assert time.left_s == math.inf
    assert time.wait_s == math.inf


async def test_progress_reaches_the_client_until_its_request_is_answered():
    sent: list[str | None] = []

    async def send(_share: float, _total: float | None, message: str | None) -> None:
        sent.append(message)

    call = LongCall(wait_s=None)
    with running(call):
        take = relayed(send)
        await take(1, 100, "first")
        call.is_detached = True
        await take(2, 100, "second")
    assert sent == ["first"]
    assert call.progress == "second"
    assert relayed(send) is send
