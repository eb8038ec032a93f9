"""What a fetch may reach and cost."""

from __future__ import annotations

import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

import anyio

from calypso_mcp.local.refusals import blocked, failed
from calypso_mcp.local.web.public_addresses import IPAddress, is_private, is_public
from calypso_mcp.local.web.urls import WebUrl, parse_url

if TYPE_CHECKING:
    from httpcore2 import AsyncNetworkBackend

_PORT = re.compile(r":[0-9]+$")
#: Returns the addresses of a host name.
Resolve = Callable[[str], Awaitable[Sequence[IPAddress]]]


@dataclass(frozen=True, slots=True)
class PrivateHosts:
    """Hosts on private networks that the operator opened: (host, port), port None for any web port."""

    hosts: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> PrivateHosts:
        """Return the hosts that `texts` name, each with or without a port.

        Raises:
            Refusal: One of them is not a host.
        """
        urls = [(parse_url(f"http://{text}"), text) for text in texts]
        return cls(frozenset((url.host, url.port if _PORT.search(text) else None) for url, text in urls))

    def include(self, host: str, port: int) -> bool:
        """Whether the operator opened this host at this port."""
        return (host, port) in self.hosts or (host, None) in self.hosts

    def check_url(self, url: WebUrl) -> None:
        """Check what can be checked before the name in `url` is resolved.

        Raises:
            Refusal: It leads to no public web server (`url_fetch_blocked`).
        """
        if (url.host, url.port) in self.hosts:
            return
        if not url.is_at_web_port:
            raise blocked(
                f"Port {url.port} is not a web port (80, 443, 8080, 8443). The operator can allow it: "
                f"--allow-private-host {url.host}:{url.port}."
            )
        if url.names_private_host and not self.include(url.host, url.port):
            raise _not_public(url.host)

    def check_address(self, host: str, port: int, address: IPAddress) -> None:
        """Check an address that `host` has.

        Raises:
            Refusal: It is not public, and not a private one that the operator opened (`url_fetch_blocked`).
        """
        if not (is_public(address) or (self.include(host, port) and is_private(address))):
            raise _not_public(host)


async def resolve_by_system(host: str) -> Sequence[IPAddress]:
    """Return the addresses of `host` from the system's resolver; raises a Refusal if it knows none."""
    try:
        found = await anyio.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise failed(f"The host {host!r} cannot be found.", retryable=True) from None
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


@dataclass(frozen=True, slots=True)
class WebPolicy:
    """All options of fetches. Times are in seconds.

    `network` replaces the network of this machine.
    """

    private_hosts: PrivateHosts = PrivateHosts()
    #: For a fetch as a whole, redirects included, so that a site that drips ends, too.
    total_s: float = 25.0
    #: To open a connection, and between two pieces of an answer.
    silence_s: float = 10.0
    resolve: Resolve = resolve_by_system
    network: AsyncNetworkBackend | None = field(default=None, repr=False)


def _not_public(host: str) -> Exception:
    return blocked(f"{host!r} is not on the public internet.")
