"""Passages as tools show them: cleaned, cut, and with what a reader needs to check them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, cast

from calypso_mcp.api.buckets import Bucket
from calypso_mcp.domain.amounts import format_score
from calypso_mcp.domain.untrusted_text import clean, clean_line, fence
from calypso_mcp.server.results import excerpts
from calypso_mcp.server.results.models import Prose, ToolResult
from calypso_mcp.server.results.places import place_text
from calypso_mcp.server.scope.bucket_search import Found, score_of

_LABEL_CHARS = 160
#: Other files with the same text named at most.
_MOST_COPIES = 5


class Hit(ToolResult):
    """One passage and what a reader needs to check it; `place` is what `read_source` takes as `start`."""

    rank: int
    text: Annotated[str, Prose]
    cut: bool | None = None
    title: str | None = None
    file_id: str | None = None
    filename: str | None = None
    place: str | None = None
    bucket: str | None = None
    uri: str | None = None
    score: float | None = None
    also_in: list[str] | None = None

    @property
    def source(self) -> str:
        """Where the passage stands, for a person."""
        name = self.filename or self.title or self.uri or "unnamed source"
        return f"{name}, {self.place}" if self.place else name


class PendingMembers(ToolResult):
    """A searched bucket that is not complete yet."""

    bucket: str
    pending: int


def hit_of(rank: int, entry: Found, query: str, tokens: int) -> Hit:
    """Return a passage found as the hit of that rank, cut to `tokens` around the words of `query`."""
    result, slug = entry.result, entry.bucket.slug if entry.bucket else None
    text, cut = excerpts.cut(clean(result.text or ""), query, tokens)
    score = score_of(result)
    uri = f"bucket://{slug}/files/{result.file_id}" if slug and result.file_id else None
    return Hit(
        rank=rank,
        text=text,
        cut=cut or None,
        title=_line(result.title),
        file_id=result.file_id,
        filename=_line(result.filename),
        place=place_text(result.attributes) or None,
        bucket=slug,
        uri=uri or _line(result.url),
        score=round(score, 4) if score is not None else None,
        also_in=_copies(result.attributes.get("also_in")),
    )


def hit_text(hit: Hit) -> str:
    """Return a hit fenced, under its source."""
    facts = {
        "title": hit.title,
        "bucket": hit.bucket,
        "file_id": hit.file_id,
        "uri": hit.uri,
        "score": None if hit.score is None else format_score(hit.score),
        "also in": ", ".join(hit.also_in or ()) or None,
        "cut": "yes, search_bucket with detail=full shows all of it" if hit.cut else None,
    }
    head = ", ".join(f"{key}: {value}" for key, value in facts.items() if value is not None)
    return f"[{hit.rank}] {head}\n{fence(hit.text, hit.source)}"


def incomplete(searched: Sequence[Bucket]) -> list[PendingMembers] | None:
    """Return the buckets of which something is not searchable yet; None where all of it is."""
    pending = [
        PendingMembers(bucket=bucket.slug, pending=bucket.store.pending_member_count)
        for bucket in searched
        if bucket.store and bucket.store.pending_member_count
    ]
    return pending or None


def incomplete_text(pending: PendingMembers) -> str:
    """Return what a bucket that is not complete means for whoever found nothing."""
    return (
        f"Incomplete: bucket {pending.bucket} has {pending.pending} members not searchable yet, so an absent"
        f" answer proves nothing; call wait_for_bucket_sync with bucket={pending.bucket}."
    )


def _line(text: str | None) -> str | None:
    return clean_line(text, _LABEL_CHARS) or None if text else None


def _copies(value: Any) -> list[str] | None:
    """Return the names of other files with the same text."""
    copies = cast("list[Any]", value) if isinstance(value, list) else []
    entries = [cast("dict[str, Any]", copy) for copy in copies[:_MOST_COPIES] if isinstance(copy, dict)]
    names = [entry["filename"] for entry in entries if isinstance(entry.get("filename"), str)]
    return [line for name in names if (line := _line(name))] or None
