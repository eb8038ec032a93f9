"""The signing keys an OAuth issuer publishes: fetched over https, remembered, fetched again when they rotate.

Fetches are bounded, because a caller chooses the key id that is looked for: at most one in
`MIN_REFRESH_S` however many unknown ids arrive, one at a time, small answers only, no redirects.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

import anyio

from calypso_mcp.domain.addresses import keeps_secrets, split_url
from calypso_mcp.errors import Busy, ConfigError, ConnectionFailed
from calypso_mcp.server.access.check_queue import CheckPolicy, CheckQueue
from calypso_mcp.server.access.oauth.key_set import SigningKey, matching, parse_key_set

if TYPE_CHECKING:
    import httpx2

_log = logging.getLogger(__name__)

#: How long a fetched set is used before it is fetched again, in seconds.
MAX_AGE_S = 600.0
#: Shortest time between two fetches, in seconds.
MIN_REFRESH_S = 30.0
#: How long a set may still be used while the issuer cannot be reached, in seconds.
MAX_STALE_S = 86_400.0
_FETCH_TIMEOUT_S = 5.0
_LARGEST_ANSWER_BYTES = 262_144
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class SigningKeys:
    """The keys at one JWKS address (RFC 7517), by key id.

    Args:
        url: The address; https, or http to this machine.

    Raises:
        ConfigError: The address is plain http to another machine.
    """

    def __init__(
        self,
        url: str,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        require_https(url)
        self._url = url
        self._transport = transport
        self._clock = clock
        self._keys: list[SigningKey] = []
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = anyio.Lock()
        # Nothing is asked of the issuer for most of them, so there is no pause between two.
        self._strangers = CheckQueue(CheckPolicy(pause_s=0.0))

    async def find(self, key_id: str | None, algorithm: str) -> Sequence[SigningKey]:
        """Return the keys that may have signed a token, see `matching`.

        Raises:
            ConnectionFailed: The issuer cannot be reached and nothing usable is remembered.
            Busy: Too many tokens wait for the issuer's answer, or it cannot say whether the key is new.
        """
        known, age = matching(self._keys, key_id, algorithm), self._age(self._fetched_at)
        # A made-up id can cause a fetch; it holds up no token whose key is at hand.
        if known and age <= (MAX_STALE_S if self._lock.locked() else MAX_AGE_S):
            return known
        if known:
            return await self._looked_up(key_id, algorithm)
        return await self._strangers.run(lambda: self._looked_up(key_id, algorithm))

    async def _looked_up(self, key_id: str | None, algorithm: str) -> Sequence[SigningKey]:
        async with self._lock:
            known, age = matching(self._keys, key_id, algorithm), self._age(self._fetched_at)
            if (age > MAX_AGE_S or not known) and self._age(self._tried_at) >= MIN_REFRESH_S:
                self._tried_at = self._clock()
                await self._refresh()
            known = matching(self._keys, key_id, algorithm)
            if self._age(self._fetched_at) > MAX_STALE_S:
                raise ConnectionFailed("The signing keys of the OAuth issuer cannot be fetched.")
            # A key that is missing may be new: only an issuer that answers can say that it is not.
            if not known and self._age(self._fetched_at) > self._age(self._tried_at):
                raise Busy("The OAuth issuer cannot be asked about a new signing key.")
            return known

    def _age(self, moment: float | None) -> float:
        return float("inf") if moment is None else self._clock() - moment

    async def _refresh(self) -> None:
        import httpx2

        try:
            self._keys = parse_key_set(await self._fetch())
        except (httpx2.HTTPError, ValueError, TimeoutError, RecursionError) as error:
            _log.warning("The OAuth issuer's signing keys could not be fetched: %s", type(error).__name__)
        else:
            self._fetched_at = self._clock()

    async def _fetch(self) -> bytes:
        import httpx2

        with anyio.fail_after(_FETCH_TIMEOUT_S):
            async with (
                httpx2.AsyncClient(
                    transport=self._transport, follow_redirects=False, trust_env=False
                ) as http,
                http.stream("GET", self._url, headers=_HEADERS) as response,
            ):
                if response.status_code != HTTPStatus.OK:
                    raise ValueError(f"status {response.status_code}")
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise ValueError("compressed")  # unpacked, a small answer may be of any size
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _LARGEST_ANSWER_BYTES:
                        raise ValueError("answer too large")
        return bytes(body)


def require_https(url: str) -> None:
    """Refuse an address that would carry trust over plain http to another machine.

    Raises:
        ConfigError: It would.
    """
    parts = split_url(url)
    if parts is not None and keeps_secrets(parts):
        return
    raise ConfigError(f"{url}: must be an https:// address (plain http is allowed to this machine only).")
