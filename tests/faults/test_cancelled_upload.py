"""Somebody gives up in the middle: it stops at once, and the next call sends only what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from tests.support.fault_script import (
    CREATE_BATCH,
    FINALIZE_BATCH,
    PUT,
    Drop,
    Hang,
    Kind,
    On,
    Rule,
    Script,
)
from tests.support.faulty_calypso import (
    FakeTime,
    as_stored,
    content,
    faulty_calypso,
    sizes,
    small_uploads,
    upload_of,
)

FILES = small_uploads(100)
PARALLEL = 8


@dataclass
class EndlessTime(FakeTime):
    """A clock on which every wait lasts for ever, as with a server that hangs and a long timeout."""

    asleep: anyio.Event = field(default_factory=anyio.Event)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asleep.set()
        await anyio.sleep_forever()


async def cancel_when(
    wait: Callable[[], Awaitable[None]], call: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Run `call`, cancel it when `wait` is over, and see it end within a second."""
    cancelled_at = float("-inf")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        with anyio.fail_after(20):
            await wait()
        tasks.cancel_scope.cancel()
        cancelled_at = anyio.current_time()
    assert anyio.current_time() - cancelled_at < 1


async def cancelled_then_finished(tmp_path: Path, rule: Rule, kind: Kind, count: int) -> Script:
    """Cancel an upload of all files under `rule`, call again without it, return the second call's record."""
    script = Script(rule)
    async with faulty_calypso(tmp_path / "data", script, time=EndlessTime()) as calypso:

        async def first() -> None:
            async with calypso.client() as client:
                await client.uploads.upload_all(FILES)

        await cancel_when(lambda: script.reached(kind, count), first)
        script.clear()
        script.seen.clear()
        calypso.time = FakeTime()
        async with calypso.client() as client:
            outcomes = await client.uploads.upload_all(FILES)

        assert Counter(outcome.is_uploaded for outcome in outcomes) == {True: len(FILES)}
        assert await calypso.stored() == await as_stored(FILES)
        assert calypso.sealed_bytes() == sizes(FILES)
    return script


async def test_a_batch_cancelled_while_sending_continues_with_the_missing_files(tmp_path: Path) -> None:
    hanging = On(PUT, Hang(times=999), nth=31)

    script = await cancelled_then_finished(tmp_path, hanging, PUT, 30 + PARALLEL)

    assert len(script.of(PUT)) == len(FILES) - 30


async def test_a_batch_cancelled_before_it_exists_starts_over(tmp_path: Path) -> None:
    script = await cancelled_then_finished(tmp_path, On(CREATE_BATCH, Hang()), CREATE_BATCH, 1)

    assert len(script.of(PUT)) == len(FILES)


async def test_a_batch_cancelled_while_finalizing_sends_nothing_again(tmp_path: Path) -> None:
    script = await cancelled_then_finished(tmp_path, On(FINALIZE_BATCH, Hang()), FINALIZE_BATCH, 1)

    assert script.of(PUT) == []


async def test_a_batch_cancelled_between_two_attempts_does_not_wait_for_them(tmp_path: Path) -> None:
    script = await cancelled_then_finished(tmp_path, On(PUT, Drop(times=999), nth=31), PUT, 30 + PARALLEL)

    assert len(script.of(PUT)) == len(FILES) - 30


async def test_one_file_cancelled_in_the_middle_continues_at_the_offset(tmp_path: Path) -> None:
    upload = upload_of("large.md", content(5, 1_500_000))
    script, endless = Script(On(PUT, Drop(after_bytes=1_200_000))), EndlessTime()
    async with faulty_calypso(tmp_path / "data", script, time=endless) as calypso:

        async def call() -> None:
            async with calypso.client() as client:
                await client.uploads.upload(upload)

        await cancel_when(endless.asleep.wait, call)
        calypso.time = FakeTime()
        await call()

        assert await calypso.stored() == await as_stored([upload])
    kept = 1_200_000 // 262_144 * 262_144
    assert script.of(PUT)[-1].content_range == f"bytes {kept}-1499999/1500000"
