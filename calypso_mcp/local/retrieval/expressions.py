"""FTS5 expressions for phrases within buckets; `tokens` makes every phrase and leaves no syntax in it."""

from __future__ import annotations

from collections.abc import Sequence

from calypso_mcp.local.retrieval.words.tokens import bucket_token


def any_of(phrases: Sequence[str], bucket_ids: Sequence[str] | None) -> str:
    """Return what finds passages with any of `phrases`, in one of the buckets; None stands for all files."""
    words = f"{{body title heading}} : ({' OR '.join(phrases)})"
    return words if bucket_ids is None else f"{within(bucket_ids)} AND {words}"


def within(bucket_ids: Sequence[str]) -> str:
    """Return what finds every passage of the buckets, at least one."""
    buckets = " OR ".join(f'"{bucket_token(bucket)}"' for bucket in bucket_ids)
    return f"buckets : ({buckets})"
