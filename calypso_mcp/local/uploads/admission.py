"""Which uploads are accepted (seeds; API sheet sections 5 and 13).

Each item of a batch is accepted or rejected by itself, and a repeated create changes nothing.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass, replace

from calypso_mcp.api.batches import CreateBatch
from calypso_mcp.api.problem import Problem
from calypso_mcp.domain.limits import (
    FILE_BYTES,
    FILENAME_CHARS,
    METADATA_BYTES,
    MOST_TAGS,
    TAG_CHARS,
    TITLE_CHARS,
)
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.domain.uploads.manifest import Entry, check_manifest
from calypso_mcp.domain.uploads.upload_rules import PATH_CHARS
from calypso_mcp.errors import ManifestError
from calypso_mcp.local.identifiers import derived_id, fingerprint
from calypso_mcp.local.refusals import Refusal, invalid, key_reused
from calypso_mcp.local.store import batches, sessions
from calypso_mcp.local.store.sessions import Address, NewSession
from calypso_mcp.local.text_forms import dump_json
from calypso_mcp.local.uploads.destinations import assign

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_CONTENT_TYPE = 255
_LONGEST_BATCH_KEY = 1_024


def check_file(declaration: Declaration, size_bytes: int) -> None:
    """Check that a file can be accepted.

    Raises:
        Refusal: A rule is broken (400), or the file is too large (413).
    """
    filename, title, tags = declaration.filename, declaration.title, declaration.tags
    path, content_type = declaration.path or "", declaration.content_type or ""
    metadata_bytes = len(dump_json(declaration.metadata or {}).encode())
    rules = (
        (
            not filename.strip() or len(filename) > FILENAME_CHARS or _CONTROL.search(filename),
            "invalid_filename",
            f"A filename has 1 to {FILENAME_CHARS} characters and no control characters.",
        ),
        (
            len(path) > PATH_CHARS or _CONTROL.search(path),
            "invalid_path",
            f"A path has at most {PATH_CHARS} characters and no control characters.",
        ),
        (
            len(content_type) > _LONGEST_CONTENT_TYPE or _CONTROL.search(content_type),
            "invalid_content_type",
            f"A content type has at most {_LONGEST_CONTENT_TYPE} characters and no control characters.",
        ),
        (
            title is not None and len(title) > TITLE_CHARS,
            "title_too_long",
            f"A title has at most {TITLE_CHARS} characters.",
        ),
        (size_bytes < 1, "empty_file", "The file is empty: size_bytes must be at least 1."),
        (
            size_bytes > FILE_BYTES,
            "file_too_large",
            f"The file has {size_bytes} bytes; at most {FILE_BYTES} are accepted.",
        ),
        (
            len(tags) > MOST_TAGS,
            "too_many_tags",
            f"There are {len(tags)} tags; at most {MOST_TAGS} are accepted.",
        ),
        (
            any(len(tag) > TAG_CHARS for tag in tags),
            "invalid_tags",
            f"A tag has at most {TAG_CHARS} characters.",
        ),
        (
            metadata_bytes > METADATA_BYTES,
            "metadata_too_large",
            f"The metadata has {metadata_bytes} bytes of JSON; at most {METADATA_BYTES} are accepted.",
        ),
    )
    for is_broken, code, message in rules:
        if is_broken:
            raise Refusal(413 if code == "file_too_large" else 400, code, message)


def check_batch(batch: CreateBatch) -> None:
    """Check the batch as a whole.

    Raises:
        Refusal: Its size, its ids, its two lists or its destinations break a rule of the seed.
    """
    if not 1 <= len(batch.manifest.batch_idempotency_key) <= _LONGEST_BATCH_KEY:
        raise invalid(f"batch_idempotency_key has 1 to {_LONGEST_BATCH_KEY} characters.")
    items = batch.manifest.items
    is_routed = batch.manifest.destination.is_given
    try:
        check_manifest(
            [Entry(item.client_file_id, item.filename) for item in items],
            [Entry(file.client_file_id, file.filename) for file in batch.files],
            unrouted=[
                item.client_file_id for item in items if not is_routed and not item.destination.is_given
            ],
        )
    except ManifestError as error:
        details = {"client_file_ids": error.client_file_ids} if error.client_file_ids else None
        raise invalid(error.message, code=error.code, details=details) from error


@dataclass(frozen=True, slots=True)
class Admission:
    """The outcome of a create request: the address or the problem of each item, by client file id."""

    batch_id: str
    is_replay: bool
    accepted: dict[str, Address]
    rejected: dict[str, Problem]


def admit_batch(
    connection: sqlite3.Connection, batch: CreateBatch, *, now: float, lifetime_s: float
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
        batches.insert(connection, batch_id, content)
    elif known != content:
        raise key_reused()
    existing = batches.list_accepted_sessions(connection, batch_id)
    uploads = {file.client_file_id: file for file in batch.files}
    new: dict[str, NewSession] = {}
    rejected: dict[str, Problem] = {}
    shared: tuple[str, ...] = ()
    names = [item.client_file_id for item in batch.manifest.items]
    for item in batch.manifest.items:
        name = item.client_file_id
        if name in existing:
            continue
        declaration, size_bytes = item.declaration(uploads[name].content_type), uploads[name].size_bytes
        own: tuple[str, ...] = ()
        try:
            check_file(declaration, size_bytes)
            if declaration.destination.is_given:
                wanted = _complete(declaration.destination, batch.manifest.destination)
                own = assign(connection, wanted, now=now)
        except Refusal as refusal:
            rejected[name] = refusal.problem
            continue
        if not own and not shared:
            # Not caught: a shared destination that cannot be resolved fails the whole batch.
            shared = assign(connection, batch.manifest.destination, now=now)
        new[name] = NewSession(declaration, size_bytes, own or shared)
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
