"""Showing progress: bars in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

#: What an MCP client calls with progress, total where known, and a message where there is one.
Report = Callable[[float, float | None, str | None], Awaitable[None]]

#: Seconds between two lines of the same phase where there is no terminal.
_LINE_EVERY_S = 2.0


@contextmanager
def phase(
    title: str, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Report]:
    """Show one phase of a job on `stream` (stderr by default) while the block lasts."""
    out = sys.stderr if stream is None else stream
    with _bar(title, out) if out.isatty() else _lines(title, out, clock) as report:
        yield report


@contextmanager
def _bar(title: str, out: TextIO) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<12}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[message]}", markup=False),
    )
    with Progress(*columns, console=Console(file=out), transient=False) as progress:
        task = progress.add_task(title, total=None, message="")

        async def report(done: float, total: float | None, message: str | None) -> None:
            progress.update(task, completed=done, total=total, message=message or "")

        yield report
        total = progress.tasks[0].total or 1
        progress.update(task, completed=total, total=total)


@contextmanager
def _lines(title: str, out: TextIO, clock: Callable[[], float]) -> Iterator[Report]:
    started = shown_at = clock()
    print(f"{title} ...", file=out, flush=True)

    async def report(done: float, total: float | None, message: str | None) -> None:
        nonlocal shown_at
        now = clock()
        if now - shown_at < _LINE_EVERY_S:
            return
        shown_at = now
        share = f" {done / total:.0%}" if total else ""
        print(f"{title}{share} {message or ''}".rstrip(), file=out, flush=True)

    yield report
    print(f"{title} done in {clock() - started:.1f} s", file=out, flush=True)
