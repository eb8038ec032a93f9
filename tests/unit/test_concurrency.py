from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint

from calypso_mcp.concurrency import Together, for_each, map_parallel, raise_first, run_in_background
from calypso_mcp.errors import NotFound


async def test_results_come_in_the_order_of_the_values_whatever_finishes_first():
    last = anyio.Event()

    async def work(value: int) -> int:
        if value == 0:
            await last.wait()
        if value == 4:
            last.set()
        return value * 10

    with anyio.fail_after(30):
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

    with anyio.fail_after(30), pytest.raises(NotFound, match="gone"):
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

    with anyio.fail_after(30):
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

    with anyio.fail_after(30), pytest.raises(NotFound, match="gone") as raised:
        await fail()
    assert has_ended
    assert raised.value.__cause__ is cause


async def test_an_error_of_a_job_ends_the_block_and_comes_out_as_itself():
    async def job() -> None:
        raise NotFound("gone")

    with anyio.fail_after(30), pytest.raises(NotFound, match="gone"):
        async with run_in_background(job, anyio.sleep_forever):
            await anyio.sleep_forever()


async def test_the_jobs_end_with_the_block():
    with anyio.fail_after(30):
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


class Gate:
    """Work that doubles numbers, one group at a time as they are let through."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = anyio.Event()

    async def double(self, values: Sequence[int]) -> list[int | Exception]:
        self.groups.append(list(values))
        await self.open.wait()
        return [LookupError("odd") if value % 2 else value * 2 for value in values]


async def test_what_waits_is_worked_on_together_and_each_gets_its_own_end() -> None:
    gate = Gate()
    together = Together(gate.double, most=3)
    ends: dict[int, int | str] = {}

    async def ask(value: int) -> None:
        try:
            ends[value] = await together.of(value)
        except LookupError as error:
            ends[value] = str(error)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for value in range(5):
                tasks.start_soon(ask, value)
            await wait_all_tasks_blocked()
            gate.open.set()
    assert ends == {0: 0, 1: "odd", 2: 4, 3: "odd", 4: 8}
    assert list(ends) == [0, 1, 2, 3, 4]  # requests of one upload go on in the order in which they came
    # The first to ask takes along whatever waits by then; no group holds more than it may.
    assert [value for group in gate.groups for value in group] == [0, 1, 2, 3, 4]
    assert max(len(group) for group in gate.groups) <= 3
    assert len(gate.groups) < 5


async def test_what_fails_as_a_whole_fails_for_all_who_asked_and_for_no_other() -> None:
    attempts = 0

    async def fail_first(values: Sequence[int]) -> Sequence[int]:
        nonlocal attempts
        attempts += 1
        await checkpoint()
        if attempts == 1:
            raise OSError("on purpose")
        return values

    together = Together(fail_first, most=8)
    with pytest.raises(OSError, match="on purpose"):
        await together.of(1)
    assert await together.of(2) == 2


async def test_a_caller_that_is_cancelled_takes_no_other_with_it() -> None:
    gate = Gate()
    together = Together(gate.double, most=8)
    ends: list[int] = []

    async def ask(value: int) -> None:
        ends.append(await together.of(value))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks, anyio.create_task_group() as cancelled:
            cancelled.start_soon(ask, 2)
            await wait_all_tasks_blocked()
            tasks.start_soon(ask, 4)
            await wait_all_tasks_blocked()
            cancelled.cancel_scope.cancel()
            gate.open.set()
    assert 8 in ends
    assert [value for group in gate.groups for value in group] == [2, 4]
