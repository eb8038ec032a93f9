"""Tools about agents: what answers from some buckets. The API calls one a model, by its id."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from calypso_mcp.api.agents import AgentModel, CreateAgent, UpdateAgent
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.domain.slugs import slug_for
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import Conflict, InputError
from calypso_mcp.server.calls.call_arguments import require_text
from calypso_mcp.server.results.models import ToolResult, answer, take_first
from calypso_mcp.server.scope.request_scope import Access, CurrentAccess
from calypso_mcp.server.scope.rules import agent_names

#: Agents listed, and buckets listed for each.
_MOST_AGENTS = 100
_MOST_BUCKETS = 10
_NAME_CHARS = 120
#: An id, also as agents are listed: its end is that of the profile.
_AGENT_ID = re.compile(r"(?:[a-z0-9-]+:)?([a-z0-9][a-z0-9-]*)")
_KEPT = "The agent exists with these buckets. Pass update=true to change its name and instructions."
_UNUSED = "The instructions are stored but unused here: this Calypso answers with quotations."


class AgentCard(ToolResult):
    """One agent. `broken` means that a bucket it is bound to is gone or archived."""

    agent: str
    name: str | None = None
    default: bool
    enabled: bool
    buckets: list[str]
    more_buckets: int | None = None
    broken: bool


class AgentList(ToolResult):
    """The agents within scope."""

    agents: list[AgentCard]
    omitted: SkipJsonSchema[int | None] = None


class CreatedAgentCard(ToolResult):
    """An agent and whether this call made it."""

    agent: str
    buckets: list[str]
    created: bool
    note: str | None = None


async def list_agents(access: CurrentAccess) -> Annotated[CallToolResult, AgentList]:
    """Agents, their buckets, and broken bindings."""
    return answer(await agent_list(access))


async def agent_list(access: Access) -> AgentList:
    """Return the agents within scope."""
    usable = await access.agents(fresh=True)
    slugs = {bucket.id: bucket.slug for bucket in await access.buckets(fresh=True)}
    active = {bucket.id for bucket in await access.backend.catalogue.buckets()}
    broken = await access.broken_agents(active)
    agents = {agent.id: agent for agent in (*usable, *broken)}
    listed, omitted = take_first(list(agents.values()), _MOST_AGENTS)
    return AgentList(agents=[_card(agent, slugs, active) for agent in listed], omitted=omitted)


async def create_agent(
    access: CurrentAccess,
    *,
    agent: Annotated[str, Field(min_length=1, max_length=_NAME_CHARS, description="New id")],
    buckets: Annotated[list[str], Field(min_length=1, max_length=50, description="Slugs, ids or names")],
    name: Annotated[str, Field(max_length=120, description="For people")] = "",
    instructions: Annotated[str, Field(max_length=8000, description="How to answer")] = "",
    update: Annotated[bool, Field(description="Change it if it exists")] = False,
) -> Annotated[CallToolResult, CreatedAgentCard]:
    """Make an agent that answers from these whole buckets: one file needs its own."""
    access.require_create_agent()
    require_text("agent", agent, "Give the agent an id.")
    agent = agent.strip()
    named = _AGENT_ID.fullmatch(agent)
    # In the form that Calypso gives to ids: any other spelling of a reserved one would pass for free.
    profile_id = slug_for(named[1] if named else agent, "agent")
    if access.is_reserved_agent(profile_id):
        raise _unusable(agent)
    bound = await access.require_buckets(buckets)
    card = partial(CreatedAgentCard, buckets=[bucket.slug for bucket in bound])
    unused = _UNUSED if instructions and access.backend.label == "embedded" else None
    if update:
        changed = await _update(access, agent, bound, name, instructions)
        return answer(card(agent=changed, created=False, note=unused))
    body = CreateAgent(
        agent_id=profile_id,
        name=name or (None if named else agent),
        bucket_ids=tuple(bucket.id for bucket in bound),
        instructions=instructions or None,
    )
    try:
        made = await access.client.agents.create(body)
    except Conflict as conflict:
        existing = await _same_agent(access, body)
        if existing is None:
            # Nothing of the agent that has the id: it may be out of scope.
            raise _unusable(agent) from conflict
        kept = _KEPT if name or instructions else None
        return answer(card(agent=existing.id, created=False, note=kept))
    access.backend.catalogue.forget()
    return answer(card(agent=made.model, created=True, note=unused))


async def _update(access: Access, agent_id: str, bound: list[Bucket], name: str, instructions: str) -> str:
    """Change an agent in scope, and return its model id.

    Raises:
        InputError: The backend cannot, or this is the default agent, which sees every bucket.
        Conflict: A grant or a pin names the agent, whichever of its ids the caller used.
        ScopeError: The agent does not exist or is out of reach.
    """
    if not await access.backend.can(Extension.UPDATE_AGENTS):
        raise InputError(
            "This backend cannot change agents.",
            code="not_supported",
            hint="Create one under another id, or ask the operator to change it.",
        )
    # What is remembered may be older than a bucket that takes the agent out of reach.
    await access.agents(fresh=True)
    existing = await access.require_agent(agent_id)
    if any(access.is_reserved_agent(name) for name in agent_names(existing)):
        raise _unusable(agent_id)
    if existing.profile_id is None:
        raise InputError(
            "The default agent sees every bucket and cannot be changed.",
            code="not_supported",
            hint="Create an agent with another id.",
        )
    body = UpdateAgent(
        name=name or None,
        bucket_ids=tuple(bucket.id for bucket in bound),
        instructions=instructions or None,
    )
    changed = await access.client.agents.update(existing.profile_id, body)
    access.backend.catalogue.forget()
    return changed.model


def _unusable(agent_id: str) -> Conflict:
    return Conflict(
        f"The agent id {agent_id!r} cannot be used.",
        code="agent_id_exists",
        hint="Call create_agent with another agent, with update=true to change yours, or use one from "
        "list_agents.",
    )


async def _same_agent(access: Access, wanted: CreateAgent) -> AgentModel | None:
    """Return the agent in scope that has this id and exactly these buckets; None without one."""
    for agent in await access.agents(fresh=True):
        if agent.profile_id == wanted.agent_id and set(agent.bucket_ids) == set(wanted.bucket_ids or ()):
            return agent
    return None


def _card(agent: AgentModel, slugs: Mapping[str, str], active: Collection[str]) -> AgentCard:
    bound = (*agent.bucket_ids, *agent.missing_bucket_ids)
    buckets = [slugs[bucket_id] for bucket_id in agent.bucket_ids if bucket_id in slugs]
    named, more_buckets = take_first(buckets, _MOST_BUCKETS)
    return AgentCard(
        agent=agent.id,
        name=clean_line(agent.name, _NAME_CHARS)
        if agent.name and agent.name not in agent_names(agent)
        else None,
        default=agent.is_default,
        enabled=agent.enabled,
        buckets=named,
        more_buckets=more_buckets,
        broken=any(bucket_id not in active for bucket_id in bound),
    )
