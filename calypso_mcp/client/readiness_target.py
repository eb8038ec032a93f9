"""What to wait for, and which part of it the caller may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from calypso_mcp.api.batches import BatchItem
from calypso_mcp.api.files import BucketSync, KnowledgeFile

F = TypeVar("F", bound=KnowledgeFile)


class Reach:
    """What a caller may see: files in some buckets, or named; None for those that it may not."""

    def __init__(self, bucket_ids: frozenset[str], file_ids: frozenset[str]) -> None:
        self._bucket_ids = bucket_ids
        self._file_ids = file_ids

    def file(self, file: F) -> F | None:
        """Return `file` with only the bucket syncs in scope, or None where it is out of scope."""
        visible, hidden = self._split(file.bucket_sync)
        if not visible and file.id not in self._file_ids:
            return None
        if not hidden:
            return file
        # The overall word speaks of buckets that must not be seen.
        return file.model_copy(update={"bucket_sync": visible, "bucket_sync_status": None})

    def item(self, item: BatchItem) -> BatchItem | None:
        """Return `item` with only the bucket syncs in scope, or None where it is out of scope."""
        file = self.file(item.file) if item.file else None
        visible, hidden = self._split(item.bucket_sync)
        if not visible and file is None and item.knowledge_id not in self._file_ids:
            return None
        update: dict[str, Any] = {"file": file}
        if hidden:
            update |= {"bucket_sync": visible, "bucket_sync_status": None}
        return item.model_copy(update=update)

    def _split(self, bucket_sync: Sequence[BucketSync]) -> tuple[tuple[BucketSync, ...], int]:
        """Return the entries in scope and the number of others."""
        visible = tuple(entry for entry in bucket_sync if entry.bucket_id in self._bucket_ids)
        return visible, len(bucket_sync) - len(visible)


@dataclass(frozen=True, slots=True)
class ReadinessTarget:
    """What to wait for: files, a batch, or else a bucket as a whole.

    Attributes:
        file_ids: Knowledge files.
        batch_id: Alone: a batch, item by item. Together with files: the batch they came with, so that one
            request covers all of them; its other items do not count.
        bucket_id: Alone: the whole bucket. Together with the others: the bucket whose store is asked if a
            file reports no sync.
        view: What the caller may see; nothing else is counted or reported. None: everything.
    """

    file_ids: tuple[str, ...] = ()
    batch_id: str | None = None
    bucket_id: str | None = None
    view: Reach | None = None
