"""Files, tasks and batches by id, as far as the request's scope reaches.

An id that does not exist and one that belongs to buckets out of scope get the same answer, after the same
requests. A file that is in several buckets shows only those in scope.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

from calypso_mcp.api.batches import Batch
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.files import IndexingTask, KnowledgeFile
from calypso_mcp.api.sources import LARGEST_PAGE, SourcesQuery
from calypso_mcp.client.readiness_target import Reach
from calypso_mcp.domain.callers.access import owner_of
from calypso_mcp.errors import ContentError, InvalidRequest, NotFound, ScopeError
from calypso_mcp.server.one_time.one_time_uploads import OneTimeUploads
from calypso_mcp.server.one_time.tickets import UploadPlace, mark_of
from calypso_mcp.server.one_time.upload_ledger import UploadRecord
from calypso_mcp.server.scope.request_scope import Access

T = TypeVar("T")

#: Ids become path segments, so text that could be more than one segment is no id.
_ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9_.:@~+=-]{1,200}\Z")
#: Files of a bucket that are asked whether they came with an upload, where the API lists no sources.
_NEWEST: Final = 100
#: Random characters after a kind are no name that anyone chose; "team_handbook" and "sales_reports2026" are.
_MADE_ID = re.compile(r"[a-z]{2,12}_(?=[A-Za-z]*[0-9]+[A-Za-z])[A-Za-z0-9]{16,}")


def is_id(reference: str) -> bool:
    """Whether a reference is an id that the API made, rather than a name."""
    return _MADE_ID.fullmatch(reference) is not None


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
    batch = await _found(batch_id, access.client.files.get_batch)
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


async def require_upload(access: Access, uploads: OneTimeUploads, upload_id: str) -> UploadRecord:
    """Return the outcome of an upload whose address was issued to this caller.

    Raises:
        ScopeError: The id is unknown, was issued to another caller, or names a bucket out of the request's
            scope: the same error, after the same requests.
    """
    scope = await access.scope(include_archived=True)
    owner = owner_of(access.grant.name)
    record = await uploads.ledger.read(upload_id)
    place = uploads.seal.open_id(upload_id, owner)
    if record is None and place is not None:
        # Issued by another machine: its ledger is out of reach, but the API knows whether the file arrived.
        record = UploadRecord(upload_id, owner, "issued", place.bucket_id, place.filename, place.expires_at)
    if record and (record.owner != owner or not scope.allows(record.bucket_id)):
        record = None
    record = require_known(record, "file", upload_id)
    if record.state == "stored" or place is None:
        return record
    file = await find_arrived(access, upload_id, place)
    return record if file is None else replace(record, state="stored", file_id=file.id, task_id=file.task_id)


async def find_arrived(access: Access, upload_id: str, place: UploadPlace) -> KnowledgeFile | None:
    """Return the file that came with an upload, whichever machine received it; None before it is stored.

    Raises:
        CalypsoError: The API cannot be asked.
    """
    mark = mark_of(upload_id)

    def is_it(file: KnowledgeFile) -> bool:
        return mark.items() <= (file.metadata or {}).items()

    if await access.backend.can(Extension.SOURCES):
        identity = place.lineage or place.filename
        listed = await access.client.sources.page(
            SourcesQuery(bucket=place.bucket_id, identity=identity, limit=LARGEST_PAGE)
        )
        return next((source for source in listed.sources if is_it(source)), None)
    buckets = await access.buckets(include_archived=True)
    bucket = next((bucket for bucket in buckets if bucket.id == place.bucket_id), None)
    if bucket is None:
        return None
    # The newest stand last, and one request for each file is all that the published API offers.
    cursor = bucket.file_ids[-_NEWEST - 1] if len(bucket.file_ids) > _NEWEST else None
    page = await access.client.files.list_members(bucket, is_it, limit=1, cursor=cursor)
    return next(iter(page.sources), None)


async def require_arrived_file(access: Access, uploads: OneTimeUploads, upload_id: str) -> str:
    """Return the id of the file that an upload has become.

    Raises:
        ScopeError: See `require_upload`.
        ContentError: No file has arrived, or it was refused.
    """
    record = await require_upload(access, uploads, upload_id)
    if record.file_id is not None:
        return record.file_id
    raise ContentError(
        record.message or "No file has arrived at this one-time address yet.",
        code=record.code or "upload_not_arrived",
        hint="Run the upload command first; call upload_file without a source for a new one.",
    )
