"""Sessions of the page: a cookie that names a credential, or is one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

#: How long a link may be used, and a session lasts, in seconds.
LINK_S = 300
SESSION_S = 12 * 3_600
#: Links that may be used in the time that one lasts.
MOST_USED = 1_000


class Sessions(Protocol):
    """How a person signs in and what their session may do.

    `asks_for` says what a person signs in with: a `link` of the terminal, a `token`, or nothing.
    """

    @property
    def asks_for(self) -> Literal["link", "token", "nothing"]:
        """What a person signs in with."""
        ...

    async def begin(self, given: str) -> str | None:
        """Return the cookie of a new session for what a person signs in with; None if it is wrong."""
        ...

    async def headers(self, cookie: str) -> Mapping[str, str] | None:
        """Return the headers that carry the session's credential; None if there is no such session."""
        ...


@dataclass(frozen=True, slots=True)
class Passes:
    """Short texts that prove knowledge of a key: `expiry.nonce.signature`.

    Anyone with the key can make one without asking the server. The key itself cannot be found from it. A
    pass is good for one purpose.
    """

    key: str
    purpose: str
    clock: Callable[[], float] = time.time

    def make(self, lifetime_s: float) -> str:
        """Return a new pass."""
        return self._signed(f"{int(self.clock() + lifetime_s)}.{secrets.token_urlsafe(16)}")

    def expiry(self, given: str) -> int | None:
        """Return when a pass ends, in seconds since 1970; None for one that is over or not ours."""
        stated, _, _ = given.rpartition(".")
        if not given.isascii() or not hmac.compare_digest(self._signed(stated), given):
            return None
        expires_at = int(stated.partition(".")[0])
        return expires_at if expires_at > self.clock() else None

    def _signed(self, stated: str) -> str:
        digest = hmac.digest(self.key.encode(), f"{self.purpose}\n{stated}".encode(), hashlib.sha256)
        return f"{stated}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


class LinkSessions:
    """Sessions of the backend's page: a link of the terminal, used once, begins one; the key stays here.

    A session is a pass of its own, so it outlives a restart of the backend and ends with its key.
    """

    asks_for: Literal["link"] = "link"

    def __init__(self, key: str, run: str, clock: Callable[[], float] = time.time) -> None:
        """Accept links for one `run` of the process: one for an earlier run could have been used there."""
        self._key = key
        self._links = link_passes(key, run, clock)
        self._sessions = Passes(key, "page session", clock)
        self._clock = clock
        self._used: dict[str, int] = {}

    async def begin(self, given: str) -> str | None:
        """Return the cookie of a new session; None for a link that is over, used or not ours."""
        expires_at = self._links.expiry(given)
        if expires_at is None or given in self._used:
            return None
        now = self._clock()
        self._used = {used: end for used, end in self._used.items() if end > now}
        if len(self._used) >= MOST_USED:
            return None
        self._used[given] = expires_at
        return self._sessions.make(SESSION_S)

    async def headers(self, cookie: str) -> Mapping[str, str] | None:
        """Return the header with the key."""
        if self._sessions.expiry(cookie) is None:
            return None
        return {"Authorization": f"Bearer {self._key}"}


class OpenSessions:
    """Sessions of a server without logins."""

    asks_for: Literal["nothing"] = "nothing"

    async def begin(self, given: str) -> str | None:
        """Return no cookie: there is nothing to sign in to."""
        del given
        return None

    async def headers(self, cookie: str) -> Mapping[str, str] | None:
        """Return no headers, whatever the cookie says."""
        del cookie
        return {}


def link_passes(key: str, run: str, clock: Callable[[], float] = time.time) -> Passes:
    """Return the passes that links of the process `run` carry."""
    return Passes(key, f"page link {run}", clock)
