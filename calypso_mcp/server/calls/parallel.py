"""Several things at once, with errors as if they were done one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

T = TypeVar("T")
R = TypeVar("R")


async def map_parallel(work: Callable[[T], Awaitable[R]], values: Sequence[T], *, limit: int) -> list[R]:
    """Return what `work` makes of each value, in their order, at most `limit` at the same time.

    Raises:
        Exception: The first that `work` raised, as itself and not as a group; the rest is cancelled.
    """
    limiter = anyio.CapacityLimiter(limit)
    results: dict[int, R] = {}
    failures: list[Exception] = []

    async def run(index: int) -> None:
        async with limiter:
            try:
                results[index] = await work(values[index])
            except Exception as failure:  # noqa: BLE001 - raised again below
                failures.append(failure)
                group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for index in range(len(values)):
            group.start_soon(run, index)
    if failures:
        raise failures[0]
    return [results[index] for index in range(len(values))]
