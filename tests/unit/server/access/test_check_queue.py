import time

import anyio
import pytest
from anyio.lowlevel import checkpoint

from calypso_mcp.errors import Busy, ConnectionFailed
from calypso_mcp.server.access.check_queue import CheckPolicy, CheckQueue


async def test_few_checks_run_few_wait_and_the_rest_is_turned_away_at_once() -> None:
    queue = CheckQueue(CheckPolicy(at_once=2, waiting=1, pause_s=0))
    running, most, release = 0, 0, anyio.Event()

    async def check() -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        return True

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(queue.run, check)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(Busy):
                await queue.run(check)
            release.set()
        assert await queue.run(check)
    assert most == 2


async def test_checks_start_one_after_another_even_if_all_come_at_once() -> None:
    queue = CheckQueue(CheckPolicy(pause_s=0.02))
    started: list[float] = []

    async def check() -> None:
        started.append(time.monotonic())

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(queue.run, check)
    assert started[-1] - started[0] >= 3 * 0.02 - 0.001


async def test_a_check_that_hangs_ends_as_an_outage_and_frees_its_place() -> None:
    queue = CheckQueue(CheckPolicy(at_once=1, waiting=0, pause_s=0, timeout_s=0.01))
    for _ in range(2):
        with pytest.raises(ConnectionFailed):
            await queue.run(anyio.sleep_forever)


async def test_a_caller_who_leaves_frees_its_place() -> None:
    queue = CheckQueue(CheckPolicy(at_once=1, waiting=0, pause_s=0))
    for _ in range(2):
        with anyio.move_on_after(0.01):
            await queue.run(anyio.sleep_forever)
    await queue.run(checkpoint)
