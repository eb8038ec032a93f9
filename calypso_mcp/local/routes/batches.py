"""Batch uploads (seed: batch upload; API sheet section 5)."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from typing import Any

from starlette.requests import Request

from calypso_mcp.api.batches import (
    AcceptedItem,
    Batch,
    BatchFinalized,
    BatchQuery,
    BatchSession,
    CreateBatch,
    FinalizeBatch,
    FinalizedItem,
    ItemProblem,
)
from calypso_mcp.api.files import StatedError
from calypso_mcp.domain.states.readiness import BatchStatus, FileStatus, SyncStatus
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Answer, answer_created
from calypso_mcp.local.refusals import not_found
from calypso_mcp.local.routes.files import file_wire, sync_wire
from calypso_mcp.local.store import batches
from calypso_mcp.local.store.batches import ItemRow
from calypso_mcp.local.store.sources import REMOVED
from calypso_mcp.local.uploads.admission import (
    Admission,
    admit_batch,
    build_upload_target,
    check_batch,
    count_create,
)
from calypso_mcp.local.uploads.finalizing import Outcome, finalize


async def create_batch(backend: Backend, request: Request, body: CreateBatch) -> Answer:
    """Accept or reject each declared file; accepted ones get an address for their bytes."""
    check_batch(body)

    def work(connection: sqlite3.Connection) -> Admission:
        now = backend.now()
        count_create(connection, per_second=backend.options.creates_per_second, now=now)
        return admit_batch(
            connection,
            body,
            now=now,
            lifetime_s=backend.options.session_lifetime_s,
        )

    admission = await backend.database.write(work)
    answer = BatchSession(
        batch_id=admission.batch_id,
        accepted=tuple(
            AcceptedItem(client_file_id=name, **dict(build_upload_target(request, address)))
            for name, address in admission.accepted.items()
        ),
        rejected=tuple(
            _problem_wire(name, problem.code, problem.message) for name, problem in admission.rejected.items()
        ),
    )
    return answer_created(answer.to_wire(), is_replay=admission.is_replay)


async def finalize_batch(backend: Backend, request: Request, _: FinalizeBatch) -> Answer:
    """Queue every item whose bytes have arrived; the rest stays pending for a later call."""
    batch_id = request.path_params["batch_id"]
    items = await _items(backend, batch_id)
    accepted = [(item.client_file_id, item.session) for item in items if item.session]
    results = await finalize(backend, [session for _, session in accepted])
    found: dict[Outcome, list[FinalizedItem]] = defaultdict(list)
    for name, session in accepted:
        result = results[session.id]
        knowledge_id, task_id = (result.file.id, result.file.task_id) if result.file else (None, None)
        found[result.outcome].append(
            FinalizedItem(
                client_file_id=name, session_id=session.id, knowledge_id=knowledge_id, task_id=task_id
            )
        )
    answer = BatchFinalized(
        batch_id=batch_id,
        finalized=tuple(found["finalized"]),
        replayed=tuple(found["replayed"]),
        pending=tuple(
            _problem_wire(
                item.client_file_id, "upload_missing", "Not all bytes have arrived.", item.session_id
            )
            for item in found["pending"]
        ),
        failed=tuple(
            _problem_wire(
                item.client_file_id, "upload_cancelled", "The upload was cancelled.", item.session_id
            )
            for item in found["cancelled"]
        ),
    )
    return Answer(answer.to_wire(), 202)


async def get_batch(backend: Backend, request: Request, asked: BatchQuery) -> Answer:
    """Answer where a batch stands and, with `include_items=true`, each of its items."""
    batch_id = request.path_params["batch_id"]
    items = await _items(backend, batch_id)
    counts = Counter(_status(item) for item in items if item.session)
    rejected = len(items) - counts.total()
    answer = Batch(
        id=batch_id,
        status=summarize(counts),
        total=len(items),
        accepted=counts.total(),
        rejected=rejected,
        pending=counts[FileStatus.PENDING],
        queued=counts[FileStatus.QUEUED],
        indexing=counts[FileStatus.INDEXING],
        active=_count_active(counts),
        failed=counts[FileStatus.FAILED],
        partial_failed_count=counts[FileStatus.FAILED] + rejected,
    )
    body = answer.to_wire()
    if asked.include_items:
        body["items"] = [_item_wire(item) for item in items]
    return Answer(body)


def summarize(counts: Counter[str]) -> BatchStatus:
    """Return the batch's state for the states of its accepted items (seed: batch upload).

    The seed's table lets two rows hold at once where items are active and failed. We read it so that every
    state says something of its own: `partially_active` while anything is still on its way,
    `partially_failed` when all the rest is settled or nothing is active yet.
    """
    active, failed, total = _count_active(counts), counts[FileStatus.FAILED], counts.total()
    if failed == total:
        return BatchStatus.FAILED
    if active == total:
        return BatchStatus.ACTIVE
    if active and active + failed < total:
        return BatchStatus.PARTIALLY_ACTIVE
    if failed:
        return BatchStatus.PARTIALLY_FAILED
    return BatchStatus.INDEXING if counts[FileStatus.INDEXING] else BatchStatus.ACCEPTED


def _count_active(counts: Counter[str]) -> int:
    return counts[FileStatus.INDEXED] + counts[FileStatus.ACTIVE]


async def _items(backend: Backend, batch_id: str) -> list[ItemRow]:
    def work(connection: sqlite3.Connection) -> list[ItemRow]:
        if batches.get_fingerprint(connection, batch_id) is None:
            raise not_found("batch", "batch_not_found")
        return batches.list_items(connection, batch_id)

    return await backend.database.read(work)


def _status(item: ItemRow) -> str:
    """Return an item's state; a rejected one has failed, as far as waiting for it goes."""
    if item.session is None:
        return FileStatus.DELETED if item.error_code == REMOVED else FileStatus.FAILED
    return item.file.status if item.file else FileStatus.PENDING


def _item_wire(item: ItemRow) -> dict[str, Any]:
    status = _status(item)
    wire: dict[str, Any] = {
        "client_file_id": item.client_file_id,
        "clientFileId": item.client_file_id,
        "status": status,
        "canonicalStatus": status,
    }
    if item.session is None:
        error = {"code": item.error_code, "message": item.error_message}
        replaced = {"replaced_by": item.successor} if item.successor else {}
        return {**wire, "rejected": True, "error": error, **replaced}
    wire["session_id"] = item.session.id
    if item.file is None:
        pending = SyncStatus.PENDING
        bucket_sync = sync_wire(item.session.bucket_ids, pending)
        return {**wire, "bucketSyncStatus": pending, "bucketSync": bucket_sync}
    file = file_wire(item.file)
    wire |= {
        "knowledgeId": item.file.id,
        "taskId": item.file.task_id,
        "bucketSyncStatus": item.file.sync_status,
        "bucketSync": file["bucketSync"],
        "file": file,
    }
    return wire | ({"error": file["error"]} if "error" in file else {})


def _problem_wire(name: str, code: str, message: str, session_id: str | None = None) -> ItemProblem:
    error = StatedError(code=code, message=message)
    return ItemProblem(client_file_id=name, session_id=session_id, code=code, message=message, error=error)
