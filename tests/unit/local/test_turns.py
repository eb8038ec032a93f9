"""The newest request of an upload wins."""

from __future__ import annotations

import anyio
import pytest

from calypso_mcp.local.turns import REMEMBERED, Overtaken, Turns


async def test_a_newer_request_ends_the_older_one_first() -> None:
    turns = Turns()
    events: list[str] = []
    working = anyio.Event()

    async def old() -> None:
        async with turns.take("s", turns.arrive()):
            working.set()
            try:
                await anyio.sleep_forever()
            finally:
                events.append("old ended")
        events.append("old went on")

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(old)
            await working.wait()
            async with turns.take("s", turns.arrive()):
                events.append("new began")
    assert events[0] == "old ended"
    assert set(events) == {"old ended", "old went on", "new began"}


async def test_only_so_many_uploads_are_remembered() -> None:
    turns = Turns()
    early = turns.arrive()
    for number in range(REMEMBERED + 1):
        async with turns.take(f"s{number}", turns.arrive()):
            pass
    async with turns.take("s0", early):  # forgotten, so nothing is known that overtook it
        pass
    with pytest.raises(Overtaken):
        async with turns.take("s2", early):
            pytest.fail("the newest are remembered")


async def test_a_request_that_was_overtaken_before_it_began_does_not_begin() -> None:
    turns = Turns()
    early, late = turns.arrive(), turns.arrive()
    async with turns.take("s", late):
        pass
    with pytest.raises(Overtaken):
        async with turns.take("s", early):
            pytest.fail("it began")


async def test_other_uploads_are_not_touched() -> None:
    turns = Turns()
    async with turns.take("a", turns.arrive()), turns.take("b", turns.arrive()):
        pass


async def test_of_several_that_wait_only_the_newest_begins() -> None:
    turns = Turns()
    began: list[int] = []
    overtaken: list[int] = []
    working = anyio.Event()
    let_go = anyio.Event()

    async def first() -> None:
        async with turns.take("s", turns.arrive()):
            working.set()
            with anyio.CancelScope(shield=True):
                await let_go.wait()

    async def later(number: int) -> None:
        try:
            async with turns.take("s", turns.arrive()):
                began.append(number)
        except Overtaken:
            overtaken.append(number)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await working.wait()
            for number in range(3):
                group.start_soon(later, number)
                await anyio.lowlevel.checkpoint()
            let_go.set()
    assert (began, sorted(overtaken)) == ([2], [0, 1])
