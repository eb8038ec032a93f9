"""The agents of a request: which one it asks, and which of them search a bucket.

A named agent is asked whole or not at all. The default one has every bucket; under a limit it is asked for
those in scope, if the backend can do that. Every way leads through the agents within the request's scope:
whatever is out of reach does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence

from calypso_mcp.api.agents import AgentModel
from calypso_mcp.domain.amounts import join_first
from calypso_mcp.errors import ApiError, CalypsoError, ContractError, InputError, ScopeError
from calypso_mcp.server.conversations import Turn, reach_digest
from calypso_mcp.server.scope.request_scope import Access
from calypso_mcp.server.scope.rules import find_agent

#: Agents named beside one bucket.
MOST_AGENTS = 10


async def choose_agent(
    access: Access, reference: str, conversation_id: str
) -> tuple[AgentModel, Turn | None]:
    """Return the agent to ask, and the turn to go on after.

    An empty reference (a model id or profile id) leaves the choice to us; an empty conversation id is that
    of a first turn.

    Raises:
        ScopeError: There is no such agent or no such conversation here, or it is out of reach.
        InputError: No agent is named and which one is meant is not clear, or it is switched off.
    """
    # Under a limit this is what keeps the answer within it, so nothing remembered will do.
    agents = await access.agents(fresh=access.is_limited)
    agent = await access.require_agent(reference) if reference else None
    turn = None
    if conversation_id:
        turn = access.state.conversations.open(conversation_id, access.grant)
        agent = _continued(access, turn, agent, agents)
    agent = agent or _default(access, [agent for agent in agents if agent.enabled])
    if not agent.enabled:
        raise InputError(
            f"The agent {agent.id} is switched off.",
            code="agent_disabled",
            hint="Name another agent from list_agents with the agent argument.",
        )
    return agent, turn


def unknown_conversation() -> ScopeError:
    """Return the one error for conversations that ended, never were, or belong to another caller."""
    return ScopeError(
        "There is no such conversation here.",
        code="conversation_not_found",
        hint="Call ask_agent without conversation_id to begin a new one.",
    )


def _continued(
    access: Access, turn: Turn | None, named: AgentModel | None, agents: Sequence[AgentModel]
) -> AgentModel:
    found = next((agent for agent in agents if turn and agent.id == turn.model), None)
    if turn is None or found is None or (named is not None and named.id != found.id):
        raise unknown_conversation()
    if access.is_limited and reach_digest(found.live_bucket_ids) != turn.reach:
        # What was said may come from buckets that the agent, or this caller, has lost since.
        raise unknown_conversation()
    return found


def _default(access: Access, agents: Sequence[AgentModel]) -> AgentModel:
    pinned = frozenset(name for limit in access.limits for name in limit.agents)
    candidates = [agent for name in sorted(pinned) if (agent := find_agent(name, agents))]
    if not candidates and not access.is_limited:
        candidates = [agent for agent in agents if agent.is_default]
    # Under a limit an agent that was made for these buckets comes before the default one.
    candidates = candidates or [agent for agent in agents if not agent.is_default] or list(agents)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise InputError(
            "Several agents can answer, and the call names no agent.",
            code="agent_required",
            hint="Name one from list_agents with the agent argument.",
        )
    raise InputError(
        "No agent answers only from buckets that you can use.",
        code="agent_required",
        hint="Look for passages with search_bucket, or ask the operator for an agent; see list_agents.",
    )


async def list_attached_agents(access: Access) -> dict[str, list[str]] | None:
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


async def describe_new_bucket(access: Access, slug: str, bucket_id: str) -> str:
    """Return the slug of a bucket that was just made, with the agents that search it from now on."""
    try:
        attached = await list_attached_agents(access)
    except CalypsoError:
        attached = None  # no reason to fail the call that made the bucket
    if attached is None:
        return slug
    agents = attached.get(bucket_id, [])
    return f"{slug} (searched by {join_first(agents, MOST_AGENTS) or 'no agent'})"
