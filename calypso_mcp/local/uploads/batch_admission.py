"""Creating a batch: each item is accepted or rejected by itself, and a repeated create changes nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from calypso_mcp.api.batches import BatchFile, CreateBatch, ManifestItem
from calypso_mcp.api.buckets import Destination
from calypso_mcp.domain.limits import UploadLimits
from calypso_mcp.local.identifiers import derived_id, fingerprint
from calypso_mcp.local.refusals import Refusal, key_reused
from calypso_mcp.local.store import batches, sessions
from calypso_mcp.local.store.sessions import Address, NewSession
from calypso_mcp.local.uploads.admission import check_file
from calypso_mcp.local.uploads.destinations import assign


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a create request; addresses and (code, message) by client file id."""

    batch_id: str
    is_replay: bool
    accepted: dict[str, Address]
    rejected: dict[str, tuple[str, str]]


def admit(
    connection: sqlite3.Connection,
    batch: CreateBatch,
    *,
    limits: UploadLimits,
    now: float,
    lifetime_s: float,
) -> Admission:
    """Create the batch, or continue the one that this idempotency key made.

    Accepted items keep their sessions and get working addresses. Rejected ones are judged again, because
    their bucket may exist by now.

    Raises:
        Refusal: The key came with other content, or the shared destination does not resolve.
    """
    batch_id = derived_id("batch", batch.manifest.batch_idempotency_key)
    content = fingerprint(batch.to_wire())
    known = batches.get_fingerprint(connection, batch_id)
    if known is None:
        batches.insert(connection, batch_id, content, now=now)
    elif known != content:
        raise key_reused()
    existing = batches.accepted_sessions(connection, batch_id)
    uploads = {file.client_file_id: file for file in batch.files}
    accepted: dict[str, Address] = {}
    rejected: dict[str, tuple[str, str]] = {}
    shared: tuple[str, ...] | None = None
    for position, item in enumerate(batch.manifest.items):
        name = item.client_file_id
        if name in existing:
            accepted[name] = sessions.renew(connection, existing[name], now=now, lifetime_s=lifetime_s)
            continue
        problem = _problem(item, uploads[name], limits)
        if problem is None and not item.is_given and shared is None:
            shared = assign(connection, batch.manifest, now=now)
        if problem is None:
            destination = _own_buckets(connection, item, batch.manifest, now) if item.is_given else shared
            if isinstance(destination, Refusal):
                problem = destination.problem.code, destination.problem.message
            else:
                new = _session(item, uploads[name], destination or ())
                accepted[name] = sessions.insert(connection, new, now=now, lifetime_s=lifetime_s)
        if problem is not None:
            rejected[name] = problem
        session_id = accepted[name].session_id if name in accepted else None
        batches.put_item(connection, batch_id, position, name, session_id=session_id, error=problem)
    return Admission(batch_id, known is not None, accepted, rejected)


def _problem(item: ManifestItem, upload: BatchFile, limits: UploadLimits) -> tuple[str, str] | None:
    return check_file(
        filename=item.filename,
        content_type=upload.content_type,
        size_bytes=upload.size_bytes,
        title=item.title,
        tags=item.tags or (),
        metadata=item.metadata or {},
        limits=limits,
    )


def _own_buckets(
    connection: sqlite3.Connection, item: ManifestItem, shared: Destination, now: float
) -> tuple[str, ...] | Refusal:
    """Return the buckets of an item that names its own, which replace the shared ones."""
    may_create = item.create_missing_buckets
    if may_create is None:
        may_create = shared.create_missing_buckets
    destination = item.model_copy(update={"create_missing_buckets": may_create})
    try:
        return assign(connection, destination, now=now)
    except Refusal as refusal:
        return refusal


def _session(item: ManifestItem, upload: BatchFile, bucket_ids: tuple[str, ...]) -> NewSession:
    return NewSession(
        filename=item.filename,
        content_type=upload.content_type,
        size_bytes=upload.size_bytes,
        title=item.title,
        tags=item.tags or (),
        metadata=item.metadata or {},
        bucket_ids=bucket_ids,
    )
