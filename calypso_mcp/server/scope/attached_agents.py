"""Which agents search a bucket, as far as the request may know."""

from __future__ import annotations

from calypso_mcp.domain.amounts import join_first
from calypso_mcp.errors import ApiError, CalypsoError, ContractError
from calypso_mcp.server.scope.request_scope import Access

#: Agents named beside one bucket.
MOST_AGENTS = 10


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
