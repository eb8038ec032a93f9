"""Declarations that tests change one attribute of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from calypso_mcp.domain.uploads.declaration import Declaration, Destination

USUAL = Declaration(
    "a.md",
    Destination(bucket="x"),
    "text/markdown",
    title="A",
    tags=("t",),
    metadata={"k": 1, "j": 2},
    path="docs/a.md",
)
HASH = "ab" * 32


def an_id(content_hash: str = HASH, generation: int = 0, **change: Any) -> str:
    """Return the batch id of the usual file, changed."""
    return replace(USUAL, **change).client_file_id(content_hash, generation)


def a_key(content_hash: str = HASH, generation: int = 0, **change: Any) -> str:
    """Return the idempotency key of the usual file, changed."""
    return replace(USUAL, **change).upload_key(content_hash, generation)
