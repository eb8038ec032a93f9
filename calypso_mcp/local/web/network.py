"""Connections to checked addresses only.

Each name is resolved once, all its addresses are checked, and the connection goes to one of them: a name that
gets another address a moment later (DNS rebinding) gains nothing. TLS and the Host header keep the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import httpcore2

from calypso_mcp.local.web.policy import WebPolicy
from calypso_mcp.local.web.public_addresses import IPAddress
from calypso_mcp.local.web.refusals import failed
from calypso_mcp.local.web.urls import address_of

#: Addresses of one host that are tried.
_MOST_TRIED = 4


class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """The network as far as a policy allows it."""

    def __init__(self, policy: WebPolicy) -> None:
        """Connect through the policy's network, or through this machine's."""
        self._policy = policy
        # The cast: the library offers a stand-in of another type where anyio is missing.
        self._network = policy.network or cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to an address of `host`.

        Raises:
            Refusal: One of its addresses must not be reached, or none answers.
        """
        for address in (await self._addresses(host, port))[:_MOST_TRIED]:
            try:
                return await self._network.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        raise failed(f"{host!r} does not answer on port {port}.", retryable=True)

    async def _addresses(self, host: str, port: int) -> Sequence[IPAddress]:
        stated = address_of(host)
        found = [stated] if stated is not None else await self._policy.resolve(host)
        for address in found:
            self._policy.private_hosts.check_address(host, port, address)
        return list(dict.fromkeys(found))
