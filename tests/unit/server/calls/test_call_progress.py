from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from calypso_mcp.server.calls.call_progress import CallProgress, Phase, Step


class Listener:
    """Takes progress and says when a number of reports has come."""

    def __init__(self) -> None:
        self.reports: list[tuple[float, float | None, str | None]] = []
        self._more = anyio.Event()

    async def send(self, progress: float, total: float | None, message: str | None) -> None:
        self.reports.append((progress, total, message))
        self._more.set()

    async def until(self, count: int) -> None:
        with anyio.fail_after(30):
            while len(self.reports) < count:
                self._more = anyio.Event()
                await self._more.wait()


async def test_a_silent_call_is_heard_of_all_the_same_with_ever_larger_numbers():
    listener = Listener()
    async with anyio.create_task_group() as running:
        running.start_soon(CallProgress(listener.send).run, 0, 0.001)
        await listener.until(4)
        running.cancel_scope.cancel()
    values = [progress for progress, _, _ in listener.reports]
    assert values == sorted(set(values))
    assert all(message == "checking" for _, _, message in listener.reports)


async def test_many_steps_at_once_make_one_report_of_the_latest():
    listener = Listener()
    progress = CallProgress(listener.send)
    for done in range(100):
        progress.update(Step("checking", done, 100))
    async with anyio.create_task_group() as running:
        running.start_soon(progress.run, 0, 60)
        await listener.until(1)
        progress.update(Step("uploading", 1, 2, 500_000, 1_000_000))
        await listener.until(2)
        running.cancel_scope.cancel()
    assert listener.reports[0][2] == "checking: 99 of 100 files"
    assert listener.reports[1][2] is not None
    assert listener.reports[1][2].startswith("uploading: 1 of 2 files, 500.0 KB of 1.0 MB")


def test_throughput_is_what_was_sent_since_sending_began():
    now = 100.0
    progress = CallProgress(Listener().send, clock=lambda: now)
    progress.update(Step("hashing", 2, 2, 9_000_000, 9_000_000))
    progress.update(Step("uploading", 0, 2, 0, 9_000_000))
    now = 102.0
    progress.update(Step("uploading", 1, 2, 4_000_000, 9_000_000))
    assert progress.message() == "uploading: 1 of 2 files, 4.0 MB of 9.0 MB, 2.0 MB/s"


@pytest.mark.parametrize(
    ("phases", "step", "percent"),
    [
        (("checking", "indexing"), Step("checking", 0, 10), 0),
        (("checking", "indexing"), Step("indexing", 10, 10), 100),
        (("checking", "finalizing"), Step("finalizing", 10, 10), 100),
        (("indexing", "indexing"), Step("indexing", 5, 10), 50),
        (("checking", "checking"), Step("checking", 5, 10), 50),
        (("checking", "indexing"), Step("uploading", 0, 10, 5, 10), 47.5),
    ],
)
async def test_the_bar_runs_from_nothing_to_all_over_the_phases_of_the_call(
    phases: tuple[Phase, Phase], step: Step, percent: float
):
    listener = Listener()
    progress = CallProgress(listener.send, phases)
    progress.update(step)
    await progress.finish()
    assert listener.reports[0][0] == pytest.approx(percent, abs=1e-3)
    assert listener.reports[0][1] == 100


async def test_a_report_that_is_cut_off_is_made_once_more():
    reports: list[float] = []

    async def send(progress: float, _total: float | None, _message: str | None) -> None:
        reports.append(progress)
        cut.cancel()
        await anyio.lowlevel.checkpoint()

    progress = CallProgress(send)
    progress.update(Step("indexing", 2, 2))
    with anyio.CancelScope() as cut:
        await progress.run()
    await progress.finish()
    await progress.finish()
    # The first may have arrived.
    assert reports == [99.9, 100]


async def test_what_was_whole_under_way_is_whole_at_the_end():
    listener = Listener()
    progress = CallProgress(listener.send)
    progress.update(Step("indexing", 2, 2))
    async with anyio.create_task_group() as running:
        running.start_soon(progress.run)
        await listener.until(1)
        running.cancel_scope.cancel()
    await progress.finish()
    assert [report[0] for report in listener.reports] == [99.9, 100]
