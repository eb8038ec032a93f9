"""What to wait for, and which part of it the caller may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from calypso_mcp.api.batches import BatchItem
from calypso_mcp.api.files import KnowledgeFile


class View(Protocol):
    """Reduces files and items of batches to what the caller may see; None hides them altogether."""

    def file(self, file: KnowledgeFile) -> KnowledgeFile | None:
        """Return what may be seen of `file`."""
        ...

    def item(self, item: BatchItem) -> BatchItem | None:
        """Return what may be seen of `item`."""
        ...


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
    view: View | None = None
