"""Uploads through one-time addresses by their upload id, as far as the request's scope reaches."""

from __future__ import annotations

from calypso_mcp.errors import ContentError, ScopeError
from calypso_mcp.server.one_time.one_time_uploads import OneTimeUploads
from calypso_mcp.server.one_time.upload_ledger import UploadRecord, owner_of
from calypso_mcp.server.scope.request_scope import Access


async def require_upload(access: Access, uploads: OneTimeUploads, upload_id: str) -> UploadRecord:
    """Return what became of an upload that this caller was given the address for.

    Raises:
        ScopeError: There is none by this id, it was issued to somebody else, or its bucket is out of the
            request's scope: the same error, after the same requests.
    """
    scope = await access.scope(include_archived=True)
    record = await uploads.ledger.read(upload_id)
    is_ours = record is not None and record.owner == owner_of(access.grant.name)
    if record is None or not is_ours or not scope.allows(record.bucket_id):
        raise ScopeError(
            f"There is no file {upload_id[:80]!r} here.",
            code="file_not_found",
            hint="Use a file_id that an upload returned for a bucket in list_buckets.",
        )
    return record


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
