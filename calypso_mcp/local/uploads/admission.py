"""Which uploads are accepted, into which buckets, and where their bytes go (seeds; API sheet 3.3, 5 and 13).

Each item of a batch is accepted or rejected by itself, and a repeated create changes nothing.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic import SecretStr
from starlette.requests import Request

from calypso_mcp.api.batches import CreateBatch
from calypso_mcp.api.files import UploadTarget
from calypso_mcp.api.problem import Problem
from calypso_mcp.domain.limits import BUCKET_NAME_CHARS, FILENAME_CHARS
from calypso_mcp.domain.slugs import slug_of
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.domain.uploads.manifest import Entry, check_manifest
from calypso_mcp.domain.uploads.upload_rules import (
    PATH_CHARS,
    check_metadata,
    check_size,
    check_tags,
    check_title,
)
from calypso_mcp.errors import ContentError, ManifestError
from calypso_mcp.local.identifiers import derived_id, fingerprint
from calypso_mcp.local.refusals import Refusal, bucket_not_assigned, invalid, key_reused
from calypso_mcp.local.store import batches, buckets, sessions
from calypso_mcp.local.store.buckets import BucketRow
from calypso_mcp.local.store.sessions import Address, NewSession

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_CONTENT_TYPE = 255
_LONGEST_BATCH_KEY = 1_024
#: Of the address that a client sends bytes to.
UPLOAD_PATH = "/upload/{secret}"
#: The time for which creates are counted.
_WINDOW_S = 1.0


def check_file(declaration: Declaration, size_bytes: int) -> None:
    """Check that a file can be accepted.

    Raises:
        Refusal: A rule is broken (400), or the file is too large (413).
    """
    if not declaration.filename.strip():
        raise invalid("filename must not be empty.", code="invalid_filename")
    for name, text, most in (
        ("filename", declaration.filename, FILENAME_CHARS),
        ("path", declaration.path or "", PATH_CHARS),
        ("content_type", declaration.content_type or "", _LONGEST_CONTENT_TYPE),
    ):
        if len(text) > most or _CONTROL.search(text):
            message = f"{name} has at most {most} characters, none of them a control character."
            raise invalid(message, code=f"invalid_{name}")
    check_labels(declaration.title, declaration.tags, declaration.metadata, size_bytes)


def check_labels(
    title: str | None, tags: Sequence[str], metadata: Mapping[str, Any] | None, size_bytes: int = 1
) -> None:
    """Check what describes a file, and its size; raises as `check_file` does."""
    try:
        check_title(title)
        check_size(size_bytes)
        check_tags(tags)
        check_metadata(metadata)
    except ContentError as error:
        status = 413 if error.code == "file_too_large" else 400
        raise Refusal(status, error.code, f"{error.message} {error.hint}") from None


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
    new, rejected = _judge_items(connection, batch, existing, now=now)
    addresses = sessions.insert(connection, *new.values(), now=now, lifetime_s=lifetime_s)
    made = dict(zip(new, addresses, strict=True))
    names = [item.client_file_id for item in batch.manifest.items]
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
        name: made.get(name) or sessions.renew(connection, existing[name], now=now, lifetime_s=lifetime_s)
        for name in names
        if name not in rejected
    }
    return Admission(batch_id, known is not None, accepted, rejected)


def _judge_items(
    connection: sqlite3.Connection, batch: CreateBatch, accepted: Container[str], *, now: float
) -> tuple[dict[str, NewSession], dict[str, Problem]]:
    """Return the sessions to make, and the problems, of the items that are not `accepted` yet."""
    shared = batch.manifest.destination
    assign_shared = cache(lambda: assign(connection, shared, now=now))
    uploads = {file.client_file_id: file for file in batch.files}
    new: dict[str, NewSession] = {}
    rejected: dict[str, Problem] = {}
    for item in batch.manifest.items:
        name = item.client_file_id
        if name in accepted:
            continue
        declaration, size_bytes = item.declaration(uploads[name].content_type), uploads[name].size_bytes
        try:
            check_file(declaration, size_bytes)
            own = _assign_own(connection, declaration.destination, shared, now=now)
        except Refusal as refusal:
            rejected[name] = refusal.problem
            continue
        # Not caught: a shared destination that cannot be resolved fails the whole batch.
        new[name] = NewSession(declaration, size_bytes, own or assign_shared())
    return new, rejected


def _assign_own(
    connection: sqlite3.Connection, own: Destination, shared: Destination, *, now: float
) -> tuple[str, ...]:
    """Return the buckets that an item names itself, which replace the shared ones; empty if it names none."""
    if not own.is_given:
        return ()
    if own.create_missing_buckets is None:
        own = replace(own, create_missing_buckets=shared.create_missing_buckets)
    return assign(connection, own, now=now)


def assign(connection: sqlite3.Connection, destination: Destination, *, now: float) -> tuple[str, ...]:
    """Return the ids of the buckets an upload goes to, creating missing ones if asked to.

    Raises:
        Refusal: A bucket cannot be resolved (`bucket_assignment_failed`).
    """
    ids = list(destination.bucket_ids or ())
    known = buckets.find_active(connection, "id", ids)
    for bucket_id in ids:
        if bucket_id not in known:
            raise bucket_not_assigned(bucket_id)
    slugs = [*(destination.bucket_slugs or ()), *([destination.bucket] if destination.bucket else [])]
    may_create = bool(destination.create_missing_buckets)
    found = [_by_slug(connection, slug, may_create=may_create, now=now).id for slug in slugs]
    return tuple(dict.fromkeys([*ids, *found]))


def _by_slug(connection: sqlite3.Connection, given: str, *, may_create: bool, now: float) -> BucketRow:
    slug = slug_of(given)
    known = buckets.find_active(connection, "slug", [given, slug])
    bucket = known.get(given) or known.get(slug)
    if bucket is not None:
        return bucket
    # A slug that is taken belongs to an archived bucket, which accepts nothing.
    if not may_create or not slug or buckets.find_slug(connection, slug) is not None:
        raise bucket_not_assigned(given)
    return buckets.insert(connection, slug=slug, name=given[:BUCKET_NAME_CHARS], description=None, now=now)


def build_upload_target(request: Request, address: Address) -> UploadTarget:
    """Return the upload address of a session at the origin that `request` came to, with its expiry."""
    path = UPLOAD_PATH.format(secret=address.secret)
    return UploadTarget(
        session_id=address.session_id,
        upload_url=SecretStr(f"{request.url.scheme}://{request.url.netloc}{path}"),
        expires_at=datetime.fromtimestamp(int(address.expires_at), UTC),
    )


def count_create(connection: sqlite3.Connection, *, per_second: int | None, now: float) -> None:
    """Count one create request of the team, single or batch, in the transaction that carries it out.

    Raises:
        Refusal: The requests of the last second reach the limit (429).
    """
    if per_second is None:
        return
    # A time in the future was recorded before the clock was set back.
    connection.execute("DELETE FROM creates WHERE at <= ? OR at > ?", (now - _WINDOW_S, now + _WINDOW_S))
    (counted,) = connection.execute("SELECT count(*) FROM creates").fetchone()
    if counted >= per_second:
        raise Refusal(
            429,
            "rate_limited",
            f"At most {per_second} uploads may be created per second.",
            retryable=True,
            # Whole seconds are all that the header can say.
            headers={"Retry-After": "1"},
        )
    connection.execute("INSERT INTO creates (at) VALUES (?)", (now,))
