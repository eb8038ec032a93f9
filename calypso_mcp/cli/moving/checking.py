"""Checks a moved bucket: whether everything is searchable, and the same searches find the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calypso_mcp.api.states import state_of_file
from calypso_mcp.cli.moving.carrying import Carried
from calypso_mcp.cli.moving.plan import Sides
from calypso_mcp.client import CalypsoClient, Readiness, ReadinessTarget, SearchRequest
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.errors import CalypsoError

#: Searches of one bucket, and words of each.
_SEARCHES = 5
_WORDS = 12
_RESULTS = 5
#: Seconds that one look at all files may take.
_LOOK_S = 120.0


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of checking one bucket.

    Attributes:
        searchable: Sources that can be searched there.
        unsearchable: Sources that can be searched here and not there, with the reason.
        searches: Searches made on both sides.
        missed: Searches that found their source here and not there.
    """

    searchable: int
    unsearchable: tuple[tuple[str, str], ...]
    searches: int
    missed: tuple[str, ...]


async def check(
    sides: Sides, bucket_ids: tuple[str, str], carried: Sequence[Carried], timeout_s: float
) -> Checked:
    """Wait up to `timeout_s` for the sources on the other side, then compare.

    `bucket_ids` are those of the bucket here, and there.
    """
    _, there = bucket_ids
    arrived = [(moved.state.file_id, moved) for moved in carried if moved.state.file_id is not None]
    ids = tuple(file_id for file_id, _ in arrived)
    # One request reports the whole bucket; which of its files failed takes a request for each.
    await sides.there.readiness.wait(ReadinessTarget(bucket_id=there), timeout_s=timeout_s)
    report = await sides.there.readiness.wait(
        ReadinessTarget(file_ids=ids, bucket_id=there), timeout_s=_LOOK_S, first_look_s=_LOOK_S
    )
    states = {state.file_id or state.id: state for state in report.states}
    lost = tuple(
        (moved.source.name, _explain(states.get(file_id)))
        for file_id, moved in arrived
        if _is_searchable_here(moved) and not _is_ready(states.get(file_id))
    )
    ready = sum(_is_ready(state) for state in states.values())
    finds = await _search_both(sides, bucket_ids, carried)
    return Checked(ready, lost, len(finds), tuple(query for query, is_found in finds if not is_found))


async def _search_both(
    sides: Sides, bucket_ids: tuple[str, str], carried: Sequence[Carried]
) -> list[tuple[str, bool]]:
    """Return some queries that find their source here, and whether they find it there."""
    here, there = bucket_ids
    step = max(1, len(carried) // _SEARCHES)
    return [
        (query, await _is_found(sides.there, query, there, moved))
        for moved in carried[::step][:_SEARCHES]
        if _is_searchable_here(moved)
        and (query := await _take_words(sides, moved))
        and await _is_found(sides.here, query, here, moved)
    ]


def _is_searchable_here(carried: Carried) -> bool:
    return state_of_file(carried.source).readiness is Readiness.READY


def _is_ready(state: FileState | None) -> bool:
    return state is not None and state.readiness is Readiness.READY


def _explain(state: FileState | None) -> str:
    if state is None:
        return "it is not known there"
    return state.message or "it is not searchable yet"


async def _take_words(sides: Sides, carried: Carried) -> str:
    text = await sides.here.sources.read(carried.source.id)
    passages = text.passages
    return " ".join(passages[len(passages) // 2].text.split()[:_WORDS]) if passages else ""


async def _is_found(client: CalypsoClient, query: str, bucket_id: str, carried: Carried) -> bool:
    request = SearchRequest(query=query, buckets=(bucket_id,), max_results=_RESULTS)
    try:
        results = (await client.search.search(request)).results
    except CalypsoError:
        return False
    return any(result.filename == carried.source.filename for result in results)
