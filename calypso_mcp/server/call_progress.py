"""Progress of one long tool call, told to whoever waits: at most twice a second, at least every few seconds."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import anyio
from mcp.server.mcpserver import Context

from calypso_mcp.server.state import ServerState

Phase = Literal["checking", "hashing", "uploading", "finalizing", "indexing"]

#: Share of the whole at which each phase begins and ends, in percent: a bar that only moves forward.
_SPANS: Final[dict[Phase, tuple[float, float]]] = {
    "checking": (0, 5),
    "hashing": (5, 15),
    "uploading": (15, 80),
    "finalizing": (80, 85),
    "indexing": (85, 100),
}
_PAUSE_S: Final = 0.5
#: Longest silence; hosts take a silent call for a dead one.
HEARTBEAT_S: Final = 5.0
#: A repeated report must still be larger than the one before (MCP specification, progress).
_SMALLEST_STEP: Final = 1e-6

Send = Callable[[float, float | None, str | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """How far a phase is. Files and bytes, done and in all; bytes may be unknown."""

    phase: Phase
    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0

    @property
    def percent(self) -> float:
        """Share of the whole call."""
        start, end = _SPANS[self.phase]
        done, total = (
            (self.bytes_done, self.bytes_total) if self.bytes_total else (self.files_done, self.files_total)
        )
        return start + (end - start) * (min(done / total, 1.0) if total else 0.0)


class CallProgress:
    """The latest step of one call. `tell` may be called as often as there is news, from the event loop."""

    def __init__(self, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._step = Step("checking")
        self._news = anyio.Event()
        self._sent = 0.0
        self._uploading_since: float | None = None

    def tell(self, step: Step) -> None:
        """Take note of how far the call is."""
        if step.phase == "uploading" and self._uploading_since is None:
            self._uploading_since = self._clock()
        self._step = step
        self._news.set()

    async def run(self, pause_s: float = _PAUSE_S, heartbeat_s: float = HEARTBEAT_S) -> None:
        """Send what is told, and the last of it again when nothing is; until cancelled."""
        while True:
            with anyio.move_on_after(heartbeat_s):
                await self._news.wait()
            self._news = anyio.Event()
            self._sent = max(self._step.percent, self._sent + _SMALLEST_STEP)
            await self._send(self._sent, 100.0, self.message())
            await anyio.sleep(pause_s)

    def message(self) -> str:
        """Return the latest step in words."""
        step = self._step
        words = [f"{step.files_done} of {step.files_total} files"] if step.files_total else []
        if step.bytes_total:
            words.append(f"{_megabytes(step.bytes_done)} of {_megabytes(step.bytes_total)} MB")
        if step.phase == "uploading" and self._uploading_since is not None and step.bytes_done:
            elapsed_s = max(self._clock() - self._uploading_since, 1e-3)
            words.append(f"{_megabytes(int(step.bytes_done / elapsed_s))} MB/s")
        return f"{step.phase}: {', '.join(words)}" if words else step.phase


@asynccontextmanager
async def call_progress(ctx: Context[ServerState, Any]) -> AsyncGenerator[CallProgress]:
    """Report the progress of the block to the client of `ctx`."""
    progress = CallProgress(ctx.report_progress)
    async with anyio.create_task_group() as background:
        background.start_soon(progress.run)
        yield progress
        background.cancel_scope.cancel()


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f}"
