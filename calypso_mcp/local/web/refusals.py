"""Why a URL is not read (API sheet section 7)."""

from __future__ import annotations

from calypso_mcp.local.refusals import Refusal, invalid


def blocked(message: str) -> Refusal:
    """Return the refusal of a URL that must not be fetched."""
    return invalid(message, code="url_fetch_blocked")


def failed(message: str, *, retryable: bool = False) -> Refusal:
    """Return the refusal of a URL whose fetch failed.

    Not a 5xx: clients repeat those at once, and a failing site needs longer.
    """
    return Refusal(422, "url_fetch_failed", message, retryable=retryable)


def too_large(most_bytes: int) -> Refusal:
    """Return the refusal of content larger than `most_bytes`."""
    return Refusal(413, "file_too_large", f"The content at the URL is larger than {most_bytes:,} bytes.")
