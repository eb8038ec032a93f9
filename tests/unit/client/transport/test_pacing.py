from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.lowlevel
import httpx2
import pytest

from calypso_mcp.api.files import CreateUploadSession
from calypso_mcp.client import CalypsoClient
from calypso_mcp.client.transport.pacing import CreatePacer
from tests.support.faulty_transport import API_KEY, BASE_URL, FakeClock, problem

SESSION = {"session_id": "s", "upload_url": "https://storage.test/u"}
UPLOAD = CreateUploadSession(filename="a.md", size_bytes=1, bucket="b")


def most_in_any_second(times: list[float]) -> int:
    """Return the largest number of `times` that lie within one second."""
    return max(sum(1 for other in times if 0 <= other - time < 1) for time in times)


def recording(
    clock: FakeClock, arrivals: list[float], answer: Callable[[], httpx2.Response]
) -> httpx2.MockTransport:
    """Return an API that notes when each request arrives."""

    async def handle(_: httpx2.Request) -> httpx2.Response:
        arrivals.append(clock.now_s)
        await anyio.lowlevel.checkpoint()
        return answer()

    return httpx2.MockTransport(handle)


async def test_of_30_creates_at_once_at_most_5_arrive_in_any_second() -> None:
    clock, arrivals = FakeClock(), list[float]()
    pacer = CreatePacer(clock=clock.clock)
    transport = recording(clock, arrivals, lambda: httpx2.Response(201, json=SESSION))
    # Two clients of one key, as two backends of one process.
    clients = [
        CalypsoClient(base_url=BASE_URL, api_key=API_KEY, transport=transport, pacer=pacer, clock=clock.clock)
        for _ in range(2)
    ]
    async with anyio.create_task_group() as group, clients[0], clients[1]:
        for number in range(30):
            files = clients[number % 2].files
            group.start_soon(lambda files=files: files.create_session(UPLOAD, idempotency_key="k"))

    assert len(arrivals) == 30
    assert most_in_any_second(arrivals) == 5
    assert arrivals[-1] - arrivals[0] < 6


async def test_every_attempt_counts_as_a_create() -> None:
    clock, arrivals = FakeClock(), list[float]()
    answers = [problem(503)] * 4 + [httpx2.Response(201, json=SESSION)]
    transport = recording(clock, arrivals, lambda: answers[min(len(arrivals), len(answers)) - 1])
    pacer = CreatePacer(1, clock=clock.clock)
    async with CalypsoClient(
        base_url=BASE_URL, api_key=API_KEY, transport=transport, pacer=pacer, clock=clock.clock
    ) as client:
        await client.files.create_session(UPLOAD, idempotency_key="k")

    assert len(arrivals) == 5
    assert most_in_any_second(arrivals) == 1


async def test_reading_is_not_paced() -> None:
    clock, arrivals = FakeClock(), list[float]()
    transport = recording(clock, arrivals, lambda: httpx2.Response(200, json={"buckets": []}))
    async with CalypsoClient(
        base_url=BASE_URL, api_key=API_KEY, transport=transport, clock=clock.clock
    ) as client:
        for _ in range(20):
            await client.buckets.list()

    assert clock.slept == []


async def test_a_slow_answer_holds_its_turn_so_that_the_limit_holds_at_the_server() -> None:
    clock = FakeClock()
    pacer = CreatePacer(1, clock=clock.clock)
    answered = anyio.Event()
    started: list[float] = []

    async def slow() -> None:
        async with pacer.turn():
            await answered.wait()

    async def next_one() -> None:
        async with pacer.turn():
            started.append(clock.now_s)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(slow)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(next_one)
            await anyio.wait_all_tasks_blocked()
            assert started == []
            clock.now_s += 10
            answered.set()

    assert started == [pytest.approx(1_011.0)]


async def test_a_caller_that_gives_up_waiting_takes_no_turn() -> None:
    clock = FakeClock()
    pacer = CreatePacer(1, clock=clock.clock)
    release = anyio.Event()

    async def hold() -> None:
        async with pacer.turn():
            await release.wait()

    async def wait() -> None:
        async with pacer.turn():
            raise AssertionError("cancelled before its turn")

    with anyio.fail_after(30):
        async with anyio.create_task_group() as holders:
            holders.start_soon(hold)
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as waiters:
                for _ in range(3):
                    waiters.start_soon(wait)
                await anyio.wait_all_tasks_blocked()
                waiters.cancel_scope.cancel()
            release.set()
        async with pacer.turn():
            pass


async def test_a_create_that_is_cancelled_under_way_still_counts_as_sent() -> None:
    clock = FakeClock()
    pacer = CreatePacer(1, clock=clock.clock)
    with anyio.CancelScope() as scope:
        async with pacer.turn():
            scope.cancel()
            await anyio.sleep_forever()

    async with pacer.turn():
        assert clock.now_s == pytest.approx(1_001.0)
