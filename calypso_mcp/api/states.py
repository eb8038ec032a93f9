"""Reads the state of a file, batch or bucket from the API's answers (API sheet sections 6 and 14).

The shapes of `error` and `bucketSync` and the words for a status are not published. Only this
module and the models' validators read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from calypso_mcp.api.batches import Batch, BatchItem, FinalizedItem
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.files import KnowledgeFile, StatedError
from calypso_mcp.domain.states.file_state import FileState, Reason
from calypso_mcp.domain.states.readiness import (
    BatchStatus,
    FileStatus,
    Readiness,
    file_readiness,
    hinges_on_store,
    overall,
)

if TYPE_CHECKING:
    from calypso_mcp.api.websites import FetchedSource, QaPair

_SETTLED_BATCH: Final[Mapping[str, Readiness]] = {
    BatchStatus.ACTIVE: Readiness.READY,
    BatchStatus.FAILED: Readiness.FAILED,
}
_BROKEN_STORE: Final = frozenset({"failed", "error"})


def state_of_file(file: KnowledgeFile, *, store_active: bool | None = None) -> FileState:
    """Return the state of a knowledge file; `store_active` as in `domain.states.readiness.file_readiness`."""
    sync = tuple(entry.status for entry in file.bucket_sync)
    readiness = file_readiness(file.status, file.bucket_sync_status, sync, store_active)
    return FileState(
        id=file.id,
        readiness=readiness,
        status=file.status,
        bucket_sync_status=file.bucket_sync_status,
        hinges_on_store=hinges_on_store(file.status, file.bucket_sync_status, sync),
        name=file.name or file.filename or file.title,
        file_id=file.id,
        task_id=file.task_id,
        reason=_failure(file.status, file.error) if readiness is Readiness.FAILED else None,
        warnings=file.warnings or (),
    )


def state_of_made(source: FetchedSource | QaPair, *, replayed: bool) -> FileState:
    """Return the state of a source that the API has just made; `replayed`: it had been made before."""
    return replace(
        state_of_file(source),
        outcome="replayed" if replayed else "accepted",
        name=source.title or source.filename,
        earlier="replaced" if source.replaces else None,
        earlier_id=source.replaces,
        size_bytes=source.size_bytes,
    )


def state_of_item(item: BatchItem, *, store_active: bool | None = None) -> FileState:
    """Return the state of one file of a batch; its embedded file fills in what the item leaves out."""
    file = item.file or KnowledgeFile.model_validate({"id": ""})
    merged = file.model_copy(
        update={
            "status": file.status if item.status == "unknown" else item.status,
            "bucket_sync_status": item.bucket_sync_status or file.bucket_sync_status,
            "bucket_sync": item.bucket_sync or file.bucket_sync,
            "error": item.error or file.error,
        }
    )
    file_id = item.knowledge_id or file.id or None
    return replace(
        state_of_file(merged, store_active=store_active),
        id=file_id or item.client_file_id,
        file_id=file_id,
        task_id=item.task_id or file.task_id,
        client_file_id=item.client_file_id,
    )


def states_of_finalized(items: Iterable[FinalizedItem]) -> dict[str, FileState]:
    """Return the files that finalize accepted, now or earlier, by client file id."""
    return {item.client_file_id: FileState(file_id=item.knowledge_id, task_id=item.task_id) for item in items}


def state_of_batch(batch: Batch) -> FileState:
    """Return the state of a batch as a whole, for an API that does not list its items."""
    readiness = _SETTLED_BATCH.get(batch.status.lower(), Readiness.PENDING)
    return _state_of_whole(batch.id, readiness, batch.status, batch.message)


def state_of_bucket(bucket: Bucket) -> FileState:
    """Return the state of a bucket as a whole: ready when its store is active and nothing is pending."""
    store = bucket.store
    if store is None:
        return FileState(bucket.id, readiness=Readiness.PENDING if bucket.member_count else Readiness.READY)
    if store.is_active:
        return _state_of_whole(bucket.id, Readiness.READY, store.status, None)
    readiness = Readiness.FAILED if store.status in _BROKEN_STORE else Readiness.PENDING
    return _state_of_whole(bucket.id, readiness, store.status, store.last_error)


def readiness_of_bucket(bucket: Bucket, failed: int) -> Readiness:
    """Return the state of a bucket of which `failed` members are known to have failed."""
    return overall([state_of_bucket(bucket).readiness, *([Readiness.FAILED] if failed else [])])


def state_of_task(status: str) -> FileState:
    """Return the state of an indexing task that names no file: never ready, since a task reports no sync."""
    return _state_of_whole("task", file_readiness(status, None, ()), status, None)


def _state_of_whole(identifier: str, readiness: Readiness, status: str, message: str | None) -> FileState:
    error = StatedError(message=message) if message else None
    reason = _failure(status, error) if readiness is Readiness.FAILED else None
    return FileState(identifier, readiness=readiness, status=status, reason=reason)


def _failure(status: str, error: StatedError | None) -> Reason:
    deleted = status.lower() == FileStatus.DELETED
    code = "file_deleted" if deleted else "indexing_failed"
    message = "The file was deleted." if deleted else "Indexing failed; the API gives no reason."
    return Reason((error and error.code) or code, (error and error.message) or message)
