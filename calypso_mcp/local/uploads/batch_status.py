"""From the states of a batch's items to the state of the batch (seed: batch upload)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from calypso_mcp.domain.states.statuses import BatchStatus, FileStatus

_ACTIVE = {FileStatus.INDEXED, FileStatus.ACTIVE}


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """The counts over a batch's accepted items and what they add up to."""

    status: BatchStatus
    pending: int
    queued: int
    indexing: int
    active: int
    failed: int


def summarize(accepted: Iterable[str]) -> BatchSummary:
    """Return the batch's state for the states of its accepted items.

    The seed's table lets two rows hold at once where items are active and failed. We read it so that every
    state says something of its own: `partially_active` while anything is still on its way,
    `partially_failed` when all the rest is settled or nothing is active yet.
    """
    counts = Counter(accepted)
    active = sum(counts[state] for state in _ACTIVE)
    failed = counts[FileStatus.FAILED]
    total = counts.total()
    is_moving = active + failed < total
    if failed == total:
        status = BatchStatus.FAILED
    elif active == total:
        status = BatchStatus.ACTIVE
    elif is_moving and active:
        status = BatchStatus.PARTIALLY_ACTIVE
    elif failed:
        status = BatchStatus.PARTIALLY_FAILED
    elif counts[FileStatus.INDEXING]:
        status = BatchStatus.INDEXING
    else:
        status = BatchStatus.ACCEPTED
    return BatchSummary(
        status=status,
        pending=counts[FileStatus.PENDING],
        queued=counts[FileStatus.QUEUED],
        indexing=counts[FileStatus.INDEXING],
        active=active,
        failed=failed,
    )
