from __future__ import annotations

import anyio
import pytest

from calypso_mcp.concurrency import for_each, map_parallel, raise_first, run_in_background
from calypso_mcp.errors import NotFound


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


async def test_values_are_taken_only_as_they_are_worked_on():
    taken: list[int] = []
    full = anyio.Event()

    def values():
        for value in range(100):
            taken.append(value)
            yield value

    async def work(value: int) -> None:
        if value == 2:
            full.set()
        await anyio.sleep_forever()

    with anyio.fail_after(5):
        async with run_in_background(lambda: for_each(work, values(), limit=3)):
            await full.wait()
    assert taken == [0, 1, 2]


async def test_an_error_of_the_block_keeps_its_cause_and_ends_the_jobs():
    has_ended = False

    async def job() -> None:
        nonlocal has_ended
        try:
            await anyio.sleep_forever()
        finally:
            has_ended = True

    cause = OSError("disk")

    async def fail() -> None:
        async with run_in_background(job):
            await anyio.lowlevel.checkpoint()
            raise NotFound("gone") from cause

    with anyio.fail_after(5), pytest.raises(NotFound, match="gone") as raised:
        await fail()
    assert has_ended
    assert raised.value.__cause__ is cause


async def test_an_error_of_a_job_ends_the_block_and_comes_out_as_itself():
    async def job() -> None:
        raise NotFound("gone")

    with anyio.fail_after(5), pytest.raises(NotFound, match="gone"):
        async with run_in_background(job, anyio.sleep_forever):
            await anyio.sleep_forever()


async def test_the_jobs_end_with_the_block():
    with anyio.fail_after(5):
        async with run_in_background(anyio.sleep_forever):
            pass


@pytest.mark.parametrize(
    ("group", "first"),
    [
        (ExceptionGroup("two", [ValueError("a"), KeyError("b")]), ValueError),
        (ExceptionGroup("deep", [ExceptionGroup("inner", [KeyError("b")])]), KeyError),
        (BaseExceptionGroup("stop", [ValueError("a"), KeyboardInterrupt()]), KeyboardInterrupt),
    ],
)
def test_of_a_group_the_first_error_is_raised_and_what_ends_the_process_before_all(
    group: BaseExceptionGroup[BaseException], first: type[BaseException]
):
    with pytest.raises(first), raise_first():
        raise group
