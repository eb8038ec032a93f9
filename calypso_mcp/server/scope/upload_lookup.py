"""Uploads through one-time addresses by their upload id, as far as the request's scope reaches."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from calypso_mcp.api.connection import Extension
from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.sources import LARGEST_PAGE, SourcesQuery
from calypso_mcp.errors import ContentError
from calypso_mcp.server.one_time.one_time_uploads import OneTimeUploads
from calypso_mcp.server.one_time.tickets import UploadPlace, mark_of
from calypso_mcp.server.one_time.upload_ledger import UploadRecord, owner_of
from calypso_mcp.server.scope.request_scope import Access
from calypso_mcp.server.scope.scoped_lookup import require_known

#: Files of a bucket that are asked whether they came with an upload, where the API lists no sources.
_NEWEST: Final = 100


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

    if await access.backend.abilities.have(Extension.SOURCES):
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
    page = await access.client.files.page_of(bucket, is_it, limit=1, cursor=cursor)
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
