"""Which addresses secrets may travel to: https anywhere, plain http on this machine only."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from calypso_mcp.errors import ConfigError, ContractError


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine by definition (RFC 6761, RFC 6890), without asking a resolver."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def check_base_url(url: str) -> str:
    """Return the API's base URL without a trailing slash.

    Raises:
        ConfigError: It is no URL, not https (loopback excepted), has credentials, a query or a fragment,
            or does not end in `/v1`. The URL itself is not repeated: it may hold a password.
    """
    hint = "Use the form https://api.calypso.so/v1; plain http is for this machine only."
    parts = _split(url)
    if parts is None:
        raise ConfigError("The API base URL is not a URL.", hint=hint)
    if not _is_safe(parts):
        raise ConfigError(
            "The API base URL must use https, because the API key travels with every request.", hint=hint
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError("The API base URL must have no credentials, query or fragment.", hint=hint)
    if not parts.path.rstrip("/").endswith("/v1"):
        raise ConfigError("The API base URL must end in /v1.", hint=hint)
    return url.rstrip("/")


def check_upload_url(url: str) -> None:
    """Check an upload address the API handed out, without ever repeating it.

    Raises:
        ContractError: It is no URL, or plain http to another machine.
    """
    parts = _split(url)
    if parts is None or not _is_safe(parts):
        raise ContractError(
            "The API handed out an upload address that is not https.",
            hint="Nothing was sent there. Check the API base URL.",
            code="insecure_upload_address",
        )


def _split(url: str) -> SplitResult | None:
    if not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # only read to have it checked
    except ValueError:
        return None
    return parts if parts.hostname else None


def _is_safe(parts: SplitResult) -> bool:
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
