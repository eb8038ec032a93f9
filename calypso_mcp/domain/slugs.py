"""Slugs: the URL-safe handles of buckets and agents."""

from __future__ import annotations

import hashlib
import re

from calypso_mcp.domain.unicode_forms import normalize

_LONGEST = 63
_NOT_ALLOWED = re.compile(r"[^a-z0-9]+")


def slug_of(text: str) -> str:
    """Return lower-case ASCII letters, digits and single hyphens made from `text`; may be empty."""
    plain = normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode("ascii")
    return _NOT_ALLOWED.sub("-", plain).strip("-")[:_LONGEST].rstrip("-")


def slug_for(name: str, prefix: str) -> str:
    """Return a slug for `name`, made from its hash if it has no ASCII letter or digit."""
    return slug_of(name) or f"{prefix}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
