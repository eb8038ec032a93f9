"""What one caller of a shared server may do, and how often."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from calypso_mcp.domain.callers.quota import Quota
from calypso_mcp.domain.pacing import SlidingWindow

#: Length of the window that `calls_per_minute` counts in, in seconds.
RATE_WINDOW_S = 60.0
#: Callers remembered at once; the one that has been silent longest is forgotten first.
_REMEMBERED_CALLERS = 10_000


def owner_of(caller: str) -> str:
    """Return the name of a caller in what a server stores: a hash."""
    return hashlib.sha256(b"calypso-mcp upload owner\0" + caller.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class ScopeLimit:
    """One narrowing: buckets by id or slug, and agents whose attached buckets count too.

    An empty limit (no buckets, no agents) allows nothing: "no limit" is the absence of a `ScopeLimit`.
    """

    buckets: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """What a credential allows.

    Attributes:
        name: Who calls, in logs and limits; unique on one server.
        limit: Buckets and agents within reach; None: all that the API key reaches.
        read_only: Whether only tools that change nothing can be seen and called.
        key_reference: Which Calypso API key serves this caller; empty: the server's own.
        calls_per_minute: Requests allowed in any 60 seconds; None: the server's default.
        concurrent_calls: Requests allowed at the same time; None: the server's default.
        quota: How much the caller may store.
        metrics: Whether the caller may read `/metrics`, which counts the calls of all callers.
        expires_at: When the credential expires, in seconds since 1970; None: never.
        token_hash: Names the token of the access file; empty for other credentials.
    """

    name: str
    limit: ScopeLimit | None = None
    read_only: bool = False
    key_reference: str = ""
    calls_per_minute: int | None = None
    concurrent_calls: int | None = None
    quota: Quota = field(default_factory=Quota)
    metrics: bool = False
    expires_at: int | None = None
    token_hash: str = ""

    def has_expired(self, now_s: float) -> bool:
        """Return whether the credential has expired at `now_s`, in seconds since 1970."""
        return self.expires_at is not None and now_s >= self.expires_at

    def to_claims(self) -> dict[str, Any]:
        """Return the grant as JSON values, the form in which a ticket carries it."""
        claims = asdict(self)
        if self.limit is not None:
            claims["limit"] = {"buckets": sorted(self.limit.buckets), "agents": sorted(self.limit.agents)}
        return claims

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> AccessGrant:
        """Return the grant that `to_claims` wrote.

        Raises:
            KeyError: Something is missing; nothing is ever assumed in its place.
        """
        facts: dict[str, Any] = {known.name: claims[known.name] for known in fields(cls)}
        facts["quota"] = Quota.from_claims(facts["quota"])
        if (limit := facts["limit"]) is not None:
            facts["limit"] = ScopeLimit(frozenset(limit["buckets"]), frozenset(limit["agents"]))
        return cls(**facts)


class RateWindows:
    """Calls of each caller within the last 60 seconds: no bursts beyond the limit."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, SlidingWindow] = OrderedDict()

    def admit(self, caller: str, limit: int, now_s: float) -> float | None:
        """Count a call made at `now_s`.

        Returns:
            None when it is allowed (and counted), else the seconds until the next one will be.
        """
        window = self._windows.setdefault(caller, SlidingWindow(limit, RATE_WINDOW_S))
        self._windows.move_to_end(caller)
        if len(self._windows) > _REMEMBERED_CALLERS:
            self._windows.popitem(last=False)
        window.limit = limit
        if wait_s := window.wait_s(now_s):
            return wait_s
        window.start()
        window.answer(now_s)
        return None
