"""Runs several tasks at once, up to a deadline, and raises errors as if they had run one by one.

A task group of anyio raises a group of errors even where there is one. Everything here raises the first
error itself, with its own traceback and cause, so that callers catch what they would catch anyway.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

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
    if len(values) == 1:
        return [await work(values[0])]  # without a task of its own
    results: dict[int, R] = {}

    async def run(index: int) -> None:
        results[index] = await work(values[index])

    await for_each(run, range(len(values)), limit=limit)
    return [results[index] for index in range(len(values))]


class Together(Generic[T, R]):
    """Work that costs little more for many values than for one: those that wait are worked on together.

    Whatever waits while earlier groups are in flight makes up the next group, so a value that comes alone is
    not held up. Work on a value goes on even if its caller is cancelled.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]], *, most: int, groups: int = 1
    ) -> None:
        """Start nothing.

        `work` returns what each value of a group comes to, in their order; all come to what it raises.
        """
        self._work = work
        self._most = most
        self._free_groups = groups
        self._waiting: deque[_Asked[T, R]] = deque()

    async def of(self, value: T) -> R:
        """Return what `value` comes to.

        Raises:
            Exception: What `work` returned in place of a result, or raised.
        """
        asked: _Asked[T, R] = _Asked(value)
        with anyio.CancelScope(shield=True):
            if self._free_groups:
                self._free_groups -= 1
                asked.leads = True
                await checkpoint()  # until all that is asked in this moment waits
            else:
                self._waiting.append(asked)
                await asked.awake.wait()
            if asked.leads:
                await self._work_on([asked, *self._take(self._most - 1)])
        if isinstance(asked.outcome, Exception):
            raise asked.outcome
        return cast("R", asked.outcome)

    async def _work_on(self, group: Sequence[_Asked[T, R]]) -> None:
        outcomes: Sequence[R | Exception]
        try:
            outcomes = await self._work([asked.value for asked in group])
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked
            outcomes = [error] * len(group)
        finally:
            self._pass_on()
        for asked, outcome in zip(group, outcomes, strict=True):
            asked.outcome = outcome
            asked.awake.set()

    def _take(self, most: int) -> list[_Asked[T, R]]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), most))]

    def _pass_on(self) -> None:
        """Let the one that has waited longest lead the next group."""
        for leader in self._take(1):
            leader.leads = True
            leader.awake.set()
            return
        self._free_groups += 1


@dataclass(slots=True)
class _Asked(Generic[T, R]):
    value: T
    leads: bool = False
    outcome: R | Exception | None = None
    #: Set when it has come to something, or leads the next group.
    awake: anyio.Event = field(default_factory=anyio.Event)


def _flatten(group: _ExceptionGroup) -> Generator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flatten(cast("_ExceptionGroup", error))
        else:
            yield error
