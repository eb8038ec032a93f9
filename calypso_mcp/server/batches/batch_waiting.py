"""Waits until the files of one call are searchable, whatever batches they travelled in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from calypso_mcp.client.readiness_target import ReadinessTarget
from calypso_mcp.concurrency import for_each
from calypso_mcp.domain.states.file_state import FileState, StateReport
from calypso_mcp.domain.states.readiness import Readiness
from calypso_mcp.server.calls.call_progress import CallProgress, Step
from calypso_mcp.server.calls.call_time import CallTime

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient

#: Batches waited for at the same time. They are indexed about in their order, and each look at one lists a
#: hundred files, so asking about all of them again and again would take longer than indexing them.
_PARALLEL_WAITS = 4
#: Batches looked at at the same time, once each, when there is no time left to wait.
_PARALLEL_LOOKS = 100


async def wait_for_outcomes(
    client: CalypsoClient, outcomes: Sequence[FileState], time: CallTime, progress: CallProgress | None = None
) -> StateReport:
    """Wait until every file that arrived is searchable or has failed, or the call times out.

    Files that were already searchable when the call looked at them are not asked about again.

    Returns:
        A state of each file that arrived, by its `file_id`; pending if its state was not seen. A file that
        was replaced meanwhile is as its successor is.
    """
    uploaded = [outcome for outcome in outcomes if outcome.is_uploaded]
    by_id = {outcome.file_id: outcome for outcome in uploaded if outcome.file_id}
    found_ready = {
        file_id: outcome for file_id, outcome in by_id.items() if outcome.readiness is Readiness.READY
    }
    targets = _targets(outcome for outcome in by_id.values() if outcome.readiness is not Readiness.READY)
    looks = _Looks(client, time, progress, len(found_ready), len(by_id))
    seen = found_ready | {state.id: state for report in await looks.take(targets) for state in report.states}
    states = [replace(seen.get(file_id, FileState(file_id)), file_id=file_id) for file_id in by_id]
    return StateReport((*states, *(FileState() for outcome in uploaded if not outcome.file_id)))


@dataclass(slots=True)
class _Looks:
    """What was seen so far of what is waited for; `ready` of `total` files were searchable before."""

    client: CalypsoClient
    time: CallTime
    progress: CallProgress | None
    ready: int
    total: int
    reports: dict[ReadinessTarget, StateReport] = field(default_factory=dict[ReadinessTarget, StateReport])

    async def take(self, targets: Sequence[ReadinessTarget]) -> Iterable[StateReport]:
        """Wait for a few targets at a time, then look once at those for which no time was left."""
        self._show()
        await for_each(self._wait, targets, limit=_PARALLEL_WAITS)
        left = [target for target in targets if target not in self.reports]
        await for_each(self._look, left, limit=_PARALLEL_LOOKS)
        return self.reports.values()

    async def _wait(self, target: ReadinessTarget) -> None:
        if self.time.wait_s:
            await self._look(target)

    async def _look(self, target: ReadinessTarget) -> None:
        def note(report: StateReport) -> None:
            self.reports[target] = report
            self._show()

        note(
            await self.client.readiness.wait(
                target, timeout_s=self.time.wait_s, first_look_s=self.time.left_s, on_progress=note
            )
        )

    def _show(self) -> None:
        if self.progress is not None:
            settled = self.ready + sum(report.settled for report in self.reports.values())
            self.progress.update(Step("indexing", files_done=settled, files_total=self.total))


def _targets(arrived: Iterable[FileState]) -> list[ReadinessTarget]:
    """Return what to ask for: the files, with the batch they came with.

    One request answers for a hundred files of a batch, but the batch itself may hold files of other calls
    that never arrived, and would never be done.
    """
    by_batch: dict[str | None, list[str]] = defaultdict(list)
    for outcome in arrived:
        if outcome.file_id:
            by_batch[outcome.batch_id].append(outcome.file_id)
    return [
        ReadinessTarget(file_ids=tuple(file_ids), batch_id=batch_id)
        for batch_id, file_ids in by_batch.items()
    ]
