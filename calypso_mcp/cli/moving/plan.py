"""What to move, and what will differ on the other side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from calypso_mcp.api.agents import AgentModel
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.sources import Source
from calypso_mcp.domain.slugs import slug_for
from calypso_mcp.errors import ConfigError, ScopeError

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient


@dataclass(frozen=True, slots=True)
class Sides:
    """Both ends of a move: the embedded Calypso, and the one that all goes to, with its `extensions`."""

    here: CalypsoClient
    there: CalypsoClient
    extensions: frozenset[Extension]


@dataclass(frozen=True, slots=True)
class PlannedBucket:
    """One bucket to move, with its sources; `there` is that of its slug on the other side, if any."""

    bucket: Bucket
    sources: tuple[Source, ...]
    there: Bucket | None

    @property
    def size_bytes(self) -> int:
        """Size of all its sources."""
        return sum(source.size_bytes or 0 for source in self.sources)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to move. `agents` are those of which all buckets are moved, `left_agents` the others."""

    buckets: tuple[PlannedBucket, ...]
    agents: tuple[AgentModel, ...]
    left_agents: tuple[AgentModel, ...]


async def make_plan(sides: Sides, references: Sequence[str]) -> Plan:
    """Return the plan for moving the named buckets, or all of them if none is named.

    Raises:
        ScopeError: A reference fits no bucket, or several.
        ConfigError: Both sides are the same store, or a bucket is archived on the other side.
    """
    known = (await sides.here.buckets.list()).buckets
    chosen = [_find_bucket(known, reference) for reference in references] if references else list(known)
    there = {
        bucket.slug: bucket for bucket in (await sides.there.buckets.list(include_archived=True)).buckets
    }
    planned: list[PlannedBucket] = []
    for bucket in dict.fromkeys(chosen):
        if same := there.get(bucket.slug):
            _check_destination(bucket, same)
        sources = [source async for source in sides.here.sources.every(bucket.id)]
        planned.append(PlannedBucket(bucket, tuple(sources), same))
    moved = {bucket.id for bucket in chosen}
    named = [agent for agent in (await sides.here.agents.list()).data if not agent.is_default]
    return Plan(
        tuple(planned),
        tuple(agent for agent in named if agent.live_bucket_ids and moved.issuperset(agent.live_bucket_ids)),
        tuple(agent for agent in named if not moved.issuperset(agent.live_bucket_ids)),
    )


def _check_destination(bucket: Bucket, there: Bucket) -> None:
    if there.id == bucket.id:
        raise ConfigError(
            "The source and the destination are the same store.",
            hint="Name the other Calypso with --api-base-url.",
        )
    if not there.is_active:
        raise ConfigError(
            f"The bucket {bucket.slug!r} is archived on the other side.", hint="Restore it there first."
        )


def _find_bucket(buckets: Sequence[Bucket], reference: str) -> Bucket:
    exact = [bucket for bucket in buckets if reference in {bucket.slug, bucket.id}]
    slug = slug_for(reference, "bucket")
    found = exact or [bucket for bucket in buckets if bucket.name == reference or bucket.slug == slug]
    if len(found) != 1:
        problem = (
            f"Several buckets are called {reference!r}" if found else f"There is no bucket {reference!r}"
        )
        raise ScopeError(f"{problem}.", hint="Name its slug; `calypso-mcp list` shows them.")
    return found[0]


def describe_changes(plan: Plan, extensions: frozenset[Extension]) -> Iterator[str]:
    """Yield, in sentences, what will differ on the other side."""
    yield from _describe_sources([source for bucket in plan.buckets for source in bucket.sources], extensions)
    for agent in plan.left_agents:
        yield f"The agent {agent.profile_id} stays here, because not all of its buckets move."
    if any(agent.missing_bucket_ids for agent in plan.agents):
        yield "Agents lose the buckets that no longer exist."
    yield "Buckets and sources get new ids and times. Conversations start over."


def _describe_sources(sources: Sequence[Source], extensions: frozenset[Extension]) -> Iterator[str]:
    kinds = Counter(source.kind for source in sources)
    if kinds["website"]:
        yield (
            f"Web pages ({kinds['website']}) become files with their stored text and their address as "
            f"metadata; add-url reads them again."
        )
    if kinds["qa"] and Extension.QA not in extensions:
        yield f"Questions with their answers ({kinds['qa']}) become small Markdown files."
    in_folders = sum("/" in source.name for source in sources if source.kind == "file")
    if in_folders and Extension.REPLACE not in extensions:
        yield f"Files in folders ({in_folders}) lose the folders in their names; sync still recognises them."
    failed = sum(source.status == "failed" for source in sources)
    if failed:
        yield f"Sources that cannot be read here ({failed}) are still sent."
