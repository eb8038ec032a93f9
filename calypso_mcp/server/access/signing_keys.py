"""The signing keys an OAuth issuer publishes: fetched over https, remembered, fetched again when they rotate.

Fetches are bounded, because a caller chooses the key id that is looked for: at most one in
`MIN_REFRESH_S` however many unknown ids arrive, one at a time, small answers only, no redirects.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import anyio

from calypso_mcp.domain.addresses import keeps_secrets, split_url
from calypso_mcp.errors import ConfigError, ConnectionFailed

if TYPE_CHECKING:
    import httpx2
    from jwt import PyJWK

_log = logging.getLogger(__name__)

#: How long a fetched set is used before it is fetched again, in seconds.
MAX_AGE_S = 600.0
#: Shortest time between two fetches, in seconds.
MIN_REFRESH_S = 30.0
#: How long a set may still be used while the issuer cannot be reached, in seconds.
MAX_STALE_S = 86_400.0
_FETCH_TIMEOUT_S = 5.0
_LARGEST_ANSWER_BYTES = 262_144


class SigningKeys:
    """The keys at one JWKS address (RFC 7517), by key id.

    Args:
        url: The address; https, or http to this machine.
        transport: Replaces the network in tests.
        clock: Seconds that only ever grow.

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
        self._keys: dict[str | None, PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = anyio.Lock()

    async def get(self, key_id: str | None) -> PyJWK | None:
        """Return the key called `key_id`; None when the issuer has none by that name.

        Raises:
            ConnectionFailed: The issuer cannot be reached and nothing usable is remembered.
        """
        known, age = self._keys.get(key_id), self._age(self._fetched_at)
        # A fetch, which anybody can cause with a made-up id, holds up nobody whose key is at hand.
        if known is not None and age <= (MAX_STALE_S if self._lock.locked() else MAX_AGE_S):
            return known
        async with self._lock:
            age = self._age(self._fetched_at)
            if (age > MAX_AGE_S or key_id not in self._keys) and self._age(self._tried_at) >= MIN_REFRESH_S:
                self._tried_at = self._clock()
                await self._refresh()
            if self._age(self._fetched_at) > MAX_STALE_S:
                raise ConnectionFailed("The signing keys of the OAuth issuer cannot be fetched.")
            return self._keys.get(key_id)

    def _age(self, moment: float | None) -> float:
        return float("inf") if moment is None else self._clock() - moment

    async def _refresh(self) -> None:
        import httpx2
        from jwt import PyJWTError

        try:
            document = await self._fetch()
            self._keys = _usable_keys(document)
        except (httpx2.HTTPError, ValueError, TimeoutError, PyJWTError) as error:
            _log.warning("The OAuth issuer's signing keys could not be fetched: %s", type(error).__name__)
        else:
            self._fetched_at = self._clock()

    async def _fetch(self) -> Mapping[str, Any]:
        import httpx2

        with anyio.fail_after(_FETCH_TIMEOUT_S):
            async with (
                httpx2.AsyncClient(
                    transport=self._transport, follow_redirects=False, trust_env=False
                ) as http,
                http.stream("GET", self._url, headers={"Accept": "application/json"}) as response,
            ):
                if response.status_code != 200:  # noqa: PLR2004 - HTTP
                    raise ValueError(f"status {response.status_code}")
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _LARGEST_ANSWER_BYTES:
                        raise ValueError("answer too large")
        document: Any = json.loads(bytes(body))
        if not isinstance(document, dict):
            raise ValueError("not a key set")  # noqa: TRY004 - one kind of error for every wrong answer
        return cast("Mapping[str, Any]", document)


def require_https(url: str) -> None:
    """Refuse an address that would carry trust over plain http to another machine.

    Raises:
        ConfigError: It would.
    """
    parts = split_url(url)
    if parts is not None and keeps_secrets(parts):
        return
    raise ConfigError(f"{url}: must be an https:// address (plain http is allowed to this machine only).")


def _usable_keys(document: Mapping[str, Any]) -> dict[str | None, PyJWK]:
    """Return the keys for signatures by id; one without an id serves tokens that name none."""
    from jwt import PyJWKSet

    found = PyJWKSet.from_dict(dict(document)).keys
    # A symmetric "public" key would let anybody who can read the set sign tokens.
    usable = [key for key in found if key.key_type != "oct" and key.public_key_use in (None, "sig")]
    return {key.key_id: key for key in usable}
