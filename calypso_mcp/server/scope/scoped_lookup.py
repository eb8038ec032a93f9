"""Files, tasks and batches by id, as far as the request's scope reaches.

An id that does not exist and one that belongs to buckets out of scope get the same answer, after the same
requests. A file that is in several buckets shows only those in scope.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from calypso_mcp.api.batches import Batch, BatchItem
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.files import BucketSync, IndexingTask, KnowledgeFile
from calypso_mcp.errors import InvalidRequest, NotFound, ScopeError
from calypso_mcp.server.scope.request_scope import Access

T = TypeVar("T")
F = TypeVar("F", bound=KnowledgeFile)

#: Ids become path segments, so text that could be more than one segment is no id.
_ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9_.:@~+=-]{1,200}\Z")
#: What looks like an id of the API is no name that anyone chose.
_MADE_ID = re.compile(r"[a-z]{2,12}_[A-Za-z0-9]{8,}")


def is_id(reference: str) -> bool:
    """Whether a reference is an id that the API made, rather than a name."""
    return _MADE_ID.fullmatch(reference) is not None


class Reach:
    """What the scope of one request reaches: a `client.readiness_target.View`."""

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


async def require_file(access: Access, file_id: str, *, within: Bucket | None = None) -> KnowledgeFile:
    """Return the file, which must be in the bucket `within` where one is named.

    Raises:
        ScopeError: It does not exist or is out of scope.
    """
    found = await _found(file_id, access.client.files.get)
    if not access.is_limited and within is None:
        return require_known(found, "file", file_id)
    reach = await _reach(access, file_id, within)
    return require_known(reach.file(found) if found else None, "file", file_id)


async def require_task(access: Access, task_id: str) -> tuple[IndexingTask, KnowledgeFile | None]:
    """Return the task and the file it works on; None if the task of an unlimited caller names no file.

    Raises:
        ScopeError: It does not exist or its file is out of scope.
    """
    task = await _found(task_id, access.client.files.task)
    file_id = task.knowledge_id if task else None
    if not access.is_limited:
        task = require_known(task, "task", task_id)
        return task, await require_file(access, file_id) if file_id else None
    # A task that does not exist costs the same requests as one out of scope.
    found = await _found(file_id or task_id, access.client.files.get)
    reach = await _reach(access, file_id or task_id)
    file = reach.file(found) if task and found else None
    return require_known(task if file else None, "task", task_id), file


async def require_batch(access: Access, batch_id: str) -> Batch:
    """Return the batch with the items in scope; where some are hidden its counts cover the rest.

    Raises:
        ScopeError: It does not exist or all of its items are out of scope.
    """
    batch = await _found(batch_id, access.client.batches.get)
    if not access.is_limited:
        return require_known(batch, "batch", batch_id)
    reach = await _reach(access, "")
    items = (batch.items or ()) if batch else ()
    visible = tuple(seen for item in items if (seen := reach.item(item)))
    if batch is None or not visible:
        return require_known(None, "batch", batch_id)
    if len(visible) == len(items):
        return batch.model_copy(update={"items": visible})
    return Batch(id=batch.id, status="unknown", total=len(visible), accepted=len(visible), items=visible)


async def reach_of(access: Access) -> Reach | None:
    """Return what the scope of a request reaches; None where nothing limits it."""
    return await _reach(access, "") if access.is_limited else None


async def _reach(access: Access, file_id: str, within: Bucket | None = None) -> Reach:
    buckets = await access.buckets(include_archived=True)
    if not any(bucket.holds(file_id) for bucket in buckets):
        # The list may be older than the file.
        buckets = await access.buckets(include_archived=True, fresh=True)
    buckets = [bucket for bucket in buckets if within is None or bucket.id == within.id]
    return Reach(
        frozenset(bucket.id for bucket in buckets),
        frozenset(file_id for bucket in buckets for file_id in bucket.file_ids),
    )


async def _found(identifier: str, fetch: Callable[[str], Awaitable[T]]) -> T | None:
    if not _ID.match(identifier):
        return None
    try:
        return await fetch(identifier)
    except (NotFound, InvalidRequest):
        return None


def require_known(found: T | None, noun: str, identifier: str) -> T:
    """Return what was found.

    Raises:
        ScopeError: There is no such file, task or batch, or it is out of scope.
    """
    if found is None:
        raise ScopeError(
            f"There is no {noun} {identifier[:80]!r} here.",
            code=f"{noun}_not_found",
            hint="Use a file_id from list_sources, a hit or an upload."
            if noun == "file"
            else f"Use a {noun}_id that an upload returned for a bucket in list_buckets.",
        )
    return found
