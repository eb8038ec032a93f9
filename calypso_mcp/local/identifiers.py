"""Ids, secrets and fingerprints."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from calypso_mcp.local.text_forms import dump_json


def new_id(kind: str) -> str:
    """Return a fresh id such as `file_…`."""
    return f"{kind}_{secrets.token_hex(12)}"


def derived_id(kind: str, *parts: str) -> str:
    """Return an id made from `parts`: equal parts give equal ids."""
    return f"{kind}_{fingerprint(list(parts))[:24]}"


def new_secret() -> str:
    """Return an unguessable part of an upload address (256 bits)."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """Return what is stored in place of a secret. Secrets are random, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fingerprint(value: Any) -> str:
    """Return a hash that is equal for equal JSON values."""
    return hashlib.sha256(dump_json(value, sort_keys=True).encode()).hexdigest()
