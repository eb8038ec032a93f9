from __future__ import annotations

import anyio
import pytest

from calypso_mcp.errors import NotFound
from calypso_mcp.server.calls.parallel import map_parallel


async def test_results_come_in_the_order_of_the_values_whatever_finishes_first():
    last = anyio.Event()

    async def work(value: int) -> int:
        if value == 0:
            await last.wait()
        if value == 4:
            last.set()
        return value * 10

    with anyio.fail_after(5):
        assert await map_parallel(work, range(5), limit=5) == [0, 10, 20, 30, 40]


async def test_no_more_than_the_limit_run_at_once():
    running = most = 0

    async def work(_value: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.lowlevel.checkpoint()
        running -= 1

    await map_parallel(work, range(20), limit=3)
    assert most == 3


async def test_an_error_comes_out_as_itself_and_ends_the_others():
    async def work(value: int) -> None:
        if value == 1:
            raise NotFound("gone")
        await anyio.sleep_forever()

    with anyio.fail_after(5), pytest.raises(NotFound, match="gone"):
        await map_parallel(work, range(3), limit=3)


async def test_nothing_to_do_is_done():
    async def work(value: int) -> int:
        return value

    assert await map_parallel(work, [], limit=1) == []
