"""`/rag-agent` (API sheet section 8); to update an agent is an extension."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from calypso_mcp.api.agents import CreateAgent, UpdateAgent
from calypso_mcp.domain.slugs import slug_for, slug_of
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Answer, answer_created, read_keyed_request
from calypso_mcp.local.identifiers import TEAM_ID, fingerprint
from calypso_mcp.local.refusals import Refusal, bucket_required, invalid, not_found
from calypso_mcp.local.store import agents, buckets, idempotency
from calypso_mcp.local.store.agents import BASE_MODEL, AgentRow, AgentScope


async def list_models(backend: Backend, _: Request) -> Answer:
    """Answer with the default agent and the named ones, each with its buckets."""
    found = await backend.database.read(agents.list_scopes)
    data = [model_wire(scope) for scope in found]
    return Answer({"object": "rag_agent_model_list", "team_id": TEAM_ID, "data": data})


async def create_agent(backend: Backend, request: Request, body: CreateAgent) -> Answer:
    """Make a named agent bound to at least one bucket."""
    asked = read_keyed_request(request, "agent", body.to_wire())
    references = body.bucket_references
    if not references:
        raise bucket_required()
    agent_id = _agent_id(body)

    def work(connection: sqlite3.Connection) -> tuple[AgentScope, bool]:
        made = idempotency.find_created(connection, asked)
        if made is not None:
            return agents.find_scope(connection, agents.model_id(made)), True
        bound = buckets.resolve(connection, references)
        if agents.get(connection, agent_id) is not None:
            raise Refusal(409, "agent_id_exists", f"There is an agent {agent_id!r} already.")
        if agents.count(connection) >= agents.MOST_AGENTS:
            message = f"There are {agents.MOST_AGENTS} agents already, as many as this Calypso keeps."
            raise Refusal(403, "agent_limit_reached", message)
        ids = tuple(bucket.id for bucket in bound)
        agent = AgentRow(agent_id, body.name, body.instructions, ids, backend.now())
        agents.put(connection, agent)
        idempotency.remember(connection, asked, agent_id)
        return AgentScope(agent, tuple(bound), ()), False

    scope, is_replay = await backend.database.write(work)
    return answer_created(_agent_wire(scope), is_replay=is_replay)


async def update_agent(backend: Backend, request: Request, body: UpdateAgent) -> Answer:
    """Change the name, the buckets or the instructions of a named agent."""
    references = body.bucket_references
    if references is not None and not references:
        raise bucket_required()

    def work(connection: sqlite3.Connection) -> AgentScope:
        agent = agents.get(connection, request.path_params["agent_id"])
        if agent is None:
            raise not_found("agent", "agent_not_found")
        stated: dict[str, Any] = {"name": body.name, "instructions": body.instructions}
        if references is not None:
            stated["bucket_ids"] = tuple(bucket.id for bucket in buckets.resolve(connection, references))
        changed = replace(agent, **{name: value for name, value in stated.items() if value is not None})
        agents.put(connection, changed)
        return agents.scope_of(connection, changed)

    return Answer(_agent_wire(await backend.database.write(work)))


def _agent_wire(scope: AgentScope) -> dict[str, Any]:
    wire = model_wire(scope)
    return {**wire, "object": "rag_agent", "model": wire["id"], "agent_id": wire["profile_id"]}


def model_wire(scope: AgentScope) -> dict[str, Any]:
    """Return an agent as the API writes it; `profile_id` is null for the default one."""
    agent = scope.agent
    wire: dict[str, Any] = {
        "id": scope.model,
        "base_model": BASE_MODEL,
        "profile_id": agent.id if agent else None,
        "name": (agent.name if agent else None) or scope.model,
        "source": "named_profile" if agent else "default_policy",
        "enabled": True,
        "bucket_ids": [bucket.id for bucket in scope.buckets],
        "buckets": [
            {"id": bucket.id, "name": bucket.name, "slug": bucket.slug, "status": bucket.status}
            for bucket in scope.buckets
        ],
        "missing_bucket_ids": list(scope.missing_bucket_ids),
    }
    if agent and agent.instructions:
        wire["instructions"] = agent.instructions
    return wire


def _agent_id(body: CreateAgent) -> str:
    if body.agent_id is not None:
        agent_id = slug_of(body.agent_id)
        if not agent_id:
            raise invalid("agent_id needs at least one ASCII letter or digit.")
        return agent_id
    return slug_for(body.name, "agent") if body.name else f"agent-{fingerprint(body.to_wire())[:8]}"
