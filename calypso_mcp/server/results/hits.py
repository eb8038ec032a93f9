"""Passages as tools show them: cleaned, cut, and with what a reader needs to check them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.search import SearchResult
from calypso_mcp.domain.json_values import as_list, as_object
from calypso_mcp.domain.outlines import widen_to_section
from calypso_mcp.domain.untrusted_text import clean_line, fence
from calypso_mcp.server.results import excerpts
from calypso_mcp.server.results.models import USUAL, Prose, ToolResult, day_of, one_line
from calypso_mcp.server.results.places import match_of, narrow, outline_of, place_text
from calypso_mcp.server.scope.bucket_search import Found

_LABEL_CHARS = 160
#: Other files with the same text named at most.
_MOST_COPIES = 5
_CUT = "… marks text left out; search_bucket with detail=full shows it."


class Hit(ToolResult):
    """One passage and what a reader needs to check it; `place` is what `read_source` takes as `start`."""

    text: Annotated[str, Prose]
    file_id: str | None = USUAL
    filename: str | None = USUAL
    place: str | None = USUAL
    bucket: str | None = USUAL
    title: str | None = None
    url: str | None = None
    updated: str | None = None
    cut: bool | None = None
    also_in: list[str] | None = None

    @property
    def source(self) -> str:
        """Where the passage stands, for a person."""
        name = self.filename or self.url or self.title or "unnamed source"
        return f"{name}, {self.place}" if self.place else name

    def as_text(self, searched: str | None = None) -> str:
        """Return the passage fenced, under its source; without its bucket if it is the one `searched`."""
        facts = {
            "title": None if self.title and self.title in self.source else self.title,
            "bucket": None if self.bucket == searched else self.bucket,
            "file_id": self.file_id,
            "url": self.url if self.filename else None,
            "updated": self.updated,
            "also in": self.also_in,
        }
        head = one_line({key: value for key, value in facts.items() if value is not None})
        # An agent may cite a source without quoting it.
        return f"{head}\n{fence(self.text, self.source) if self.text else f'source: {self.source}'}"


def make_hit(entry: Found, query: str, tokens: int, *, concise: bool = True) -> Hit:
    """Return a passage found as a hit: cited, and cut to `tokens`.

    With `concise` only the part that matches is shown, where the API says which.
    """
    result, slug = entry.result, entry.bucket.slug if entry.bucket else None
    text, attributes = result.text or "", result.attributes
    match = match_of(attributes, text) if concise else None
    kind: Any = attributes.get("kind")
    start, end = excerpts.find_part(text, query, tokens, *(match or ()))
    # What stands in other sections is not missed.
    first, last = widen_to_section(outline_of(attributes), text, start, end) if match else (0, len(text))
    names = slice(*excerpts.find_names_above(text, start))
    shown = excerpts.show_part(text, start, end, names.stop if text[names] else first, last)
    return Hit(
        text=text[names] + shown,
        cut=bool(text[first:start].strip() or text[end:last].strip()) or None,
        title=_line(result.title),
        file_id=result.file_id,
        # A page is cited by its address, an answer by its question, not by the files that hold them.
        filename=_file_name(result) if kind is None else None,
        place=(place_text(narrow(attributes, text, start, end)) or None) if kind != "qa" else None,
        bucket=slug,
        url=_line(result.url),
        updated=day_of(attributes.get("updated_at")),
        also_in=_copies(attributes.get("also_in")),
    )


def write_hits(hits: Sequence[Hit], searched: str | None = None) -> list[str]:
    """Return each hit as text under its number, and what marks left-out text; `searched`: see `Hit`."""
    texts = [f"[{rank}] {hit.as_text(searched)}" for rank, hit in enumerate(hits, start=1)]
    return [*texts, _CUT] if any(hit.cut for hit in hits) else texts


def count_pending(searched: Sequence[Bucket]) -> dict[str, int] | None:
    """Return how many sources are not searchable yet, by bucket; None if all of them are."""
    pending = {bucket.slug: bucket.store.pending_member_count for bucket in searched if bucket.store}
    return {slug: count for slug, count in pending.items() if count} or None


def write_pending(pending: Mapping[str, int] | None) -> list[str]:
    """Return what buckets that are not complete mean for a reader who found nothing."""
    return [
        f"Incomplete: bucket {slug} has {count} source{'s' * (count > 1)} not searchable yet, so a missing "
        f"answer proves nothing; call wait_for_bucket_sync with bucket={slug}."
        for slug, count in (pending or {}).items()
    ]


def _file_name(result: SearchResult) -> str | None:
    """Return the path of a file in the folder that it came from, where it is known: names repeat."""
    path = result.attributes.get("path")
    return _line(path if isinstance(path, str) and len(path) <= _LABEL_CHARS else result.filename)


def _line(text: str | None) -> str | None:
    return clean_line(text, _LABEL_CHARS) or None if text else None


def _copies(value: Any) -> list[str] | None:
    """Return the names of other files with the same text, each once."""
    names = (as_object(copy).get("filename") for copy in as_list(value)[:_MOST_COPIES])
    lines = (_line(name) for name in names if isinstance(name, str))
    return list(dict.fromkeys(filter(None, lines))) or None
