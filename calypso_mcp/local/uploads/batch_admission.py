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
    shared: tuple[str, ...] = ()
    names = [item.client_file_id for item in batch.manifest.items]
    for item in batch.manifest.items:
        name = item.client_file_id
        if name in existing:
            continue
        declaration, size_bytes = item.declaration(uploads[name].content_type), uploads[name].size_bytes
        problem = find_problem(declaration, size_bytes, limits)
        if problem is not None:
            rejected[name] = problem
        elif declaration.destination.is_given:
            own = _complete(declaration.destination, batch.manifest.destination)
            try:
                new[name] = NewSession(declaration, size_bytes, assign(connection, own, now=now))
            except Refusal as refusal:
                rejected[name] = refusal.problem.code, refusal.problem.message
        else:
            shared = shared or assign(connection, batch.manifest.destination, now=now)
            new[name] = NewSession(declaration, size_bytes, shared)
    addresses = sessions.insert(connection, *new.values(), now=now, lifetime_s=lifetime_s)
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


def _complete(own: Destination, shared: Destination) -> Destination:
    """Return the destination of an item that names its own buckets, which replace the shared ones."""
    if own.create_missing_buckets is not None:
        return own
    return replace(own, create_missing_buckets=shared.create_missing_buckets)
