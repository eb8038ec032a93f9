"""Creating a batch: each item is accepted or rejected by itself, and a repeated create changes nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from calypso_mcp.api.batches import CreateBatch
from calypso_mcp.domain.limits import UploadLimits
from calypso_mcp.domain.uploads.declaration import Destination
from calypso_mcp.local.identifiers import derived_id, fingerprint
from calypso_mcp.local.refusals import Refusal, key_reused
from calypso_mcp.local.store import batches, sessions
from calypso_mcp.local.store.sessions import Address, NewSession
from calypso_mcp.local.uploads.admission import find_problem
from calypso_mcp.local.uploads.destinations import assign


@dataclass(frozen=True, slots=True)
class Admission:
    """The outcome of a create request; addresses and (code, message) by client file id."""

    batch_id: str
    is_replay: bool
    accepted: dict[str, Address]
    rejected: dict[str, tuple[str, str]]


def admit_batch(
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
    content = fingerprint(batch.published())
    known = batches.get_fingerprint(connection, batch_id)
    if known is None:
        batches.insert(connection, batch_id, content, now=now)
    elif known != content:
        raise key_reused()
    existing = batches.list_accepted_sessions(connection, batch_id)
    uploads = {file.client_file_id: file for file in batch.files}
    new: dict[str, NewSession] = {}
    rejected: dict[str, tuple[str, str]] = {}
    shared: tuple[str, ...] | None = None
    names = [item.client_file_id for item in batch.manifest.items]
    for item in batch.manifest.items:
        name = item.client_file_id
        if name in existing:
            continue
        declaration, size_bytes = item.declaration(uploads[name].content_type), uploads[name].size_bytes
        own, for_all = declaration.destination, batch.manifest.destination
        problem = find_problem(declaration, size_bytes, limits)
        if problem is None and not own.is_given and shared is None:
            shared = assign(connection, for_all, now=now)
        if problem is None:
            bucket_ids = _own_buckets(connection, own, for_all, now) if own.is_given else shared
            if isinstance(bucket_ids, Refusal):
                problem = bucket_ids.problem.code, bucket_ids.problem.message
            else:
                new[name] = NewSession(declaration, size_bytes, bucket_ids or ())
        if problem is not None:
            rejected[name] = problem
    addresses = sessions.insert_all(connection, list(new.values()), now=now, lifetime_s=lifetime_s)
    made = dict(zip(new, addresses, strict=True))
    batches.put_items(
        connection,
        batch_id,
        [
            (position, name, made[name].session_id if name in made else None, rejected.get(name))
            for position, name in enumerate(names)
            if name not in existing
        ],
    )
    accepted = {
        name: made[name]
        if name in made
        else sessions.renew(connection, existing[name], now=now, lifetime_s=lifetime_s)
        for name in names
        if name not in rejected
    }
    return Admission(batch_id, known is not None, accepted, rejected)


def _own_buckets(
    connection: sqlite3.Connection, own: Destination, shared: Destination, now: float
) -> tuple[str, ...] | Refusal:
    """Return the buckets of an item that names its own, which replace the shared ones."""
    may_create = own.create_missing_buckets
    if may_create is None:
        may_create = shared.create_missing_buckets
    destination = replace(own, create_missing_buckets=may_create)
    try:
        return assign(connection, destination, now=now)
    except Refusal as refusal:
        return refusal
