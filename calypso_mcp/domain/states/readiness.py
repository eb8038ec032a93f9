"""When a source is searchable, decided item by item (API sheet section 6; seeds).

Ready means indexed *and* synced to its bucket. An unpublished status word means: keep waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: What this client says of a file that the API does not know, or not under this id.
NOT_FOUND: Final = "not_found"


class FileStatus(StrEnum):
    """States of a knowledge file, an indexing task and a batch item."""

    #: A batch item whose bytes are missing.
    PENDING = "pending"
    QUEUED = "queued"
    INDEXING = "indexing"
    INDEXED = "indexed"
    ACTIVE = "active"
    FAILED = "failed"
    DELETED = "deleted"


#: States of a file that has to be uploaded again.
GONE: Final = frozenset({FileStatus.FAILED, FileStatus.DELETED, "error"})
#: Errors of reading that the same content would meet again. Timeouts and lost bytes may pass.
UNREADABLE: Final = frozenset({"broken", "empty", "encrypted", "no_text_layer", "too_large", "unsupported"})


class SyncStatus(StrEnum):
    """States of a file's bucket sync. Only `active` is published; the rest are ours."""

    PENDING = "pending"
    ACTIVE = "active"
    FAILED = "failed"


class BatchStatus(StrEnum):
    """States of a batch (seed: batch upload)."""

    ACCEPTED = "accepted"
    INDEXING = "indexing"
    ACTIVE = "active"
    PARTIALLY_ACTIVE = "partially_active"
    PARTIALLY_FAILED = "partially_failed"
    FAILED = "failed"


class BucketStatus(StrEnum):
    """States of a bucket."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class Readiness(StrEnum):
    """Whether a source is searchable, never will be, or may still become so."""

    READY = "ready"
    FAILED = "failed"
    PENDING = "pending"


#: `ready` is the word for what the API has fetched itself: pages and imported files.
_INDEXED: Final = frozenset({FileStatus.INDEXED, FileStatus.ACTIVE, "ready"})

_SYNC_FAILED: Final = frozenset({SyncStatus.FAILED, "error"})


def file_readiness(
    status: str,
    bucket_sync_status: str | None,
    bucket_sync: Sequence[str],
    bucket_store_active: bool | None = None,
) -> Readiness:
    """Return whether one file is searchable.

    Args:
        status: The file's own status.
        bucket_sync_status: Its summary sync status, if the API gives one.
        bucket_sync: The lower-case sync status word of each bucket.
        bucket_store_active: Whether its bucket's store is active with nothing pending. Counts only if the
            file itself reports no sync; None if unknown.
    """
    word = status.lower()
    if word in GONE:
        return Readiness.FAILED
    if word not in _INDEXED:
        return Readiness.PENDING
    summary = bucket_sync_status.lower() if bucket_sync_status else None
    if summary == SyncStatus.ACTIVE or set(bucket_sync) == {SyncStatus.ACTIVE}:
        return Readiness.READY
    if summary in _SYNC_FAILED or any(sync in _SYNC_FAILED for sync in bucket_sync):
        return Readiness.FAILED
    if bucket_store_active and hinges_on_store(status, bucket_sync_status, bucket_sync):
        return Readiness.READY
    return Readiness.PENDING


def hinges_on_store(status: str, bucket_sync_status: str | None, bucket_sync: Sequence[str]) -> bool:
    """Return whether only the bucket's store shows readiness: the file is indexed, but reports no sync."""
    return status.lower() in _INDEXED and not bucket_sync_status and not bucket_sync


def overall(states: Iterable[Readiness]) -> Readiness:
    """Return the state of all together: pending while one is pending, else failed if one has failed."""
    seen = frozenset(states)
    for state in (Readiness.PENDING, Readiness.FAILED):
        if state in seen:
            return state
    return Readiness.READY


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """How long to pause between two looks, in seconds: quick at first, then ever slower up to a cap."""

    first_s: float = 0.25
    factor: float = 1.5
    cap_s: float = 4.0

    def delays(self) -> Iterator[float]:
        """Yield the pauses, without end."""
        delay = self.first_s
        while True:
            yield min(delay, self.cap_s)
            delay = min(delay * self.factor, self.cap_s)
