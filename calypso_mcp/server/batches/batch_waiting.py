"""Waits until the files of one call are searchable, whatever batches they travelled in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    targets = _targets(by_id)
    reports: dict[ReadinessTarget, StateReport] = {}

    def show() -> None:
        if progress is not None:
            settled = len(found_ready) + sum(report.settled for report in reports.values())
            progress.update(Step("indexing", files_done=settled, files_total=len(by_id)))

    async def look(target: ReadinessTarget) -> None:
        def note(report: StateReport) -> None:
            reports[target] = report
            show()

        note(
            await client.readiness.wait(
                target, timeout_s=time.wait_s, first_look_s=time.left_s, on_progress=note
            )
        )

    async def wait(target: ReadinessTarget) -> None:
        if time.wait_s:
            await look(target)

    show()
    await for_each(wait, targets, limit=_PARALLEL_WAITS)
    await for_each(look, [target for target in targets if target not in reports], limit=_PARALLEL_LOOKS)
    seen = found_ready | {state.id: state for report in reports.values() for state in report.states}
    states = [replace(seen.get(file_id, FileState(file_id)), file_id=file_id) for file_id in by_id]
    return StateReport((*states, *(FileState() for outcome in uploaded if not outcome.file_id)))


def _targets(by_id: Mapping[str, FileState]) -> list[ReadinessTarget]:
    """Return what to ask for: the files that were not searchable, with the batch they came with.

    One request answers for a hundred files of a batch, but the batch itself may hold files of other calls
    that never arrived, and would never be done.
    """
    by_batch: dict[str | None, list[str]] = defaultdict(list)
    for file_id, outcome in by_id.items():
        if outcome.readiness is not Readiness.READY:
            by_batch[outcome.batch_id].append(file_id)
    return [
        ReadinessTarget(file_ids=tuple(file_ids), batch_id=batch_id)
        for batch_id, file_ids in by_batch.items()
    ]
