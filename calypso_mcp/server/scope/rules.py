"""Which buckets a request may touch. A scope is computed for every request and never stored.

Each source of a limit (credential, process pin, URL, header) contributes one `ScopeLimit`. Limits only
ever narrow: the scope is the intersection of what they name among the buckets that exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from calypso_mcp.api.agents import AgentModel
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.domain.callers.access import ScopeLimit
from calypso_mcp.errors import InputError

N = TypeVar("N", Bucket, AgentModel)


@dataclass(frozen=True, slots=True)
class Scope:
    """The buckets a request may touch; `bucket_ids` is None if nothing limits it."""

    bucket_ids: frozenset[str] | None = None

    @property
    def is_limited(self) -> bool:
        """Whether anything limits this request."""
        return self.bucket_ids is not None

    def allows(self, bucket_id: str) -> bool:
        """Whether the bucket with this id may be touched."""
        return self.bucket_ids is None or bucket_id in self.bucket_ids

    def within(self, buckets: Iterable[Bucket]) -> list[Bucket]:
        """Return the buckets that may be touched, in the order given."""
        ids = self.bucket_ids
        return list(buckets) if ids is None else [bucket for bucket in buckets if bucket.id in ids]


UNLIMITED = Scope()


def resolve(
    limits: Sequence[ScopeLimit], buckets: Iterable[Bucket], agents: Iterable[AgentModel] = ()
) -> Scope:
    """Return the scope that all limits together leave.

    A name that matches nothing contributes nothing, so it cannot be told apart from a bucket that is
    out of reach. Bucket names are not accepted here: anyone with the key may choose them.

    Raises:
        InputError: A limit names an agent in a way that fits several.
    """
    known = list(buckets)
    profiles = list(agents)
    allowed: frozenset[str] | None = None
    for limit in limits:
        meant = [find_agent(name, profiles) for name in limit.agents]
        named = limit.buckets.union(*(agent.bucket_ids for agent in meant if agent))
        ids = frozenset(bucket.id for bucket in known if bucket.id in named)
        # A slug that is also another bucket's id means that other bucket.
        by_slug = limit.buckets - ids
        ids |= {bucket.id for bucket in known if bucket.slug in by_slug}
        allowed = ids if allowed is None else allowed & ids
    return Scope(allowed)


def agent_names(agent: AgentModel) -> frozenset[str]:
    """Return the ways to name `agent`: its full id and its profile id."""
    return frozenset({agent.id, agent.profile_id} if agent.profile_id else {agent.id})


def find_agent(name: str, agents: Iterable[AgentModel]) -> AgentModel | None:
    """Return the agent with the id `name`, else the one with the profile id `name`; None if neither exists.

    Raises:
        InputError: Several agents have it.
    """
    named = [agent for agent in agents if name in agent_names(agent)]
    found = [agent for agent in named if agent.id == name] or named
    if len(found) > 1:
        raise InputError(
            f"Several agents have the id {name!r}.",
            code="agent_ambiguous",
            hint="Name the agent by its full id, as Calypso lists it.",
        )
    return found[0] if found else None


def find_bucket(reference: str, buckets: Sequence[Bucket]) -> Bucket | None:
    """Return the bucket meant by an id, a slug or an unambiguous name, among those in scope; else None."""
    for key in ("id", "slug"):
        for bucket in buckets:
            if getattr(bucket, key) == reference:
                return bucket
    return find_named(reference, buckets)


def find_named(name: str, entries: Iterable[N]) -> N | None:
    """Return the only one of `entries` that people call `name`, in any case; else None."""
    named = [entry for entry in entries if (entry.name or "").casefold() == name.casefold()]
    return named[0] if len(named) == 1 else None
