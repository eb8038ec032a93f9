"""Ids, secrets and fingerprints."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any, Final

#: The one team of an embedded backend.
TEAM_ID: Final = "team_local"
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def new_id(kind: str) -> str:
    """Return a fresh id such as `file_…`."""
    return f"{kind}_{secrets.token_hex(12)}"


def derived_id(kind: str, origin: str) -> str:
    """Return the id of what is made of `origin`, always the same."""
    return f"{kind}_{fingerprint([origin])[:24]}"


def new_secret() -> str:
    """Return an unguessable part of an upload address (256 bits)."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """Return what is stored in place of a secret. Secrets are random, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fingerprint(value: Any) -> str:
    """Return a hash that is equal for equal JSON values."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()
