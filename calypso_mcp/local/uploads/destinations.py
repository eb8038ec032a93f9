"""Finds or makes the buckets that an upload goes to (API sheet section 3.3)."""

from __future__ import annotations

import sqlite3

from calypso_mcp.domain.slugs import slug_of
from calypso_mcp.domain.uploads.declaration import Destination
from calypso_mcp.local.refusals import bucket_not_assigned
from calypso_mcp.local.store import buckets
from calypso_mcp.local.store.buckets import BucketRow


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
    return buckets.insert(connection, slug=slug, name=given[:120], description=None, now=now)
