"""Does the same for many values, a few at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def for_each(values: Iterable[T], parallel: int, work: Callable[[T], Awaitable[None]]) -> None:
    """Await `work` for every value, in order, at most `parallel` at the same time."""
    left = iter(values)

    async def worker() -> None:
        for value in left:
            await work(value)

    async with anyio.create_task_group() as workers:
        for _ in range(parallel):
            workers.start_soon(worker)
