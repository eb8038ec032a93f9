"""Progress of one long tool call: reported at most twice a second, and at least every few seconds."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

import anyio

from calypso_mcp.concurrency import run_in_background
from calypso_mcp.domain.amounts import format_bytes
from calypso_mcp.server.calls.call_time import Send, relayed
from calypso_mcp.server.state import CallContext

Phase = Literal["checking", "hashing", "uploading", "finalizing", "indexing", "asking", "answering"]

#: Share of the whole at which each phase begins and ends, in percent: a bar that only moves forward.
_SPANS: Final[dict[Phase, tuple[float, float]]] = {
    "checking": (0, 5),
    "hashing": (5, 15),
    "uploading": (15, 80),
    "finalizing": (80, 85),
    "indexing": (85, 100),
    # The length of an answer is not known beforehand, so these two only ever begin.
    "asking": (0, 10),
    "answering": (10, 100),
}
_PAUSE_S: Final = 0.5
#: Longest silence, in seconds; hosts take a silent call for a dead one.
HEARTBEAT_S: Final = 5.0
#: A repeated report must still be larger than the one before (MCP specification, progress).
_SMALLEST_STEP: Final = 0.01
#: What a report under way states at most: if the end of the call cuts it off, the last one is still larger.
_MOST_UNDER_WAY: Final = 99.9


@dataclass(frozen=True, slots=True)
class Step:
    """How far a phase is. Files and bytes, done and in all; bytes may be unknown. Characters of an answer."""

    phase: Phase
    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    characters: int = 0

    @property
    def share(self) -> float:
        """How much of the phase is done, from 0 to 1: by bytes where they are known."""
        if self.bytes_total:
            return min(self.bytes_done / self.bytes_total, 1.0)
        return min(self.files_done / self.files_total, 1.0) if self.files_total else 0.0


class CallProgress:
    """The latest step of one call. `update` may be called at any rate, from the event loop."""

    def __init__(
        self,
        send: Send,
        phases: tuple[Phase, Phase] = ("checking", "indexing"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Report through `send` on a call that goes through `phases`, first to last."""
        self._send = send
        self._start, self._end = _SPANS[phases[0]][0], _SPANS[phases[1]][1]
        self._clock = clock
        self._step = self._sent_step = Step(phases[0])
        self._news = anyio.Event()
        self._sent = -_SMALLEST_STEP
        self._uploading_since: float | None = None

    def update(self, step: Step) -> None:
        """Note how far the call is."""
        if step.phase == "uploading" and self._uploading_since is None:
            self._uploading_since = self._clock()
        if step != self._step:
            self._step = step
            self._news.set()

    async def run(self, pause_s: float = _PAUSE_S, heartbeat_s: float = HEARTBEAT_S) -> None:
        """Send each new step, and the latest one again after a silence, until cancelled."""
        while True:
            with anyio.move_on_after(heartbeat_s):
                await self._news.wait()
            await self._report(_MOST_UNDER_WAY)
            await anyio.sleep(pause_s)

    async def finish(self) -> None:
        """Send the latest step, unless it has been sent."""
        if self._step is not self._sent_step or self._percent() > self._sent:
            await self._report(100.0)

    async def _report(self, most: float) -> None:
        self._news = anyio.Event()
        step = self._step
        self._sent = round(max(min(self._percent(), most), self._sent + _SMALLEST_STEP), 2)
        await self._send(self._sent, 100.0, self.message())
        # Only now: at the end of a call, a report under way is cut off, and made once more.
        self._sent_step = step

    def _percent(self) -> float:
        start, end = _SPANS[self._step.phase]
        reached = start + (end - start) * self._step.share
        return 100 * (reached - self._start) / (self._end - self._start)

    def message(self) -> str:
        """Return the latest step in words."""
        step = self._step
        words = [f"{step.files_done} of {step.files_total} files"] if step.files_total else []
        if step.bytes_total:
            words.append(f"{format_bytes(step.bytes_done)} of {format_bytes(step.bytes_total)}")
        if step.phase == "uploading" and self._uploading_since is not None and step.bytes_done:
            elapsed_s = max(self._clock() - self._uploading_since, 1e-3)
            words.append(f"{format_bytes(step.bytes_done / elapsed_s)}/s")
        if step.characters:
            words.append(f"{step.characters} characters")
        return f"{step.phase}: {', '.join(words)}" if words else step.phase


@asynccontextmanager
async def call_progress(
    ctx: CallContext, phases: tuple[Phase, Phase] = ("checking", "indexing")
) -> AsyncGenerator[CallProgress]:
    """Report the progress of the block to the client of `ctx`, and once more at its end."""
    progress = CallProgress(relayed(ctx.report_progress), phases)
    async with run_in_background(progress.run):
        yield progress
    await progress.finish()
