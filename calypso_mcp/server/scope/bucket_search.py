"""Search that cannot leave a request's scope.

Each request names the buckets to search, and results from other buckets are dropped. A search that cannot be
kept inside the scope is not made.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from calypso_mcp.api.agents import AgentModel
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.search import MOST_BUCKETS, SearchRequest, SearchResult
from calypso_mcp.concurrency import map_parallel
from calypso_mcp.domain.json_values import as_list
from calypso_mcp.domain.limits import SEARCH_BUCKETS
from calypso_mcp.errors import InputError
from calypso_mcp.server.scope.request_scope import Access

logger = logging.getLogger(__name__)

#: Requests of one search at a time.
_PARALLEL = 4
#: Requests of one search: where each is answered after 1 s they take as long as a call may.
_MOST_REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Found:
    """A result and the bucket of the scope it was found in, None where the API does not say."""

    result: SearchResult
    bucket: Bucket | None


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """Results, words of the query that no searched passage holds, and whether the filters fit no source."""

    found: list[Found]
    absent_words: tuple[str, ...] = ()
    fits_no_source: bool = False


async def search_buckets(access: Access, request: SearchRequest, buckets: Sequence[Bucket]) -> SearchOutcome:
    """Return the best results from `buckets`: one request where the backend ranks any number together.

    Else requests of at most five are merged by rank.

    Raises:
        InputError: The backend cannot filter, or would need too many requests.
    """
    await _require_filters(access, request)
    if not buckets:
        return SearchOutcome([])
    may_be_many = len(buckets) > SEARCH_BUCKETS and await access.backend.can(Extension.ANY_BUCKETS)
    size = MOST_BUCKETS if may_be_many else SEARCH_BUCKETS
    if len(buckets) > size * _MOST_REQUESTS:
        raise InputError(
            f"{len(buckets):,} buckets are too many for one search: {size * _MOST_REQUESTS:,} at most.",
            code="bucket_required",
            hint="Name those to search; list_buckets with query finds them by name.",
        )
    groups = [buckets[start : start + size] for start in range(0, len(buckets), size)]
    requests = [
        request.model_copy(update={"buckets": tuple(bucket.id for bucket in group)}) for group in groups
    ]
    return await _answer(access, requests, buckets)


async def search_agent(access: Access, request: SearchRequest, agent: AgentModel) -> SearchOutcome:
    """Return the best results that `agent` finds; `agent` must be one the scope allows.

    Raises:
        InputError: The backend cannot filter.
    """
    await _require_filters(access, request)
    asked = [request.model_copy(update={"agent": agent.id})]
    return await _answer(access, asked, await access.buckets())


async def _answer(
    access: Access, requests: Sequence[SearchRequest], buckets: Sequence[Bucket]
) -> SearchOutcome:
    answers = await map_parallel(access.client.search.search, requests, limit=_PARALLEL)
    kept = await keep_within_scope(access, _by_rank([answer.results for answer in answers]), buckets)
    found = _without_copies(kept)
    absent = [answer.absent_words or () for answer in answers]
    everywhere = tuple(word for word in absent[0] if all(word in words for words in absent))
    fits_none = all(answer.filtered_sources == 0 for answer in answers)
    return SearchOutcome(found[: requests[0].max_results], everywhere, fits_none)


async def _require_filters(access: Access, request: SearchRequest) -> None:
    is_filtered = any((request.tags, request.source, request.metadata, request.per_file))
    if is_filtered and not await access.backend.can(Extension.FILTERS):
        raise InputError(
            "This backend cannot filter a search by tags, source or metadata, or limit passages per file.",
            code="filters_unavailable",
            hint="Search without them; each hit names its file.",
        )


def _by_rank(answers: Sequence[Sequence[SearchResult]]) -> list[SearchResult]:
    """Return all first results, then all second ones; of equal rank the higher score first."""
    merged: dict[tuple[str | None, str | None], SearchResult] = {}
    for rank in zip_longest(*answers):
        present = [result for result in rank if result is not None]
        for result in sorted(present, key=lambda result: -(score_of(result) or 0.0)):
            merged.setdefault((_source_of(result), result.text), result)
    return list(merged.values())


def _source_of(result: SearchResult) -> str | None:
    return result.file_id or result.url


def _without_copies(found: Sequence[Found]) -> list[Found]:
    """Return each text once, at its best rank, with the other files that hold it in `also_in`."""
    kept: dict[tuple[str, object], Found] = {}
    copies = defaultdict[tuple[str, object], dict[str | None, str | None]](dict)
    for entry in found:
        result = entry.result
        key = (str(result.attributes.get("heading")), result.text or id(result))
        if _source_of(kept.setdefault(key, entry).result) != (source := _source_of(result)):
            copies[key][source] = result.filename or result.title or result.url
    for key, names in copies.items():
        result = kept[key].result
        named = [{"filename": name} for name in names.values()]
        also_in = [*as_list(result.attributes.get("also_in")), *named]
        attributes = {**result.attributes, "also_in": also_in}
        kept[key] = replace(kept[key], result=result.model_copy(update={"attributes": attributes}))
    return list(kept.values())


async def keep_within_scope(
    access: Access, results: Sequence[SearchResult], asked: Sequence[Bucket], what: str = "search"
) -> list[Found]:
    """Return the results from `asked`; under a limit one that is not known to be from there is dropped.

    The log line that counts the dropped ones calls the request `what`.
    """
    found = [Found(result, _home(result, asked)) for result in results]
    if access.is_limited and any(entry.bucket is None and entry.result.file_id for entry in found):
        # The list may be older than the file.
        newer = {bucket.id: bucket for bucket in await access.buckets(fresh=True)}
        asked = [newer[bucket.id] for bucket in asked if bucket.id in newer]
        found = [Found(result, _home(result, asked)) for result in results]
    kept = [entry for entry in found if not _is_outside(access, entry)]
    if dropped := len(found) - len(kept):
        logger.warning("%s: dropped %d of %d results from outside the scope", what, dropped, len(found))
    return kept


def _is_outside(access: Access, entry: Found) -> bool:
    if entry.bucket is not None:
        return False
    # A website or Q&A entry has neither file nor bucket ids; the request itself was narrowed.
    has_evidence = bool(entry.result.file_id or bucket_ids_of(entry.result))
    return has_evidence and (access.is_limited or bool(bucket_ids_of(entry.result)))


def _home(result: SearchResult, buckets: Sequence[Bucket]) -> Bucket | None:
    named = bucket_ids_of(result)
    for bucket in buckets:
        if bucket.id in named if named else bucket.holds(result.file_id):
            return bucket
    return None


async def name_emptiness(access: Access, buckets: Sequence[Bucket]) -> str | None:
    """Return that all of the buckets are empty, and what to do; None if one of them holds a source."""
    if any(bucket.sources or bucket.member_count for bucket in buckets):
        return None
    # The list may be older than what was put in since.
    ids = {bucket.id for bucket in buckets}
    if any(bucket.sources for bucket in await access.buckets(fresh=True) if bucket.id in ids):
        return None
    if not buckets:
        return f"There is no bucket to search. {access.bucket_advice}"
    subject = f"Bucket {buckets[0].slug} is" if len(buckets) == 1 else "The buckets searched are"
    return f"{subject} empty." + (" Add sources with upload_file first." if access.may_change else "")


def bucket_ids_of(result: SearchResult) -> frozenset[str]:
    """Return the buckets a result says it is in."""
    return frozenset(map(str, as_list(result.attributes.get("bucket_ids"))))


def score_of(result: SearchResult) -> float | None:
    """Return the backend's score where it has one."""
    score: Any = result.attributes.get("score")
    return float(score) if isinstance(score, int | float) and not isinstance(score, bool) else None
