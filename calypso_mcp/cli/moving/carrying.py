"""Sending the sources and agents of a plan. Everything may be sent again: it arrives once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

from calypso_mcp.api.agents import AgentModel, CreateAgent
from calypso_mcp.api.buckets import Bucket, CreateBucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.sources import Source
from calypso_mcp.cli.moving.plan import PlannedBucket, Sides
from calypso_mcp.cli.printing.progress import Report
from calypso_mcp.client import BytesSource, Declaration, Destination, FileState, Upload
from calypso_mcp.domain.limits import BATCH_FILES
from calypso_mcp.domain.qa import read_markdown
from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.errors import CalypsoError, Conflict

#: Bytes that are held in memory at once.
_GROUP_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Carried:
    """A source, and its state on the other side."""

    source: Source
    state: FileState


async def open_bucket(sides: Sides, planned: PlannedBucket) -> Bucket:
    """Return the bucket on the other side; creates it if it does not exist."""
    if planned.there is not None:
        return planned.there
    bucket = planned.bucket
    body = CreateBucket(name=bucket.name or bucket.slug, slug=bucket.slug, description=bucket.description)
    return await sides.there.buckets.create(body)


async def carry(sides: Sides, planned: PlannedBucket, bucket_id: str, report: Report) -> list[Carried]:
    """Send the sources of a bucket. An error becomes the state of its source and affects no other."""
    carried: list[Carried] = []
    for group in _divide(planned.sources):
        carried += await _carry_group(sides, group, bucket_id)
        await report(len(carried), len(planned.sources), group[-1].name)
    return carried


async def carry_agents(
    sides: Sides, agents: Sequence[AgentModel], bucket_ids: dict[str, str]
) -> AsyncGenerator[tuple[str, str]]:
    """Make the agents on the other side; yields each agent's id and what became of it.

    `bucket_ids` holds the id there of each bucket here.
    """
    known = {agent.profile_id: agent for agent in (await sides.there.agents.list()).data}
    for agent in agents:
        wanted = {bucket_ids[bucket_id] for bucket_id in agent.live_bucket_ids}
        held = known.get(agent.profile_id)
        if held is not None:
            is_same = set(held.live_bucket_ids) == wanted
            yield (
                agent.profile_id or "",
                "there already"
                if is_same
                else "not moved: an agent with this id and other buckets exists there",
            )
            continue
        body = CreateAgent(
            agent_id=agent.profile_id,
            # The API calls an agent without a name by its id.
            name=agent.name if agent.name != agent.id else None,
            bucket_ids=tuple(sorted(wanted)),
            instructions=agent.instructions,
        )
        try:
            await sides.there.agents.create(body)
        except Conflict as error:
            yield agent.profile_id or "", f"left: {error.message}"
        else:
            yield agent.profile_id or "", "made"


def declare(source: Source, bucket_id: str, extensions: frozenset[Extension]) -> Declaration:
    """Return the declaration of a source for the other side, with its names and labels from here."""
    declared = Declaration(
        filename=source.filename or source.name,
        destination=Destination(bucket_ids=(bucket_id,)),
        content_type=source.content_type,
        title=source.title,
        tags=source.tags or (),
        metadata=source.metadata or None,
        # Versions that are kept beside each other here are kept there, too.
        if_exists="keep_both" if Extension.REPLACE in extensions else None,
    )
    if source.kind == "file":
        return replace(declared, path=source.name if source.name != declared.filename else None)
    # Pages of the same name differ in their address, and questions in their wording.
    has_id = declared.lineage != normalize("NFC", declared.filename)
    return declared if has_id else replace(declared, external_id=source.name)


def _divide(sources: Sequence[Source]) -> list[list[Source]]:
    """Divide sources so that each group fits a batch, and memory."""
    groups: list[list[Source]] = []
    size = 0
    for source in sources:
        size += source.size_bytes or 0
        if not groups or len(groups[-1]) >= BATCH_FILES or size > _GROUP_BYTES:
            groups.append([])
            size = source.size_bytes or 0
        groups[-1].append(source)
    return groups


async def _carry_group(sides: Sides, group: Sequence[Source], bucket_id: str) -> list[Carried]:
    uploads: list[tuple[Source, Upload]] = []
    carried: list[Carried] = []
    for source in group:
        try:
            content = await sides.here.sources.content(source.id)
            pair = read_markdown(content.decode()) if source.kind == "qa" else None
            declared = declare(source, bucket_id, sides.extensions)
            if pair is not None and Extension.QA in sides.extensions:
                plain = Declaration(destination=declared.destination, tags=declared.tags)
                carried.append(Carried(source, await sides.there.qa.add(*pair, plain)))
            else:
                uploads.append((source, Upload(BytesSource(content), declared)))
        except CalypsoError as error:
            carried.append(Carried(source, FileState.of_error(error)))
    states = await sides.there.uploads.upload_all([upload for _, upload in uploads])
    return carried + [Carried(source, state) for (source, _), state in zip(uploads, states, strict=True)]
