"""Whether a request was made by our own page: no other site can use a session (OWASP, CSRF prevention)."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from calypso_mcp.domain.addresses import is_loopback

_READING = frozenset({"GET", "HEAD"})
#: A request that a person typed has no origin; one of our page has ours.
_OWN_SITES = frozenset({"same-origin", "none"})


def is_own_request(method: str, headers: Headers) -> bool:
    """Whether a browser would send this request from a page of the same origin.

    A change must name its origin, as browsers do. Old browsers leave `Sec-Fetch-Site` out.
    """
    if headers.get("sec-fetch-site", "same-origin") not in _OWN_SITES:
        return False
    origin = headers.get("origin")
    if origin is None:
        return method in _READING
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""


def is_known_host(host: str, allowed: Collection[str]) -> bool:
    """Whether the Host header names this machine, an address, or an allowed name.

    Any other name may be a foreign site's that was pointed at us (DNS rebinding); an address cannot be.
    Allowed are `name`, `name:port` or `name:*`.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if is_loopback(name):
        return True
    try:
        ip_address(name)
    except ValueError:
        return any(known.lower() in {name, host.lower(), f"{name}:*"} for known in allowed)
    return True
