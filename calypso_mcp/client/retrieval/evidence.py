"""What a grounded answer says and rests on (API sheet sections 9.2 and 9.3).

Its shape is only partly published, so it is read tolerantly: missing and unknown parts are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from calypso_mcp.api.answers import RawAnswer
from calypso_mcp.api.problem import UNKNOWN_PROFILE, UNKNOWN_PROFILE_HINT
from calypso_mcp.api.search import SearchResult
from calypso_mcp.domain.addresses import without_queries
from calypso_mcp.domain.json_values import as_list, as_object, is_object
from calypso_mcp.errors import AnswerFailed

Fields = Mapping[str, Any]

_LONGEST_REASON = 200
_PASSAGES = "Look for passages with search_bucket."
#: Why an answer ends early that asking again does not change.
_FINAL_REASONS = frozenset({"content_filter", "max_output_tokens"})


def text_of(answer: RawAnswer) -> str:
    """Return the answer itself: the canonical text, else the plain one, else that of its messages."""
    fields = answer.model_dump()
    whole = _text(_aicore(fields), "display_text") or _text(fields, "output_text")
    if whole:
        return whole
    parts = [
        _text(part, "text") or ""
        for item in _objects(fields.get("output"))
        if item.get("type") == "message"
        for part in _objects(item.get("content"))
    ]
    return "\n".join(part for part in parts if part)


def kind_of(answer: RawAnswer) -> str | None:
    """Return how the answer was made, where the backend says so."""
    return _text(_aicore(answer.model_dump()), "answer_kind")


def passages(answer: RawAnswer, limit: int) -> tuple[SearchResult, ...]:
    """Return at most `limit` passages that the answer rests on, the API's own order kept, none twice."""
    fields = answer.model_dump()
    found: list[SearchResult] = []
    places: dict[tuple[str, str], int] = {}
    for result in (*_grounded(fields), *_searched(fields), *_cited(fields)):
        names = [name for name in (result.file_id, result.filename, result.title, result.url) if name] or [""]
        text = " ".join((result.text or "").split())
        place = next((places[name, text] for name in names if (name, text) in places), None)
        if place is not None:
            known = found[place]
            if result.file_id is None or known.file_id == result.file_id:
                continue
            if known.file_id is None:
                # One place names the file, the other its id.
                found[place] = known.model_copy(update={"file_id": result.file_id})
                places[result.file_id, text] = places[result.file_id, ""] = place
                continue
        for name in names:
            places.setdefault((name, text), len(found))
            # A bare citation adds nothing where a passage of the same source is there already.
            places.setdefault((name, ""), len(found))
        found.append(result.model_copy(update={"source_index": len(found)}))
    return tuple(found[:limit])


def failure(answer: RawAnswer) -> AnswerFailed | None:
    """Return the error that the answer reports; None where it is one."""
    fields = answer.model_dump()
    error, status = fields.get("error"), fields.get("status")
    if not error and status not in {"failed", "incomplete", "cancelled"}:
        return None
    stated = as_object(error)
    reason = _text(as_object(fields.get("incomplete_details")), "reason") or ""
    words = error if isinstance(error, str) else reason or status or "it gives no reason"
    message = _text(stated, "message", "code") or str(words)
    retryable = stated.get("retryable")
    if not isinstance(retryable, bool):
        retryable = UNKNOWN_PROFILE not in message and reason not in _FINAL_REASONS
    return AnswerFailed(
        f"The agent could not answer: {without_queries(message)[:_LONGEST_REASON]}",
        code=_text(stated, "code") or ("answer_incomplete" if status == "incomplete" else ""),
        hint=(f"{UNKNOWN_PROFILE_HINT} " if UNKNOWN_PROFILE in message else "") + _PASSAGES
        if retryable is False
        else "",
        retryable=retryable,
    )


def _grounded(fields: Fields) -> Iterator[SearchResult]:
    for source in _objects(_aicore(fields).get("grounded_sources")):
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
        attributes=dict(as_object(fields.get("attributes"))),
    )


def _aicore(fields: Fields) -> Fields:
    return as_object(as_object(fields.get("metadata")).get("_aicore"))


def _objects(value: object) -> Iterator[Fields]:
    return filter(is_object, as_list(value))


def _text(fields: Fields, *keys: str) -> str | None:
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and value.strip():
            return value
    return None
