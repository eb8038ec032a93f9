"""Showing progress: bars in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Protocol, TextIO

#: Seconds between two lines of the same phase without a terminal.
_LINE_EVERY_S = 2.0
#: Into how many steps a bar divides the whole.
_STEPS = 1_000
_SHOWN_MESSAGE_CHARS = 30


class Report(Protocol):
    """Called by an MCP client with the progress, the total if known, and a message if there is one."""

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """Show it."""


@contextmanager
def phase(title: str, clock: Callable[[], float] = time.monotonic) -> Generator[Report]:
    """Show one phase of a job on stderr while the block lasts."""
    out = sys.stderr
    with _bar(title, out) if out.isatty() else _lines(title, out, clock) as report:
        yield report


@contextmanager
def _bar(title: str, out: TextIO) -> Generator[Report]:
    import click

    def shorten(message: str | None) -> str:
        return (message or "")[:_SHOWN_MESSAGE_CHARS]

    # `update_min_steps`: a message is shown even if nothing has advanced.
    with click.progressbar(
        length=_STEPS, label=f"{title:<12}", file=out, item_show_func=shorten, update_min_steps=0
    ) as bar:

        async def report(progress: float, total: float | None, message: str | None) -> None:
            done = min(_STEPS - 1, int(progress / total * _STEPS)) if total else bar.pos
            bar.update(done - bar.pos, message or "")

        yield report
        bar.update(_STEPS - bar.pos, "")


@contextmanager
def _lines(title: str, out: TextIO, clock: Callable[[], float]) -> Generator[Report]:
    started = shown_at = clock()
    print(f"{title} ...", file=out, flush=True)

    async def report(progress: float, total: float | None, message: str | None) -> None:
        nonlocal shown_at
        now = clock()
        if now - shown_at < _LINE_EVERY_S:
            return
        shown_at = now
        share = f" {progress / total:.0%}" if total else ""
        print(f"{title}{share} {message or ''}".rstrip(), file=out, flush=True)

    yield report
    print(f"{title} done in {clock() - started:.1f} s", file=out, flush=True)
