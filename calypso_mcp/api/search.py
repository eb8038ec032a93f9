"""Retrieval without synthesis on the wire (API sheet section 9.1)."""

from __future__ import annotations

from typing import Any

from pydantic import Field, StrictInt

from calypso_mcp.api.wire import WireModel
from calypso_mcp.domain.limits import SearchLimits

_LIMITS = SearchLimits()


class SearchRequest(WireModel):
    """Body of `POST /search`. `agent` and `buckets` exclude each other; neither means the default agent."""

    query: str = Field(min_length=1)
    agent: str | None = None
    buckets: tuple[str, ...] | None = Field(default=None, max_length=_LIMITS.buckets)
    max_results: StrictInt | None = Field(default=None, ge=1, le=_LIMITS.results)


class SearchResult(WireModel):
    """One passage.

    The embedded backend puts into `attributes`: `bucket_ids` (all buckets the file is in), `score` (higher is
    better), `heading` (the headings it stands under, outermost first, parted by " > "), and where it stands,
    counted from 1: `page` (with `page_label` where another number is printed on it), `slide`, `message`,
    `cell`, `sheet` with `row_start` and `row_end`, `line_start` and `line_end`.
    """

    source_index: StrictInt = 0
    type: str = "file"
    title: str | None = None
    text: str | None = None
    file_id: str | None = None
    filename: str | None = None
    url: str | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)


class SearchResponse(WireModel):
    """Answer of `POST /search`."""

    object: str = "search"
    query: str = ""
    agent: str | None = None
    strategy: str | None = None
    results: tuple[SearchResult, ...] = ()
    usage: dict[str, Any] | None = None
    request_id: str | None = None
