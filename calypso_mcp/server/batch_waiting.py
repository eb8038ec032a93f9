"""Waits until the files of one call are searchable, whatever batches they travelled in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from calypso_mcp.client.outcomes import Outcome
from calypso_mcp.client.readiness import FailedItem, ReadinessReport, ReadinessTarget
from calypso_mcp.domain.readiness import Readiness, overall
from calypso_mcp.server.call_progress import CallProgress, Step
from calypso_mcp.server.parallel import map_parallel

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient

#: More than this many batches are no rarity, and each has its own time to run out: all wait at once.
_PARALLEL_WAITS = 1_000


@dataclass(frozen=True, slots=True)
class BatchReadiness:
    """Where the files of a call stand together; `failed` by file id."""

    state: Readiness
    ready: int
    pending: int
    failed: Mapping[str, FailedItem] = field(default_factory=dict[str, FailedItem])


async def wait_for_outcomes(
    client: CalypsoClient, outcomes: Sequence[Outcome], timeout_s: float, progress: CallProgress
) -> BatchReadiness:
    """Wait until every file that arrived is searchable or has failed, or the time is up."""
    uploaded = {one.file_id for one in outcomes if one.is_uploaded and one.file_id}
    reports: dict[int, ReadinessReport] = {}
    targets = _targets(outcomes)

    async def wait(position: int) -> None:
        def tell(report: ReadinessReport) -> None:
            reports[position] = report
            progress.tell(Step("indexing", files_done=_settled(reports), files_total=len(uploaded)))

        tell(await client.readiness.wait(targets[position], timeout_s=timeout_s, on_progress=tell))

    progress.tell(Step("indexing", files_total=len(uploaded)))
    await map_parallel(wait, range(len(targets)), limit=_PARALLEL_WAITS)
    failed = {
        item.file_id or item.id: item
        for report in reports.values()
        for item in report.failed
        if (item.file_id or item.id) in uploaded
    }
    ready = {one for report in reports.values() for one in report.ready} & uploaded
    return BatchReadiness(
        state=overall(report.state for report in reports.values()),
        ready=len(ready),
        pending=len(uploaded) - len(ready) - len(failed),
        failed=failed,
    )


def _targets(outcomes: Sequence[Outcome]) -> list[ReadinessTarget]:
    """Return what to ask for: whole batches where all of one arrived, single files otherwise.

    One request tells about a hundred files of a batch, but a batch with a file that never arrived would
    never be done.
    """
    by_batch: dict[str | None, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_batch[outcome.batch_id].append(outcome)
    targets: list[ReadinessTarget] = []
    for batch_id, group in by_batch.items():
        files = tuple(dict.fromkeys(one.file_id for one in group if one.is_uploaded and one.file_id))
        if batch_id and files and all(one.is_uploaded and one.file_id for one in group):
            targets.append(ReadinessTarget(batch_id=batch_id))
        elif files:
            targets.append(ReadinessTarget(file_ids=files))
    return targets


def _settled(reports: Mapping[int, ReadinessReport]) -> int:
    return sum(len(report.ready) + len(report.failed) for report in reports.values())
