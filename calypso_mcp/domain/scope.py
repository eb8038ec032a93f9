"""Which buckets a request may touch. A scope is computed for every request and never stored.

Each source of a limit (credential, process pin, URL, header) contributes one `ScopeLimit`. Limits only
ever narrow: the scope is the intersection of what they name among the buckets that exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


class BucketLike(Protocol):
    """What scope needs to know of a bucket."""

    @property
    def id(self) -> str:
        """Stable id."""
        ...

    @property
    def slug(self) -> str:
        """URL-safe handle."""
        ...

    @property
    def name(self) -> str:
        """Name people gave it."""
        ...


B = TypeVar("B", bound=BucketLike)


class AgentLike(Protocol):
    """What scope needs to know of an agent."""

    @property
    def id(self) -> str:
        """Stable id."""
        ...

    @property
    def profile_id(self) -> str | None:
        """Profile id; None for the default agent."""
        ...

    @property
    def bucket_ids(self) -> tuple[str, ...]:
        """Ids of the attached buckets."""
        ...


@dataclass(frozen=True, slots=True)
class ScopeLimit:
    """One narrowing: buckets by id or slug, and agents whose attached buckets count too.

    An empty limit (no buckets, no agents) allows nothing: "no limit" is the absence of a `ScopeLimit`.
    """

    buckets: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """The buckets a request may touch; `bucket_ids` is None where nothing limits it."""

    bucket_ids: frozenset[str] | None = None

    @property
    def is_limited(self) -> bool:
        """Whether anything limits this request."""
        return self.bucket_ids is not None

    def allows(self, bucket_id: str) -> bool:
        """Whether the bucket with this id may be touched."""
        return self.bucket_ids is None or bucket_id in self.bucket_ids

    def within(self, buckets: Iterable[B]) -> list[B]:
        """Return the buckets that may be touched, in the order given."""
        return [bucket for bucket in buckets if self.allows(bucket.id)]


UNLIMITED = Scope()


def resolve(
    limits: Sequence[ScopeLimit], buckets: Iterable[BucketLike], agents: Iterable[AgentLike] = ()
) -> Scope:
    """Return the scope that all limits together leave.

    A name that matches nothing contributes nothing, so it cannot be told apart from a bucket that is
    out of reach. Bucket names are not accepted here: anyone with the key may choose them.
    """
    if not limits:
        return UNLIMITED
    known = list(buckets)
    profiles = list(agents)
    allowed: frozenset[str] | None = None
    for limit in limits:
        ids = frozenset(
            bucket.id for bucket in known if bucket.id in limit.buckets or bucket.slug in limit.buckets
        )
        attached = frozenset(
            bucket_id
            for agent in profiles
            if limit.agents & agent_names(agent)
            for bucket_id in agent.bucket_ids
        )
        existing = frozenset(bucket.id for bucket in known)
        ids |= attached & existing
        allowed = ids if allowed is None else allowed & ids
    return Scope(allowed)


def agent_names(agent: AgentLike) -> frozenset[str]:
    """Return the ways an operator may name `agent`: full id, profile id, the part after the colon."""
    names = {agent.id, agent.id.rpartition(":")[2]}
    if agent.profile_id:
        names.add(agent.profile_id)
    return frozenset(names)


def find_bucket(reference: str, buckets: Sequence[B]) -> B | None:
    """Return the bucket meant by an id, a slug or an unambiguous name, among those in scope; else None."""
    for key in ("id", "slug"):
        for bucket in buckets:
            if getattr(bucket, key) == reference:
                return bucket
    named = [bucket for bucket in buckets if bucket.name.casefold() == reference.casefold()]
    return named[0] if len(named) == 1 else None
