"""The HTTP clients under everything: for the API, for its streamed answers, for the storage.

Each is built when first used.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import cache, cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from ssl import SSLContext
from urllib.parse import urlsplit

import httpx2

from calypso_mcp.client.policies import ClientPolicies
from calypso_mcp.client.transport.request_log import keep_addresses_out
from calypso_mcp.domain.addresses import is_loopback

#: Idle connections are dropped before common proxies and storage hosts drop them on us.
_IDLE_S = 20.0
_API_CONNECTIONS = 20


@cache
def _certificates(*, trust_env: bool) -> SSLContext:
    """Return the one TLS context of the process: reading the certificate store takes tens of milliseconds."""
    return httpx2.create_ssl_context(trust_env=trust_env)


class Connections:
    """Connection pools and their lifetime. They belong to no API key: each request carries its own.

    Building them is put off until the first request: it takes time that a server's start cannot spare.
    """

    def __init__(
        self,
        base_url: str,
        policies: ClientPolicies,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        storage_transport: httpx2.AsyncBaseTransport | None = None,
        most_connections: int | None = None,
    ) -> None:
        """Remember how to build the clients.

        Args:
            base_url: The checked base URL of the API.
            policies: Timeouts and the number of parallel uploads.
            transport: Replaces the network for API requests.
            storage_transport: Replaces the network for upload addresses; `transport` by default.
            most_connections: At the same time, to the API and to the storage each; by default as many as one
                caller needs.
        """
        self._most_connections = most_connections
        self._base_url = base_url
        self._policies = policies
        self._transport = transport
        self._storage_transport = storage_transport or transport
        self._api: httpx2.AsyncClient | None = None
        self._streams: httpx2.AsyncClient | None = None
        self._storage: httpx2.AsyncClient | None = None

    @property
    def api(self) -> httpx2.AsyncClient:
        """The client for JSON requests."""
        if self._api is None:
            self._api = self._build(self._transport, self._most_connections or _API_CONNECTIONS)
        return self._api

    @property
    def streams(self) -> httpx2.AsyncClient:
        """The client for answers that may take a minute each: they must not take the others' connections."""
        if self._streams is None:
            self._streams = self._build(self._transport, self._most_connections or _API_CONNECTIONS)
        return self._streams

    @property
    def storage(self) -> httpx2.AsyncClient:
        """The client for upload addresses."""
        if self._storage is None:
            most = self._most_connections or self._policies.parallel_uploads
            self._storage = self._build(self._storage_transport, most)
        return self._storage

    async def aclose(self) -> None:
        """Close what was opened."""
        async with AsyncExitStack() as stack:
            for client in (self._api, self._streams, self._storage):
                if client is not None:
                    stack.push_async_callback(client.aclose)

    @cached_property
    def _trust_env(self) -> bool:
        # A proxy from the environment has no business between two programs of this machine.
        return not is_loopback(urlsplit(self._base_url).hostname or "")

    def _build(self, transport: httpx2.AsyncBaseTransport | None, connections: int) -> httpx2.AsyncClient:
        keep_addresses_out()
        timeouts = self._policies.timeouts
        return httpx2.AsyncClient(
            transport=transport,
            verify=True if transport else _certificates(trust_env=self._trust_env),
            timeout=httpx2.Timeout(
                connect=timeouts.connect_s,
                read=timeouts.read_s,
                write=timeouts.write_s,
                # Waiting for a connection is our own queue, which no network fault can hang.
                pool=None,
            ),
            limits=httpx2.Limits(
                max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=_IDLE_S
            ),
            headers={"User-Agent": user_agent()},
            # Several callers share a client: a cookie set for one must not be sent for another.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            follow_redirects=False,
            trust_env=self._trust_env,
        )


@cache
def user_agent() -> str:
    """Return how this client introduces itself."""
    try:
        return f"calypso-mcp/{version('calypso-mcp')}"
    except PackageNotFoundError:
        return "calypso-mcp"
