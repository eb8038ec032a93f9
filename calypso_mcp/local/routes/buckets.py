"""`/knowledge/buckets` (seed: calypso-buckets; API sheet section 3)."""

from __future__ import annotations

import sqlite3
from typing import Any

from starlette.requests import Request

from calypso_mcp.api.buckets import BucketQuery, CreateBucket
from calypso_mcp.domain.slugs import slug_for, slug_of
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Answer, answer_created, read_keyed_request
from calypso_mcp.local.identifiers import TEAM_ID
from calypso_mcp.local.refusals import Refusal, invalid
from calypso_mcp.local.store import buckets, idempotency
from calypso_mcp.local.store.buckets import BucketRow, Members
from calypso_mcp.local.text_forms import format_time


async def list_buckets(backend: Backend, _: Request, asked: BucketQuery) -> Answer:
    """Answer with every bucket, its counts and how much of it is searchable."""

    def work(connection: sqlite3.Connection) -> list[dict[str, Any]]:
        members = buckets.list_members(connection)
        found = buckets.list_all(connection, include_archived=asked.include_archived)
        return [bucket_wire(row, members.get(row.id, Members())) for row in found]

    return Answer({"team_id": TEAM_ID, "buckets": await backend.database.read(work)})


async def create_bucket(backend: Backend, request: Request, body: CreateBucket) -> Answer:
    """Make an empty bucket; a slug that exists is a conflict, a replayed key is not."""
    asked = read_keyed_request(request, "bucket", body.to_wire())
    name = body.name.strip()
    slug = slug_of(body.slug) if body.slug else slug_for(name, "bucket")
    if not name or not slug:
        raise invalid("A bucket needs a name, and its slug at least one ASCII letter or digit.")

    def work(connection: sqlite3.Connection) -> tuple[BucketRow, bool]:
        made = idempotency.find_created(connection, asked)
        if made is not None:
            return buckets.get(connection, made), True
        if buckets.find_slug(connection, slug) is not None:
            raise Refusal(409, "bucket_slug_exists", f"There is a bucket with the slug {slug!r} already.")
        row = buckets.insert(
            connection, slug=slug, name=name, description=body.description, now=backend.now()
        )
        idempotency.remember(connection, asked, row.id)
        return row, False

    row, is_replay = await backend.database.write(work)
    return answer_created(bucket_wire(row, Members()), is_replay=is_replay)


def bucket_wire(row: BucketRow, members: Members) -> dict[str, Any]:
    """Return a bucket as the API writes it; failed files are members that are not retrievable."""
    files = members.kinds["file"]
    every = len(members.file_ids)
    return {
        "id": row.id,
        "slug": row.slug,
        "name": row.name,
        "status": row.status,
        "description": row.description,
        "memberCount": every,
        "fileCount": files,
        "retrievableFileCount": members.active,
        "counts": {
            "file": files,
            "website": members.kinds["website"],
            "qa": members.kinds["qa"],
            "retrievable": members.active,
        },
        "knowledgeIds": members.file_ids,
        "fileIds": members.file_ids,
        "fileKnowledgeIds": members.file_ids,
        "createdAt": format_time(row.created_at),
        "bucketStore": {
            "status": "syncing" if members.pending else "active",
            "member_count": every,
            "indexed_member_count": members.active,
            "pending_member_count": members.pending,
            "warned_member_count": members.warned,
            "last_error": members.last_error,
        },
    }
