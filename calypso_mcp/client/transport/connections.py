"""The HTTP clients for the API, for its streamed answers and for the storage, each built when first used."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from functools import cache, cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from ssl import SSLContext
from urllib.parse import urlsplit

import httpx2

from calypso_mcp.client.policies import ClientPolicies
from calypso_mcp.domain.addresses import is_api_root, is_loopback, keeps_secrets, split_url
from calypso_mcp.errors import ConfigError

#: Idle connections are dropped before common proxies and storage hosts drop them on us.
_IDLE_S = 20.0
_API_CONNECTIONS = 20


@cache
def _certificates(*, trust_env: bool) -> SSLContext:
    """Return the one TLS context of the process: reading the certificate store takes tens of milliseconds."""
    return httpx2.create_ssl_context(trust_env=trust_env)


class Connections:
    """Connection pools and their lifetime. They belong to no API key: each request carries its own.

    They are built for the first request, because building them would delay a server's start.
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
        """Build nothing yet; by default as many connections as one caller needs."""
        self._base_url = base_url
        self._policies = policies
        self._transport = transport
        self._storage_transport = storage_transport or transport
        self._api_connections = most_connections or _API_CONNECTIONS
        self._storage_connections = most_connections or policies.parallel_uploads
        self._built: list[httpx2.AsyncClient] = []

    @cached_property
    def api(self) -> httpx2.AsyncClient:
        """The client for JSON requests."""
        return self._build(self._transport, self._api_connections)

    @cached_property
    def streams(self) -> httpx2.AsyncClient:
        """The client for answers that may take a minute each: they must not take the others' connections."""
        return self._build(self._transport, self._api_connections)

    @cached_property
    def storage(self) -> httpx2.AsyncClient:
        """The client for upload addresses."""
        return self._build(self._storage_transport, self._storage_connections)

    async def aclose(self) -> None:
        """Close the clients that were built."""
        async with AsyncExitStack() as stack:
            for client in self._built:
                stack.push_async_callback(client.aclose)

    @cached_property
    def _trust_env(self) -> bool:
        # A proxy from the environment has no business between two programs of this machine.
        return not is_loopback(urlsplit(self._base_url).hostname or "")

    def _build(self, transport: httpx2.AsyncBaseTransport | None, connections: int) -> httpx2.AsyncClient:
        keep_addresses_out()
        timeouts = self._policies.timeouts
        client = httpx2.AsyncClient(
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
        self._built.append(client)
        return client


def keep_addresses_out() -> None:
    """Keep upload addresses, which are secrets, out of the HTTP library's log; again is harmless.

    It writes the whole URL of every request at INFO, and a program that uses the client as a library sets log
    levels without knowing that.
    """
    logging.getLogger("httpx2").addFilter(_shorten_addresses)


def _shorten_addresses(record: logging.LogRecord) -> bool:
    """Shorten every URL to where it leads."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            f"{value.scheme}://{value.netloc.decode()}" if isinstance(value, httpx2.URL) else value
            for value in record.args
        )
    return True


@cache
def user_agent() -> str:
    """Return how this client introduces itself."""
    try:
        return f"calypso-mcp/{version('calypso-mcp')}"
    except PackageNotFoundError:
        return "calypso-mcp"


def check_base_url(url: str) -> str:
    """Return the API's base URL without a trailing slash.

    Raises:
        ConfigError: It is no URL, not https (loopback excepted), has credentials, a query or a fragment,
            or does not end in `/v1`. The URL itself is not repeated: it may hold a password.
    """
    hint = "Use the form https://api.calypso.so/v1; plain http is for this machine only."
    parts = split_url(url)
    try:
        httpx2.URL(url)
    except httpx2.InvalidURL:
        parts = None
    if parts is None:
        raise ConfigError("The API base URL is not a URL.", hint=hint)
    if not keeps_secrets(parts):
        raise ConfigError(
            "The API base URL must use https, because the API key travels with every request.", hint=hint
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError("The API base URL must have no credentials, query or fragment.", hint=hint)
    if not is_api_root(parts):
        raise ConfigError("The API base URL must end in /v1.", hint=hint)
    return url.rstrip("/")
