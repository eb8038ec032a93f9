"""Requests about agents."""

from __future__ import annotations

from calypso_mcp.api import paths
from calypso_mcp.api.agents import AgentModelList, CreateAgent, CreatedAgent, UpdateAgent
from calypso_mcp.client.transport.requester import Requester
from calypso_mcp.domain.uploads.declaration import idempotency_key


class Agents:
    """`/rag-agent`. Errors: see `Requester.send`."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    async def list(self) -> AgentModelList:
        """Return the key's agents and the buckets attached to each."""
        return (await self._requester.send("GET", paths.AGENT_MODELS, AgentModelList)).body

    async def create(self, agent: CreateAgent) -> CreatedAgent:
        """Create a named agent bound to buckets, or return the one that the same call created before.

        Raises:
            ApiError: `agent_id_exists`, `agent_limit_reached`, `bucket_not_found`.
        """
        key = idempotency_key("agent", agent.to_wire())
        answer = await self._requester.send(
            "POST", paths.AGENTS, CreatedAgent, agent, idempotency_key=key, creates=True
        )
        return answer.body

    async def update(self, agent_id: str, agent: UpdateAgent) -> CreatedAgent:
        """Change a named agent; what `agent` leaves out stays.

        Raises:
            ApiError: `agent_not_found`, `bucket_not_found`.
        """
        path = paths.fill(paths.AGENT, agent_id=agent_id)
        return (await self._requester.send("PATCH", path, CreatedAgent, agent)).body
