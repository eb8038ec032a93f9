"""Tools about buckets."""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_right
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import Field

from calypso_mcp.api.buckets import Bucket, CreateBucket
from calypso_mcp.domain.limits import BUCKET_NAME_CHARS
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import ApiError, Conflict, ContractError, InputError
from calypso_mcp.server.results.models import ToolResult, answer, first
from calypso_mcp.server.scope.content_keys import creation_key
from calypso_mcp.server.scope.request_scope import Access, CurrentAccess

#: Agents named beside each bucket.
_MOST_AGENTS = 10


class BucketCard(ToolResult):
    """One bucket: never its members' ids, of which there may be thousands."""

    id: str
    slug: str
    name: str
    status: str
    ready: bool
    files: int
    counts: dict[str, int] | None = None
    indexed: int
    pending: int
    agents: list[str] | None = None
    more_agents: int | None = None

    @classmethod
    def of(cls, bucket: Bucket, agents: list[str] | None = None) -> BucketCard:
        """Return the card of `bucket`."""
        store = bucket.store
        named, more_agents = first(agents or [], _MOST_AGENTS)
        counts = {kind: count for kind, count in bucket.counts.items() if kind != "file"}
        return cls(
            id=bucket.id,
            slug=bucket.slug,
            name=clean_line(bucket.name, BUCKET_NAME_CHARS),
            status=bucket.status,
            ready=bool(store and store.is_active),
            files=bucket.file_count,
            counts=counts or None,
            indexed=store.indexed_member_count if store else 0,
            pending=store.pending_member_count if store else 0,
            agents=None if agents is None else named,
            more_agents=more_agents,
        )


class BucketPage(ToolResult):
    """One page of buckets."""

    backend: Literal["hosted", "embedded"]
    scope_limited: bool
    total: int
    buckets: list[BucketCard]
    next_cursor: str | None = None


async def list_buckets(
    access: CurrentAccess,
    *,
    query: Annotated[str, Field(description="Part of name or slug")] = "",
    include_archived: Annotated[bool, Field(description="List archived ones too")] = False,
    limit: Annotated[int, Field(ge=1, le=100, description="Buckets per page")] = 20,
    cursor: Annotated[str, Field(description="next_cursor of the page before")] = "",
) -> Annotated[CallToolResult, BucketPage]:
    """Buckets you can use: counts, and ready once all is searchable. Has the slugs tools take."""
    after = _read_cursor(cursor)
    wanted = query.casefold()
    buckets = await access.buckets(include_archived=include_archived, fresh=not cursor)
    if wanted:
        buckets = [
            bucket
            for bucket in buckets
            if wanted in bucket.slug.casefold() or wanted in bucket.name.casefold()
        ]
    start = bisect_right(buckets, after, key=_place)
    page = buckets[start : start + limit]
    attached = await attached_agents(access)
    more = start + limit < len(buckets)
    return answer(
        BucketPage(
            backend=access.backend.label,
            scope_limited=access.is_limited,
            total=len(buckets),
            buckets=[
                BucketCard.of(bucket, attached.get(bucket.id, []) if attached is not None else None)
                for bucket in page
            ],
            next_cursor=_write_cursor(page[-1]) if more else None,
        )
    )


class CreatedBucket(ToolResult):
    """A bucket and whether this call made it."""

    id: str
    slug: str
    name: str
    status: str
    created: bool


async def create_bucket(
    access: CurrentAccess,
    *,
    name: Annotated[str, Field(min_length=1, max_length=BUCKET_NAME_CHARS, description="For people")],
    slug: Annotated[
        str, Field(pattern=r"^[a-z0-9-]*$", max_length=63, description="Default: from name")
    ] = "",
    description: Annotated[str, Field(max_length=1000, description="What it holds")] = "",
) -> Annotated[CallToolResult, CreatedBucket]:
    """Make an empty bucket. A slug that exists returns that bucket with created=false."""
    if not name.strip():
        raise InputError("name is empty.", code="invalid_arguments", hint="Give the bucket a name.")
    access.require_create(slug or None)
    existing = await _existing(access, slug, "")
    if existing is None:
        body = CreateBucket(name=name.strip(), slug=slug or None, description=description or None)
        try:
            made = await access.client.buckets.create(body, idempotency_key=creation_key("bucket", body))
        except Conflict:
            existing = await _existing(access, slug, name.strip())
            if existing is None:
                raise
        else:
            access.backend.catalogue.forget()
            return answer(_created(made, created=True))
    return answer(_created(existing, created=False))


async def _existing(access: Access, slug: str, name: str) -> Bucket | None:
    """Return the bucket in scope, archived ones included, with this slug, else with this name."""
    buckets = await access.buckets(include_archived=True, fresh=True)
    return next((bucket for bucket in buckets if slug and bucket.slug == slug), None) or next(
        (bucket for bucket in buckets if name and bucket.name.casefold() == name.casefold()), None
    )


def _created(bucket: Bucket, *, created: bool) -> CreatedBucket:
    return CreatedBucket(
        id=bucket.id,
        slug=bucket.slug,
        name=clean_line(bucket.name, BUCKET_NAME_CHARS),
        status=bucket.status,
        created=created,
    )


async def attached_agents(access: Access) -> dict[str, list[str]] | None:
    """Return agent ids by bucket id, or None where the key may not list agents or the list is unreadable."""
    try:
        agents = await access.agents()
    except (ApiError, ContractError):
        return None
    attached: dict[str, list[str]] = {}
    for agent in agents:
        for bucket_id in agent.bucket_ids:
            attached.setdefault(bucket_id, []).append(agent.id)
    return attached


def _place(bucket: Bucket) -> tuple[str, str]:
    return (bucket.slug, bucket.id)


def _write_cursor(bucket: Bucket) -> str:
    # A place in the order of slugs, of which the reader has just seen the last one. Another place only
    # moves the start within what is in scope anyway.
    return base64.urlsafe_b64encode(json.dumps(_place(bucket)).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, str]:
    if not cursor:
        return ("", "")
    try:
        slug, bucket_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError, UnicodeError):
        slug = bucket_id = None
    if not isinstance(slug, str) or not isinstance(bucket_id, str):
        raise InputError(
            "The cursor is not one that list_buckets returned.",
            code="invalid_cursor",
            hint="Call list_buckets without cursor, then pass its next_cursor unchanged.",
        )
    return (slug, bucket_id)
