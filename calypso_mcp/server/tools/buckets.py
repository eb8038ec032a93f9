"""Tools about buckets."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Mapping
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import Field

from calypso_mcp.api.buckets import Bucket, CreateBucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.states import readiness_of_bucket
from calypso_mcp.domain.cursors import read_cursor, unknown_cursor, write_cursor
from calypso_mcp.domain.limits import BUCKET_NAME_CHARS
from calypso_mcp.domain.slugs import slug_for
from calypso_mcp.domain.states.readiness import BucketStatus
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import Conflict
from calypso_mcp.server.calls.call_arguments import require_text
from calypso_mcp.server.results.models import ToolResult, answer, take_first
from calypso_mcp.server.results.standings import ReadinessWord
from calypso_mcp.server.scope.agents import MOST_AGENTS, list_attached_agents
from calypso_mcp.server.scope.request_scope import Access, CurrentAccess
from calypso_mcp.server.scope.rules import find_named


class BucketCard(ToolResult):
    """One bucket: what needs attention, then its sources by kind. `status` is left out of active buckets."""

    slug: str
    name: str
    status: str | None = None
    readiness: ReadinessWord
    failed: int | None = None
    pending: int | None = None
    warnings: int | None = None
    sources: dict[str, int]
    agents: list[str] | None = None
    more_agents: int | None = None

    @classmethod
    def of(
        cls, bucket: Bucket, attached: Mapping[str, list[str]] | None, can: Container[Extension]
    ) -> BucketCard:
        """Return the card of `bucket`, with the agents `attached` to it unless they cannot be listed.

        A backend that can list sources leaves only failed members unindexed.
        """
        store = bucket.store
        failed = bucket.failed_count if Extension.SOURCES in can else 0
        agents, more_agents = take_first((attached or {}).get(bucket.id, []), MOST_AGENTS)
        return cls(
            slug=bucket.slug,
            name=clean_line(bucket.name, BUCKET_NAME_CHARS),
            status=_notable_status(bucket),
            readiness=readiness_of_bucket(bucket, failed),
            failed=failed or None,
            pending=(store.pending_member_count if store else 0) or None,
            warnings=(store.warned_member_count if store else 0) or None,
            sources=bucket.sources,
            agents=None if attached is None else agents,
            more_agents=more_agents,
        )


class BucketPage(ToolResult):
    """One page of buckets."""

    backend: Literal["hosted", "embedded"]
    total: int
    buckets: list[BucketCard]
    next_cursor: str | None = None


async def list_buckets(
    access: CurrentAccess,
    *,
    query: Annotated[str, Field(description="Part of a name")] = "",
    include_archived: Annotated[bool, Field(description="Archived too")] = False,
    limit: Annotated[int, Field(ge=1, le=100, description="Per page")] = 20,
    cursor: Annotated[str, Field(description="Last next_cursor")] = "",
) -> Annotated[CallToolResult, BucketPage]:
    """Buckets you can use: what they hold, and whether all of it is searchable."""
    after = _read_cursor(cursor)
    wanted = query.casefold()
    buckets = await access.buckets(include_archived=include_archived, fresh=not cursor)
    buckets = [
        bucket for bucket in buckets if wanted in bucket.slug.casefold() or wanted in bucket.name.casefold()
    ]
    start = bisect_right(buckets, after, key=_place)
    page = buckets[start : start + limit]
    attached = await list_attached_agents(access)
    can = await access.backend.abilities()
    more = start + limit < len(buckets)
    return answer(
        BucketPage(
            backend=access.backend.label,
            total=len(buckets),
            buckets=[BucketCard.of(bucket, attached, can) for bucket in page],
            next_cursor=write_cursor(*_place(page[-1])) if more else None,
        )
    )


class CreatedBucket(ToolResult):
    """A bucket, whether this call made it, and the agents that see it; `status` as above."""

    id: str
    slug: str
    name: str
    status: str | None = None
    created: bool
    agents: list[str] | None = None


async def create_bucket(
    access: CurrentAccess,
    *,
    name: Annotated[str, Field(min_length=1, max_length=BUCKET_NAME_CHARS, description="For people")],
    slug: Annotated[
        str, Field(pattern=r"^[a-z0-9-]*$", max_length=63, description="Default: from name")
    ] = "",
    description: Annotated[str, Field(max_length=1000, description="What it holds")] = "",
) -> Annotated[CallToolResult, CreatedBucket]:
    """Make an empty bucket, or return the one that has the slug."""
    require_text("name", name, "Give the bucket a name.")
    access.require_create(slug or None)
    before = await access.buckets(include_archived=True, fresh=True)
    existing = _with_slug(before, slug)
    if existing is None:
        body = CreateBucket(name=name.strip(), slug=slug or None, description=description or None)
        try:
            made = await access.client.buckets.create(body)
        except Conflict:
            now = await access.buckets(include_archived=True, fresh=True)
            existing = _with_slug(now, slug or slug_for(name, "bucket")) or find_named(name.strip(), now)
            if existing is None:
                raise
        else:
            access.backend.catalogue.forget()
            # The same call again is answered with the bucket that it made before.
            is_new = made.id not in {bucket.id for bucket in before}
            return answer(await _created(access, made, created=is_new))
    return answer(await _created(access, existing, created=False))


def _with_slug(buckets: list[Bucket], slug: str) -> Bucket | None:
    return next((bucket for bucket in buckets if bucket.slug == slug), None)


async def _created(access: Access, bucket: Bucket, *, created: bool) -> CreatedBucket:
    attached = await list_attached_agents(access) or {}
    return CreatedBucket(
        id=bucket.id,
        slug=bucket.slug,
        name=clean_line(bucket.name, BUCKET_NAME_CHARS),
        status=_notable_status(bucket),
        created=created,
        agents=attached.get(bucket.id, [])[:MOST_AGENTS] or None,
    )


def _notable_status(bucket: Bucket) -> str | None:
    return None if bucket.status == BucketStatus.ACTIVE else bucket.status


def _place(bucket: Bucket) -> tuple[str, str]:
    return (bucket.slug, bucket.id)


def _read_cursor(cursor: str) -> tuple[str, ...]:
    if not cursor:
        return ("", "")
    # Another place than the one written only moves the start within what is in scope anyway.
    place = read_cursor(cursor, str, str)
    if place is None:
        raise unknown_cursor("list_buckets")
    return place
