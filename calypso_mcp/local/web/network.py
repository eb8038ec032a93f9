"""Connections to checked addresses only.

The name is resolved, every address it has is checked, and the connection goes to one of just these: a name
that has another address a moment later (DNS rebinding) gains nothing. TLS and the Host header keep the name.
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
        self._network = policy.network or _this_machines()

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
        address = address_of(host)
        found = [address] if address is not None else await self._policy.resolve(host)
        for each in found:
            self._policy.private_hosts.check_address(host, port, each)
        return list(dict.fromkeys(found))


def _this_machines() -> httpcore2.AsyncNetworkBackend:
    # The library offers a stand-in of another type where anyio is missing.
    return cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())
