"""Why the API refuses a request: status, code and message, raised anywhere below a route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calypso_mcp.api.problem import Problem


class Refusal(Exception):
    """A request that the API answers with an error (API sheet section 7)."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.problem = Problem(code, message, retryable, details)
        self.headers = dict(headers or {})


def invalid(message: str, *, code: str = "invalid_request", details: Any = None) -> Refusal:
    """Return a 400."""
    return Refusal(400, code, message, details=details)


def not_found(what: str, code: str) -> Refusal:
    """Return a 404 for an id that names nothing."""
    return Refusal(404, code, f"There is no {what} with this id.")


def bucket_required() -> Refusal:
    """Return the refusal of an upload without a destination (seeds)."""
    return invalid("Name a destination: bucket_ids, bucket_slugs or bucket.", code="bucket_required")


def bucket_not_assigned(reference: str) -> Refusal:
    """Return the refusal of an upload whose destination does not resolve (seed: single upload)."""
    return invalid(
        f"Bucket {reference[:200]!r} cannot be resolved. Fix the id or slug, or set "
        "create_missing_buckets=true to create a bucket by its slug.",
        code="bucket_assignment_failed",
    )


def key_reused() -> Refusal:
    """Return the refusal of an idempotency key that an earlier request used with other content."""
    return Refusal(
        409,
        "idempotency_key_reused",
        "This idempotency key was used with other content. Use a new key for new content.",
    )


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
