"""The Calypso API as one API key sees it: its client, its extensions, and briefly its buckets and agents.

Every request needs these to compute its scope; asking the API each time would double every call's latency.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import anyio

from calypso_mcp.api.agents import AgentModel
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.errors import CalypsoError

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient


T = TypeVar("T")

#: How long a listing may be reused, in seconds. Short enough that a changed agent profile counts at once.
MAX_AGE_S = 3.0
BackendLabel = Literal["hosted", "embedded"]
#: Longest wait of a list for the answer, in seconds. Hosts list the tools while they start.
_PATIENCE_S = 3.0


@dataclass(slots=True)
class _Slot(Generic[T]):
    value: T
    fetched_at: float


class _Cached(Generic[T]):
    """One listing: fetched once for concurrent callers, reused while young."""

    def __init__(
        self, fetch: Callable[[], Awaitable[T]], max_age_s: float, clock: Callable[[], float]
    ) -> None:
        self._fetch = fetch
        self._max_age_s = max_age_s
        self._clock = clock
        self._slot: _Slot[T] | None = None
        self._failure: _Slot[CalypsoError] | None = None
        self._lock = anyio.Lock()

    async def get(self, *, fresh: bool) -> T:
        asked_at = self._clock()
        # A fetch for another caller that began after this call is as fresh as our own would be.
        oldest = asked_at if fresh else asked_at - self._max_age_s
        if self._slot is not None and self._slot.fetched_at >= oldest:
            return self._slot.value
        async with self._lock:
            if self._slot is not None and self._slot.fetched_at >= oldest:
                return self._slot.value
            if self._failure is not None and self._failure.fetched_at > asked_at:
                # Else all callers that wait would run into a timeout of their own, one after the other.
                raise copy(self._failure.value)
            started_at = self._clock()
            try:
                value = await self._fetch()
            except CalypsoError as error:
                self._failure = _Slot(error, started_at)
                raise
            self._slot = _Slot(value, started_at)
            return value

    def forget(self) -> None:
        self._slot = None


class Catalogue:
    """Buckets and agents behind one `CalypsoClient`."""

    def __init__(
        self,
        client: CalypsoClient,
        *,
        max_age_s: float = MAX_AGE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._listed: tuple[Bucket, ...] = ()
        self._by_slug: tuple[Bucket, ...] = ()
        self._active = _Cached(lambda: self._fetch_buckets(include_archived=False), max_age_s, clock)
        self._all = _Cached(lambda: self._fetch_buckets(include_archived=True), max_age_s, clock)
        self._agents = _Cached(self._fetch_agents, max_age_s, clock)

    async def buckets(self, *, include_archived: bool = False, fresh: bool = False) -> tuple[Bucket, ...]:
        """Return the team's buckets by slug; `fresh` ignores what is remembered."""
        cached = self._all if include_archived else self._active
        return await cached.get(fresh=fresh)

    async def agents(self, *, fresh: bool = False) -> tuple[AgentModel, ...]:
        """Return the team's agents; `fresh` ignores what is remembered."""
        return await self._agents.get(fresh=fresh)

    def forget(self) -> None:
        """Drop what is remembered, because this process has just changed it."""
        for cached in (self._active, self._all, self._agents):
            cached.forget()

    async def _fetch_buckets(self, *, include_archived: bool) -> tuple[Bucket, ...]:
        listed = (await self._client.buckets.list(include_archived=include_archived)).buckets
        if listed is not self._listed:
            self._by_slug = await anyio.to_thread.run_sync(_by_slug, listed)
            self._listed = listed
        return self._by_slug

    async def _fetch_agents(self) -> tuple[AgentModel, ...]:
        return (await self._client.agents.list()).data


def _by_slug(buckets: tuple[Bucket, ...]) -> tuple[Bucket, ...]:
    return tuple(sorted(buckets, key=lambda bucket: (bucket.slug, bucket.id)))


@dataclass(frozen=True, slots=True)
class Backend:
    """One Calypso API as one API key sees it; what it is known to be able to do need not be asked."""

    client: CalypsoClient
    catalogue: Catalogue
    label: BackendLabel
    known: frozenset[Extension] | None = None

    @classmethod
    def of(cls, client: CalypsoClient, label: BackendLabel) -> Backend:
        """Return the backend of an open client, with an empty catalogue."""
        # The embedded one is of this version: it need not be started to be known.
        return cls(client, Catalogue(client), label, frozenset(Extension) if label == "embedded" else None)

    async def abilities(self) -> frozenset[Extension]:
        """Return what the backend can do beyond the published API, however long it takes to say so.

        Raises:
            CalypsoError: It could not be asked.
        """
        return await self.client.connection.extensions() if self.known is None else self.known

    async def can(self, extension: Extension) -> bool:
        """Whether the backend can do this; raises as `abilities`."""
        return extension in await self.abilities()

    async def abilities_to_offer(self) -> frozenset[Extension]:
        """Return what a list offers: everything while the backend does not say what it can do.

        What a list leaves out counts as impossible, and hosts keep lists; a call finds out by itself.
        """
        with anyio.move_on_after(_PATIENCE_S), suppress(CalypsoError):
            found = await self.abilities()
            if not self.client.connection.is_assuming:
                return found
        return frozenset(Extension)
