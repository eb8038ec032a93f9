"""Ids, secrets and fingerprints."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_SORTED: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


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
    return hashlib.sha256(json_text(value, sort_keys=True).encode()).hexdigest()


def json_text(value: Any, *, sort_keys: bool = False) -> str:
    """Return `value` as compact JSON, the form its size is measured in."""
    return (_SORTED if sort_keys else _COMPACT).encode(value)


@lru_cache(maxsize=1_024)
def read_texts(text: str) -> tuple[str, ...]:
    """Return the JSON array of strings that a column holds; most rows hold the same few."""
    return tuple(json.loads(text))


def iso_time(seconds: float) -> str:
    """Return a Unix time as the API writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
