"""The newest request of an upload wins."""

from __future__ import annotations

import anyio
import pytest

from calypso_mcp.local.turns import Turns


async def test_a_newer_request_ends_the_older_one_first() -> None:
    turns = Turns()
    events: list[str] = []
    working = anyio.Event()

    async def work() -> None:
        working.set()
        try:
            await anyio.sleep_forever()
        finally:
            events.append("old ended")

    async def old() -> None:
        events.append(f"old came to {await turns.take('s', work)}")

    async def new() -> str:
        events.append("new began")
        return "done"

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(old)
            await working.wait()
            assert await turns.take("s", new) == "done"
    assert events[0] == "old ended"
    assert set(events) == {"old ended", "old came to None", "new began"}


async def test_other_uploads_are_not_touched() -> None:
    turns = Turns()

    async def inner() -> str:
        return "done"

    async def outer() -> str | None:
        return await turns.take("b", inner)

    assert await turns.take("a", outer) == "done"


async def test_an_upload_whose_work_failed_can_go_on() -> None:
    turns = Turns()

    async def fails() -> None:
        raise LookupError("on purpose")

    async def works() -> str:
        return "done"

    with pytest.raises(LookupError):
        await turns.take("s", fails)
    assert await turns.take("s", works) == "done"


async def test_of_several_that_wait_only_the_newest_begins() -> None:
    turns = Turns()
    began: list[tuple[int, bool]] = []
    came_to: dict[int, int | None] = {}
    working = anyio.Event()
    let_go = anyio.Event()
    is_working = False

    async def first() -> None:
        nonlocal is_working
        working.set()
        is_working = True
        with anyio.CancelScope(shield=True):
            await let_go.wait()
        is_working = False

    async def later(number: int) -> None:
        async def work() -> int:
            began.append((number, is_working))
            return number

        came_to[number] = await turns.take("s", work)

    async def cut_off() -> None:
        with leaving:
            await later(3)

    leaving = anyio.CancelScope()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(turns.take, "s", first)
            await working.wait()
            group.start_soon(cut_off)
            await anyio.lowlevel.checkpoint()
            leaving.cancel()
            for number in range(3):
                group.start_soon(later, number)
                await anyio.lowlevel.checkpoint()
            let_go.set()
    assert (began, came_to) == ([(2, False)], {0: None, 1: None, 2: 2, 3: None})
