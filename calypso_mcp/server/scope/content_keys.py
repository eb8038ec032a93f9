"""Idempotency keys of creations, made from what is created: a repeated call finds the first one's result."""

from __future__ import annotations

import hashlib
import json

from calypso_mcp.api.wire import WireModel


def creation_key(kind: str, body: WireModel) -> str:
    """Return the key of creating `body`."""
    content = json.dumps(body.to_wire(), sort_keys=True, ensure_ascii=False)
    return f"mcp-{kind}-{hashlib.sha256(content.encode()).hexdigest()[:40]}"
