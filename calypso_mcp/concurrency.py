"""Several things at once and until a deadline, with errors as if they were done one after the other.

A task group of anyio raises a group of errors even where there is one. Everything here raises the first
error itself, with its own traceback and cause, so that callers catch what they would catch anyway.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar, cast

import anyio
from anyio.abc import TaskGroup

from calypso_mcp.errors import OutOfTime

T = TypeVar("T")
R = TypeVar("R")

_ExceptionGroup = BaseExceptionGroup[BaseException]


@contextmanager
def raise_first() -> Generator[None]:
    """Raise the first error of a group that leaves the block as itself.

    Raises:
        BaseException: The first that is no `Exception`, such as `KeyboardInterrupt`; else the first.
    """
    first: BaseException | None = None
    try:
        yield
    except BaseExceptionGroup as raised:
        errors = list(_flatten(raised))
        first = next((error for error in errors if not isinstance(error, Exception)), errors[0])
    # Outside the handler, so that the error keeps its own context.
    if first is not None:
        raise first


@contextmanager
def stop_at(deadline: float, message: str = "") -> Generator[None]:
    """Run the block until `deadline`, in seconds of `anyio.current_time()`.

    Raises:
        OutOfTime: The block had not ended by then; with `message` where one is given.
    """
    with anyio.CancelScope(deadline=deadline) as scope:
        yield
    if scope.cancelled_caught:
        raise OutOfTime(message)


@asynccontextmanager
async def open_task_group() -> AsyncGenerator[TaskGroup]:
    """Yield a task group; the block ends when all its tasks have. The first error cancels the rest."""
    with raise_first():
        async with anyio.create_task_group() as group:
            yield group


@asynccontextmanager
async def run_in_background(*jobs: Callable[[], Coroutine[Any, Any, Any]]) -> AsyncGenerator[None]:
    """Run `jobs` during the block and cancel them at its end; a job that fails ends the block."""
    async with open_task_group() as group:
        for job in jobs:
            group.start_soon(job)
        yield
        group.cancel_scope.cancel()


async def for_each(work: Callable[[T], Awaitable[object]], values: Iterable[T], *, limit: int) -> None:
    """Await `work` for every value, begun in their order, at most `limit` at the same time.

    Raises:
        Exception: The first that `work` raised; the rest is cancelled.
    """
    queue = iter(values)

    async def run(value: T) -> None:
        await work(value)
        for following in queue:
            await work(following)

    async with open_task_group() as group:
        for _, value in zip(range(limit), queue, strict=False):
            group.start_soon(run, value)


async def map_parallel(work: Callable[[T], Awaitable[R]], values: Sequence[T], *, limit: int) -> list[R]:
    """Return the result of `work` for each value, in their order, at most `limit` at the same time.

    Raises:
        Exception: The first that `work` raised; the rest is cancelled.
    """
    results: dict[int, R] = {}

    async def run(index: int) -> None:
        results[index] = await work(values[index])

    await for_each(run, range(len(values)), limit=limit)
    return [results[index] for index in range(len(values))]


def _flatten(group: _ExceptionGroup) -> Generator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flatten(cast("_ExceptionGroup", error))
        else:
            yield error
