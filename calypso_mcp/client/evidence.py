"""Passages out of a grounded answer (API sheet sections 9.2 and 9.3), whose shape is only partly published.

Everything is read tolerantly: what is missing is left out, what is unknown is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic import ConfigDict

from calypso_mcp.api.search import SearchResult
from calypso_mcp.api.wire import WireModel

Fields = Mapping[str, Any]


class RawAnswer(WireModel):
    """The non-streaming body of `POST /responses`, kept as it is."""

    model_config = ConfigDict(extra="allow")


def passages(answer: RawAnswer, limit: int) -> tuple[SearchResult, ...]:
    """Return at most `limit` passages that the answer rests on, the API's own order kept, none twice."""
    fields = answer.model_dump()
    found: list[SearchResult] = []
    seen: set[tuple[str, str]] = set()
    for result in (*_grounded(fields), *_searched(fields), *_cited(fields)):
        source = result.file_id or result.filename or result.title or result.url or ""
        text = " ".join((result.text or "").split())
        # A bare citation adds nothing where a passage of the same source is there already.
        if (source, text) in seen or (not text and any(source == known for known, _ in seen)):
            continue
        seen.add((source, text))
        found.append(result.model_copy(update={"source_index": len(found)}))
    return tuple(found[:limit])


def failure(answer: RawAnswer) -> str | None:
    """Return what went wrong when the answer says it failed, else None."""
    fields = answer.model_dump()
    error = fields.get("error")
    if error:
        return _text(_object(error), "message", "code") or (error if isinstance(error, str) else "unknown")
    status = fields.get("status")
    return str(status) if status in {"failed", "incomplete", "cancelled"} else None


def _grounded(fields: Fields) -> Iterator[SearchResult]:
    for source in _objects(_object(_object(fields.get("metadata")).get("_aicore")).get("grounded_sources")):
        yield _result(
            source,
            title=_text(source, "label", "title", "filename", "file_name"),
            text=_text(source, "snippet", "quote", "text", "excerpt"),
        )


def _searched(fields: Fields) -> Iterator[SearchResult]:
    for item in _objects(fields.get("output")):
        if item.get("type") == "file_search_call":
            for hit in _objects(item.get("results")):
                yield _result(hit, title=_text(hit, "title", "filename"), text=_text(hit, "text", "snippet"))


def _cited(fields: Fields) -> Iterator[SearchResult]:
    for item in _objects(fields.get("output")):
        for part in _objects(item.get("content")):
            for note in _objects(part.get("annotations")):
                if _text(note, "filename", "file_name", "name", "title", "url"):
                    yield _result(
                        note,
                        title=_text(note, "title", "name", "filename"),
                        text=_text(note, "quote", "text", "snippet"),
                    )


def _result(fields: Fields, *, title: str | None, text: str | None) -> SearchResult:
    return SearchResult(
        type=_text(fields, "type") or "file",
        title=title,
        text=text,
        file_id=_text(fields, "knowledge_id", "knowledgeId", "file_id"),
        filename=_text(fields, "filename", "file_name"),
        url=_text(fields, "url"),
    )


def _object(value: object) -> Fields:
    return cast("Fields", value) if isinstance(value, Mapping) else {}


def _objects(value: object) -> Iterator[Fields]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        for entry in cast("Sequence[object]", value):
            if isinstance(entry, Mapping):
                yield cast("Fields", entry)


def _text(fields: Fields, *keys: str) -> str | None:
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and value.strip():
            return value
    return None
