"""Which addresses secrets may travel to: https anywhere, plain http on this machine only."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

#: The query of an address: that of a signed one is a credential.
_QUERY = re.compile(r"""\?[^\s"'<>()?=]*=(?:[^\s"<>]*[^\s"<>'().,;:!?])?""")


@lru_cache(64)
def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine by definition (RFC 6761, RFC 6890), without asking a resolver."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def split_url(url: str) -> SplitResult | None:
    """Return the parts of a URL that names a host; None for any other text.

    A text with spaces or control characters is no URL here: `urlsplit` drops some of them, so the URL that
    was checked would differ from the one that is used.
    """
    if not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it checks it
    except ValueError:
        return None
    return parts if parts.hostname else None


def without_queries(text: str) -> str:
    """Return what the API says without the queries of addresses: it may quote one that it has signed."""
    return _QUERY.sub("?…", text)


def keeps_secrets(parts: SplitResult) -> bool:
    """Return whether traffic to that address is encrypted or stays on this machine."""
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def is_api_root(parts: SplitResult) -> bool:
    """Return whether an address is the root of an API: it ends in `/v1`, without a query or fragment."""
    return parts.path.rstrip("/").endswith("/v1") and not parts.query and not parts.fragment


def may_be_api_key(text: str) -> bool:
    """Return whether a text can be a bearer token, which travels in a header and has no quotes.

    Any other text would fail at the first request, in a header with the key in the HTTP library's error.
    """
    return bool(text) and text.isascii() and text.isprintable() and set(text).isdisjoint(" \"'")
