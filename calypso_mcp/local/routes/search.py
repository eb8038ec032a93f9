"""`POST /search`: passages without synthesis (API sheet section 9.1)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from calypso_mcp.api.search import SearchRequest
from calypso_mcp.domain.outlines import write_outline
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Answer
from calypso_mcp.local.refusals import invalid
from calypso_mcp.local.retrieval import search as retrieval
from calypso_mcp.local.retrieval.index import Passage
from calypso_mcp.local.store import agents, buckets, files, sources
from calypso_mcp.local.store.files import FileRow
from calypso_mcp.local.text_forms import format_time

#: API sheet section 9.1.
_DEFAULT_RESULTS = 10
_LONGEST_QUERY = 8_000
#: Other files named for one passage at most.
_MOST_COPIES = 20
_BY_WORDS, _BY_MEANING = "lexical", "hybrid"
#: No model is called, so nothing is used up.
NO_USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}


async def search(backend: Backend, _: Request, body: SearchRequest) -> Answer:
    """Answer with the passages that match best within the named buckets or the agent's."""
    if not body.query.strip():
        raise invalid("query must not be empty.")
    if len(body.query) > _LONGEST_QUERY:
        raise invalid(f"query has at most {_LONGEST_QUERY} characters.")
    if body.agent is not None and body.buckets is not None:
        raise invalid("Only one of agent and buckets can be given.")

    closeness = await backend.closeness_for(body.query)

    def work(connection: sqlite3.Connection) -> dict[str, Any]:
        scope = _scope(connection, body)
        matching = sources.find_matching_files(connection, scope, body)
        passages = retrieval.search(
            connection,
            body.query,
            scope,
            limit=body.max_results or _DEFAULT_RESULTS,
            file_ids=matching,
            per_file=body.per_file,
            once_per_table=True,
            closeness=closeness,
            with_matches=True,
        )
        named = [file_id for passage in passages for file_id in (passage.file_id, *passage.also_in)]
        absent = retrieval.absent_words(connection, body.query, scope)
        # As a `SearchResponse` on the wire: validating the results takes longer than making them.
        known = files.get_all(connection, named)
        return _without_absent(
            object="search",
            query=body.query,
            agent=body.agent,
            strategy=_BY_WORDS if closeness is None else _BY_MEANING,
            results=[_result(position, passage, known) for position, passage in enumerate(passages)],
            absent_words=absent or None,
            filtered_sources=None if matching is None else len(matching),
            usage=NO_USAGE,
        )

    return Answer(await backend.database.read(work))


def _scope(connection: sqlite3.Connection, body: SearchRequest) -> list[str]:
    if body.buckets is not None:
        return [bucket.id for bucket in buckets.resolve(connection, body.buckets)]
    scope = agents.find_scope(connection, body.agent or agents.BASE_MODEL)
    return [bucket.id for bucket in scope.buckets]


def _result(position: int, passage: Passage, known: Mapping[str, FileRow]) -> dict[str, Any]:
    source = known[passage.file_id]
    return _without_absent(
        source_index=position,
        type="file",
        title=source.declaration.title,
        text=passage.text,
        file_id=passage.file_id,
        filename=source.declaration.filename,
        url=source.url,
        attributes={**attributes_of(passage, source), **_copies(passage, known)},
    )


def _copies(passage: Passage, known: Mapping[str, FileRow]) -> dict[str, Any]:
    copies = [{"file_id": copy, "filename": known[copy].name} for copy in passage.also_in[:_MOST_COPIES]]
    return {"also_in": copies} if copies else {}


def attributes_of(passage: Passage, source: FileRow) -> dict[str, Any]:
    """Return what the embedded backend knows of a passage beyond the documented fields."""
    path = source.declaration.path
    named = {
        **({} if source.kind == "file" else {"kind": source.kind}),
        **({} if path in (None, source.declaration.filename) else {"path": path}),
    }
    return {
        "bucket_ids": list(source.bucket_ids),
        "updated_at": format_time(source.updated_at),
        "score": passage.score,
        **named,
        **place_of(passage),
    }


def place_of(passage: Passage) -> dict[str, Any]:
    """Return where a passage stands in its source, and what stands where in it."""
    place: dict[str, Any] = {
        "heading": passage.heading,
        "outline": write_outline(passage.outline, passage.heading or "") or None,
        "match": passage.match,
    }
    part = passage.part
    if part is not None and part.kind == "sheet":
        place |= {"sheet": part.name, "row_start": passage.line_start, "row_end": passage.line_end}
    else:
        place |= {"line_start": passage.line_start, "line_end": passage.line_end}
        if part is not None:
            place[part.kind] = part.number
            place["page_label"] = (part.name or None) if part.kind == "page" else None
    return _without_absent(**place)


def _without_absent(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
