"""Searching, with the documented fallback for servers that lack `/search` (API sheet section 9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from calypso_mcp.api import paths
from calypso_mcp.api.agents import AgentModel
from calypso_mcp.api.answers import AnswerRequest
from calypso_mcp.api.search import SearchRequest, SearchResponse, SearchResult
from calypso_mcp.client.buckets.buckets import Buckets
from calypso_mcp.client.clock import Clock
from calypso_mcp.client.retrieval.agents import Agents
from calypso_mcp.client.retrieval.answers import Answers
from calypso_mcp.client.retrieval.evidence import passages
from calypso_mcp.client.transport.requester import Requester
from calypso_mcp.domain.limits import DEFAULT_SEARCH_RESULTS
from calypso_mcp.errors import ApiError, NotFound, ScopeError

#: How long a missing endpoint is remembered, in seconds, before it is tried again.
_MISSING_FOR_S: Final = 300.0
_METHOD_NOT_ALLOWED: Final = 405
#: Codes under which a server says "no such endpoint"; any other code on a 404 is about the request.
_NO_ENDPOINT_CODES: Final = frozenset({"not_found", "route_not_found", "endpoint_not_found", "api_error"})


class Search:
    """`/search`."""

    def __init__(
        self, requester: Requester, agents: Agents, answers: Answers, buckets: Buckets, clock: Clock
    ) -> None:
        self._requester = requester
        self._agents = agents
        self._answers = answers
        self._buckets = buckets
        self._clock = clock
        self._missing_until: float | None = None

    async def search(self, request: SearchRequest) -> SearchResponse:
        """Return passages from the buckets or the agent that `request` names, never from others.

        Raises:
            ScopeError: The server lacks `/search`, and no agent lies within the buckets asked for.
            ApiError: As for every request.
        """
        if self._missing_until is None or self._clock.now() >= self._missing_until:
            try:
                return (await self._requester.send("POST", paths.SEARCH, SearchResponse, request)).body
            except ApiError as error:
                if not _is_missing(error):
                    raise
                self._missing_until = self._clock.now() + _MISSING_FOR_S
        return await self._search_by_agents(request)

    async def _search_by_agents(self, request: SearchRequest) -> SearchResponse:
        limit = request.max_results or DEFAULT_SEARCH_RESULTS
        models = [model for model in (await self._agents.list()).data if model.enabled]
        if request.buckets:
            chosen = _within(models, await self._ids(request.buckets))
        elif request.agent:
            chosen = [request.agent]
        else:
            chosen = [model.id for model in models if model.is_default][:1]
        if not chosen:
            raise ScopeError(
                "This server searches only through agents, and no agent is bound to exactly these buckets.",
                hint="Create an agent for them with create_agent, or name an agent.",
                code="no_agent_in_scope",
            )
        found = [await self._ask(model, request.query, limit) for model in chosen]
        return SearchResponse(
            query=request.query,
            agent=chosen[0] if len(chosen) == 1 else None,
            strategy="responses",
            results=_merged(found, limit),
        )

    async def _ids(self, references: Iterable[str]) -> frozenset[str]:
        buckets = (await self._buckets.list()).buckets
        ids = {name: bucket.id for bucket in buckets for name in (bucket.slug, bucket.id)}
        try:
            return frozenset(ids[reference] for reference in references)
        except KeyError:
            raise ScopeError from None

    async def _ask(self, model: str, query: str, limit: int) -> tuple[SearchResult, ...]:
        request = AnswerRequest(model=model, input=query, store=False)
        return passages(await self._answers.raw(request), limit)


def _is_missing(error: ApiError) -> bool:
    if error.status == _METHOD_NOT_ALLOWED:
        return True
    return isinstance(error, NotFound) and error.code in _NO_ENDPOINT_CODES


def _within(models: Sequence[AgentModel], wanted: frozenset[str]) -> list[str]:
    """Return few agents that together cover `wanted` and reach nothing else; an empty list if that fails."""
    candidates = [model for model in models if model.bucket_ids and wanted.issuperset(model.bucket_ids)]
    missing = set(wanted)
    chosen: list[str] = []
    while missing:
        best = max(candidates, key=lambda model: len(missing.intersection(model.bucket_ids)), default=None)
        if best is None or not missing.intersection(best.bucket_ids):
            # Results from some of the buckets would look like results from all of them.
            return []
        chosen.append(best.id)
        missing.difference_update(best.bucket_ids)
    return chosen


def _merged(found: Sequence[Sequence[SearchResult]], limit: int) -> tuple[SearchResult, ...]:
    # The agents' passages carry no comparable score: take them rank by rank.
    longest = max((len(results) for results in found), default=0)
    ranked = [results[rank] for rank in range(longest) for results in found if rank < len(results)]
    return tuple(
        result.model_copy(update={"source_index": index}) for index, result in enumerate(ranked[:limit])
    )
