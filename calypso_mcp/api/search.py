"""Retrieval without synthesis on the wire (API sheet section 9.1)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictInt

from calypso_mcp.api.connection import Extension, mark
from calypso_mcp.api.wire import AnswerModel, AnswerPart, WireModel
from calypso_mcp.domain.json_values import as_object
from calypso_mcp.domain.limits import SEARCH_RESULTS

#: Buckets of one request where the API takes more than five.
MOST_BUCKETS = 10_000
_LONGEST_NAME = 1_000
_FILTER = mark(Extension.FILTERS)


class SearchRequest(WireModel):
    """Body of `POST /search`. `agent` and `buckets` exclude each other; neither means the default agent.

    The published API takes at most five buckets. More of them and the fields from `tags` on are extensions:
    only sources with all these tags, of this name or glob, with these values in their metadata, and at most
    so many passages of one file.
    """

    query: str = Field(min_length=1)
    agent: str | None = None
    buckets: tuple[str, ...] | None = Field(
        default=None, max_length=MOST_BUCKETS, json_schema_extra=mark(Extension.ANY_BUCKETS)
    )
    max_results: StrictInt | None = Field(default=None, ge=1, le=SEARCH_RESULTS)
    tags: tuple[str, ...] | None = Field(default=None, json_schema_extra=_FILTER)
    source: str | None = Field(default=None, max_length=_LONGEST_NAME, json_schema_extra=_FILTER)
    metadata: dict[str, Any] | None = Field(default=None, json_schema_extra=_FILTER)
    per_file: StrictInt | None = Field(default=None, ge=1, json_schema_extra=_FILTER)


class SearchResult(AnswerPart):
    """One passage.

    The embedded backend puts into `attributes`: `bucket_ids` (all buckets the file is in), `updated_at` (that
    of the file), `kind` (`website` or `qa`; absent for a file), `path` (of a file that came from a folder
    below it), `score` (higher is better), `also_in` (`file_id` and `filename`, or path, of other files that
    hold the same text), `heading` (the headings it stands under, outermost first, parted by " > "), and where
    it stands, counted from 1: `page` (with `page_label` where another number is printed on it), `slide`,
    `message`, `cell`, `sheet` with `row_start` and `row_end`, `line_start` and `line_end`. `match` is the
    start and end of the part of `text` that matches best. `outline` leads from parts of `text` to their
    headings and lines: a list of stretches, each its start, its line (0 of repeated column names), its last
    line if its own cannot be told apart, and its heading if another than before (see `domain.outlines`).
    """

    source_index: StrictInt = 0
    type: str = "file"
    title: str | None = None
    text: str | None = None
    file_id: str | None = None
    filename: str | None = None
    url: str | None = None
    attributes: Annotated[dict[str, Any], BeforeValidator(as_object)] = Field(default_factory=dict)


class SearchResponse(AnswerModel):
    """Answer of `POST /search`."""

    object: str = "search"
    query: str = ""
    agent: str | None = None
    strategy: str | None = None
    results: tuple[SearchResult, ...] = ()
    #: An extension: words of the query that no passage searched holds in any form; None without any.
    absent_words: tuple[str, ...] | None = None
    #: An extension: how many sources the filters leave to be searched; None without filters.
    filtered_sources: StrictInt | None = None
    usage: dict[str, Any] | None = None
