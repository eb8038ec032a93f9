"""The one place that decides which buckets a request may touch.

Credential, process pin, URL and headers each contribute a limit and each can only narrow. Nothing is kept
between requests: a request with the same credential, address and headers always gets the same answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Resolve
from starlette.requests import Request

from calypso_mcp.api.agents import AgentModel
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.domain.amounts import join_first
from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import InputError, ScopeError
from calypso_mcp.server.access.credentials import ANYONE
from calypso_mcp.server.backend import Backend
from calypso_mcp.server.scope import rules
from calypso_mcp.server.scope.narrowing import read_limits
from calypso_mcp.server.scope.rules import Scope
from calypso_mcp.server.state import CallContext, McpRequest, ServerState

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient

#: Buckets that an error names, and characters of each name.
_MOST_NAMED = 20
_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class Access:
    """What one request may use: what its credential allows within the limits `asked` for. Dropped with it."""

    state: ServerState
    grant: AccessGrant = ANYONE
    asked: tuple[ScopeLimit, ...] = ()

    @property
    def limits(self) -> tuple[ScopeLimit, ...]:
        """Every limit that holds: the credential's, the process's, and those asked for."""
        ceiling = () if self.grant.limit is None else (self.grant.limit,)
        return (*ceiling, *self.state.pins, *self.asked)

    @property
    def backend(self) -> Backend:
        """The API this request's calls go to."""
        return self.state.backend_for(self.grant)

    @property
    def client(self) -> CalypsoClient:
        """The client of that API."""
        return self.backend.client

    @property
    def is_limited(self) -> bool:
        """Whether anything limits this request."""
        return bool(self.limits)

    @property
    def may_change(self) -> bool:
        """Whether this request may change what is stored."""
        return not (self.state.read_only or self.grant.read_only)

    @property
    def bucket_advice(self) -> str:
        """What to do where there is no bucket."""
        if self.may_change and self.may_create(None):
            return "Create one with create_bucket, or ask the operator for access to one."
        return "Ask the operator for access to one."

    async def renewed(self) -> Access | None:
        """Return what the request may use by now; None where its caller may no longer call."""
        grant = await self.state.current_grant(self.grant, None)
        return None if grant is None else replace(self, grant=grant)

    async def scope(self, *, include_archived: bool = False, fresh: bool = False) -> Scope:
        """Return the buckets this request may touch."""
        if not self.limits:
            return rules.UNLIMITED
        buckets = await self.backend.catalogue.buckets(include_archived=include_archived, fresh=fresh)
        names_agents = any(limit.agents for limit in self.limits)
        agents = await self.backend.catalogue.agents(fresh=fresh) if names_agents else ()
        return rules.resolve(self.limits, buckets, agents)

    async def attached_bucket_ids(self) -> frozenset[str]:
        """Return the ids of the buckets attached to the agents that limits name.

        Raises:
            InputError: A limit names an agent in a way that fits several.
        """
        names = {name for limit in self.limits for name in limit.agents}
        agents = await self.backend.catalogue.agents() if names else ()
        found = [rules.find_agent(name, agents) for name in names]
        return frozenset(bucket_id for agent in found if agent for bucket_id in agent.bucket_ids)

    async def buckets(self, *, include_archived: bool = False, fresh: bool = False) -> list[Bucket]:
        """Return the buckets in scope, by slug."""
        scope = await self.scope(include_archived=include_archived, fresh=fresh)
        # Right after the scope's own fetch this one is served from memory.
        listed = await self.backend.catalogue.buckets(
            include_archived=include_archived, fresh=fresh and not scope.is_limited
        )
        return [bucket for bucket in scope.within(listed) if include_archived or bucket.is_active]

    async def require_bucket(self, reference: str) -> Bucket:
        """Return the active bucket meant by an id, a slug or an unambiguous name.

        Raises:
            ScopeError: It does not exist or is out of reach: the same error, after the same requests.
        """
        buckets: list[Bucket] = []
        for fresh in (False, True):
            buckets = await self.buckets(fresh=fresh)
            found = rules.find_bucket(reference, buckets)
            if found is not None:
                return found
        raise ScopeError(f"There is no bucket {reference!r} here.", hint=_one_of(buckets))

    async def require_buckets(self, references: Iterable[str]) -> list[Bucket]:
        """Return the buckets meant, each once, in the order given."""
        found = [await self.require_bucket(reference) for reference in references]
        return list({bucket.id: bucket for bucket in found}.values())

    async def target_bucket(self, reference: str | None) -> Bucket:
        """Return the named bucket, or without a name the only bucket in scope.

        Raises:
            InputError: No bucket is named, and the scope does not hold exactly one.
        """
        if reference:
            return await self.require_bucket(reference)
        buckets = await self.buckets()
        if len(buckets) == 1:
            return buckets[0]
        raise InputError(
            "No bucket is named." if buckets else "No bucket is named, and there is no bucket yet.",
            code="bucket_required",
            hint=_one_of(buckets) or self.bucket_advice,
        )

    async def agents(self, *, fresh: bool = False) -> list[AgentModel]:
        """Return the agents all of whose buckets are in scope; every agent where nothing limits.

        The team's default agent has those of its buckets that are in scope, if it can answer from them alone.
        """
        listed = list(await self.backend.catalogue.agents(fresh=fresh))
        scope = await self.scope(fresh=fresh)
        if not scope.is_limited:
            return listed
        if await self.narrows_agents():
            listed = [_narrow(agent, scope) if agent.is_default else agent for agent in listed]
        return [
            agent
            for agent in listed
            # An agent without listed buckets may search everything, so it is never inside a limit.
            if agent.live_bucket_ids and all(scope.allows(bucket_id) for bucket_id in agent.live_bucket_ids)
        ]

    async def narrows_agents(self) -> bool:
        """Whether this request must ask agents, and can, for some of their buckets alone."""
        return self.is_limited and await self.backend.can(Extension.NARROW)

    async def broken_agents(self, active: Collection[str]) -> list[AgentModel]:
        """Return the agents that the operator bound this caller to and that lack a bucket among `active`.

        They are named though they may not be used, so that a caller without buckets can learn why.
        """
        standing = self.state.pins if self.grant.limit is None else (self.grant.limit,)
        named = frozenset(name for limit in standing for name in limit.agents)
        listed = await self.backend.catalogue.agents()
        found = [rules.find_agent(name, listed) for name in sorted(named)]
        return [
            agent
            for agent in found
            if agent and not set(active).issuperset((*agent.bucket_ids, *agent.missing_bucket_ids))
        ]

    async def require_agent(self, reference: str) -> AgentModel:
        """Return the agent meant by its model id, its profile id or an unambiguous name.

        Raises:
            ScopeError: It does not exist or reaches outside the scope: the same error.
            InputError: Several agents in scope have this id.
        """
        agents: list[AgentModel] = []
        for fresh in (False, True):
            agents = await self.agents(fresh=fresh)
            agent = rules.find_agent(reference, agents) or rules.find_named(reference, agents)
            if agent is not None:
                return agent
        raise ScopeError(
            f"There is no agent {reference!r} here.",
            code="agent_not_found",
            hint=f"Name one from list_agents: {join_first(agents, _MOST_NAMED, _id_and_name)}."
            if agents
            else "Create one with create_agent, or ask the operator for one."
            if self.may_change and self.may_make
            else "Look for passages with search_bucket, or ask the operator for an agent.",
        )

    @property
    def may_make(self) -> bool:
        """Whether this request may make any bucket or agent."""
        return not self.limits or self.state.allow_create

    def may_create(self, slug: str | None) -> bool:
        """Whether this request may create a bucket with `slug`.

        Under a limit only what every limit names, and only where the operator allows it: anything else
        could not be used afterwards, and a refusal that depends on what exists would give it away.
        """
        return self.may_make and all(slug in limit.buckets for limit in self.limits)

    def require_create(self, slug: str | None) -> None:
        """Raise ScopeError unless this request may create a bucket with `slug`."""
        if not self.may_create(slug):
            raise ScopeError(
                "You may not create buckets here.",
                code="permission_denied",
                hint="Use a bucket from list_buckets, or ask the operator for a new one.",
            )

    def is_reserved_agent(self, agent_id: str) -> bool:
        """Whether a grant or a pin names this agent: its creator would choose the buckets of that caller."""
        pinned = {name for pin in self.state.pins for name in pin.agents}
        return any(agent_id == name.rpartition(":")[2] for name in pinned | self.state.granted_agents())

    def require_create_agent(self) -> None:
        """Raise ScopeError unless this request may create an agent.

        Agent ids belong to the whole team, so refusing an id that is taken would reveal agents out of reach.
        Under a limit the operator therefore decides, as for buckets.
        """
        if not self.may_make:
            raise ScopeError(
                "You may not create agents here.",
                code="permission_denied",
                hint="Use an agent from list_agents, or ask the operator for a new one.",
            )


def _narrow(agent: AgentModel, scope: Scope) -> AgentModel:
    reached = tuple(bucket_id for bucket_id in agent.live_bucket_ids if scope.allows(bucket_id))
    return agent.model_copy(update={"bucket_ids": reached, "missing_bucket_ids": ()})


def _one_of(buckets: Sequence[Bucket]) -> str:
    """Return a hint that names the first buckets; an empty text without buckets."""
    if not buckets:
        return ""
    names = join_first(buckets, _MOST_NAMED, _slug_and_name)
    return f"Name one from list_buckets: {names}."


def _id_and_name(agent: AgentModel) -> str:
    return _named(agent.profile_id or agent.id, agent.name or "")


def _slug_and_name(bucket: Bucket) -> str:
    return _named(bucket.slug, bucket.name)


def _named(key: str, name: str) -> str:
    return key if name.casefold() in ("", key) else f"{key} ({clean_line(name, _NAME_CHARS)!r})"


def access_of(request: McpRequest) -> Access:
    """Return what `request` may use."""
    state = request.lifespan_context
    grant = state.grant_for(request)
    # Over stdio there is no HTTP request, and so no address or header to ask for less.
    http: Any = request.request
    if not isinstance(http, Request):
        return Access(state, grant)
    query: str = http.scope["query_string"].decode("latin-1")
    return Access(state, grant, tuple(read_limits(query, http.headers.items())))


async def _current_access(ctx: CallContext) -> Access:
    return access_of(ctx.request_context)


#: A tool parameter of this type is filled in by the server and invisible to the model.
CurrentAccess = Annotated[Access, Resolve(_current_access)]
