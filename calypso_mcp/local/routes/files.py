"""Single uploads, knowledge files and indexing tasks (seed: single-file upload; API sheet section 4)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request

from calypso_mcp.api.files import (
    BucketSync,
    CreateUploadSession,
    FileQuery,
    FinalizeUploadSession,
    IndexingTask,
    KnowledgeFile,
    StatedError,
    TaskReference,
    UploadSession,
)
from calypso_mcp.domain.states.readiness import SyncStatus
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Answer, answer_created, read_keyed_request
from calypso_mcp.local.refusals import Refusal, bucket_required, not_found
from calypso_mcp.local.store import files, idempotency, sessions
from calypso_mcp.local.store.files import FileRow
from calypso_mcp.local.store.sessions import Address, NewSession
from calypso_mcp.local.text_forms import format_time
from calypso_mcp.local.uploads.admission import assign, build_upload_target, check_file, count_create
from calypso_mcp.local.uploads.finalizing import finalize

_TASK_TYPE = "knowledge_indexing"


async def create_session(backend: Backend, request: Request, body: CreateUploadSession) -> Answer:
    """Accept one file's declaration and answer with the address for its bytes."""
    asked = read_keyed_request(request, "session", body.published())
    declaration = body.declaration(body.content_type)
    if not declaration.destination.is_given:
        raise bucket_required()
    check_file(declaration, body.size_bytes)

    def work(connection: sqlite3.Connection) -> tuple[Address, bool]:
        now, lifetime_s = backend.now(), backend.options.session_lifetime_s
        count_create(connection, per_second=backend.options.creates_per_second, now=now)
        made = idempotency.find_created(connection, asked)
        if made is not None:
            return sessions.renew(connection, made, now=now, lifetime_s=lifetime_s), True
        bucket_ids = assign(connection, declaration.destination, now=now)
        new = NewSession(declaration, body.size_bytes, bucket_ids)
        [address] = sessions.insert(connection, new, now=now, lifetime_s=lifetime_s)
        idempotency.remember(connection, asked, address.session_id)
        return address, False

    address, is_replay = await backend.database.write(work)
    target = build_upload_target(request, address)
    return answer_created(UploadSession(**dict(target)).to_wire(), is_replay=is_replay)


async def finalize_session(backend: Backend, request: Request, _: FinalizeUploadSession) -> Answer:
    """Queue an uploaded file for indexing; again, and it answers the same file and task."""
    session_id = request.path_params["session_id"]
    known = await backend.database.read(lambda connection: sessions.get_all(connection, [session_id]))
    found = (await finalize(backend, known.values())).get(session_id)
    if found is None:
        raise not_found("upload session", "session_not_found")
    if found.file is None:
        raise Refusal(
            409,
            "upload_incomplete",
            "Not all bytes have arrived. Send the rest to the upload_url, then finalize again.",
        )
    return answer_created(file_wire(found.file), is_replay=found.outcome == "replayed")


async def get_file(backend: Backend, request: Request, _: FileQuery) -> Answer:
    """Answer where a file stands. `verify` changes nothing: this store is the ground truth."""
    return Answer(file_wire(await backend.database.read(lambda connection: find_file(connection, request))))


def find_file(connection: sqlite3.Connection, request: Request) -> FileRow:
    """Return the file that the path of `request` names.

    Raises:
        Refusal: There is none, or another has taken its place (404).
    """
    file_id = request.path_params["file_id"]
    file = files.get(connection, file_id)
    if file is not None:
        return file
    successor = files.get_successors(connection, [file_id]).get(file_id)
    if successor is None:
        raise not_found("file", "file_not_found")
    message = "A newer version has replaced this file."
    raise Refusal(404, "source_replaced", message, details={"replaced_by": successor})


async def get_task(backend: Backend, request: Request) -> Answer:
    """Answer where an indexing task stands."""
    task_id = request.path_params["task_id"]
    file = await backend.database.read(lambda connection: files.get_by_task(connection, task_id))
    if file is None:
        raise not_found("task", "task_not_found")
    task = IndexingTask(
        id=file.task_id,
        status=file.task_status,
        knowledge_id=file.id,
        type=_TASK_TYPE,
        error=error_wire(file),
    )
    return Answer(task.to_wire())


def file_wire(file: FileRow) -> dict[str, Any]:
    """Return a knowledge file as the API writes it."""
    declared = file.declaration
    model = KnowledgeFile(
        id=file.id,
        status=file.status,
        title=declared.title,
        filename=declared.filename,
        content_type=declared.content_type,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        tags=declared.tags,
        metadata=dict(declared.metadata or {}),
        created_at=format_time(file.created_at),
        updated_at=format_time(file.updated_at),
        task=TaskReference(id=file.task_id, type=_TASK_TYPE, status=file.task_status),
        task_reference=file.task_id,
        bucket_sync_status=file.sync_status,
        bucket_sync=BucketSync.read_all(sync_wire(file.bucket_ids, file.sync_status)),
        error=error_wire(file),
        warnings=file.warnings or None,
        name=file.name,
    )
    wire = {**model.to_wire(), "bucket_ids": list(file.bucket_ids)}
    if file.name == declared.filename:
        del wire["name"]
    return wire


def sync_wire(bucket_ids: Iterable[str], status: SyncStatus) -> list[dict[str, str]]:
    """Return a file's sync into each of its buckets."""
    return [{"bucket_id": bucket_id, "status": status} for bucket_id in bucket_ids]


def error_wire(file: FileRow) -> StatedError | None:
    """Return why a file could not be indexed."""
    return StatedError(code=file.error_code, message=file.error_message) if file.error_code else None
