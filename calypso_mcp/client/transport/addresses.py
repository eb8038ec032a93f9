"""Checks the addresses that this client is given: it sends nothing to one that would give secrets away."""

from __future__ import annotations

from calypso_mcp.domain.addresses import is_api_root, keeps_secrets, split_url
from calypso_mcp.errors import ConfigError, ContractError


def check_base_url(url: str) -> str:
    """Return the API's base URL without a trailing slash.

    Raises:
        ConfigError: It is no URL, not https (loopback excepted), has credentials, a query or a fragment,
            or does not end in `/v1`. The URL itself is not repeated: it may hold a password.
    """
    hint = "Use the form https://api.calypso.so/v1; plain http is for this machine only."
    parts = split_url(url)
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


def check_upload_url(url: str) -> None:
    """Check an upload address the API handed out, without ever repeating it.

    Raises:
        ContractError: It is no URL, or plain http to another machine.
    """
    parts = split_url(url)
    if parts is None or not keeps_secrets(parts):
        raise ContractError(
            "The API returned an upload address without https.",
            hint="Nothing was sent there. Check the API base URL.",
            code="insecure_upload_address",
        )
