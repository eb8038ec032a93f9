"""`search` and `fetch` in the shape that ChatGPT and deep research require (OpenAI's guide to MCP servers).

Each returns one object, as structured content and as the only text item. The id of a document is a file id
and, after `#`, the place of the passage that was found. Where the backend cannot return the text of a source,
the words of the search follow after `?` instead, and `fetch` searches again: ids hold no right of their own.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Final

from mcp_types import CallToolResult
from pydantic import Field

from calypso_mcp.api.connection import Extension
from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.search import SearchRequest, SearchResult
from calypso_mcp.api.sources import SourceText
from calypso_mcp.api.states import state_of_file
from calypso_mcp.domain.limits import SEARCH_RESULTS
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import InputError, ScopeError
from calypso_mcp.server.calls.call_arguments import require_text
from calypso_mcp.server.results.models import Prose, ToolResult, answer, as_json, day_of
from calypso_mcp.server.results.places import Place, place_text, read_place
from calypso_mcp.server.results.standings import reason_of
from calypso_mcp.server.scope.bucket_search import Found, search_buckets
from calypso_mcp.server.scope.request_scope import Access, CurrentAccess
from calypso_mcp.server.scope.scoped_lookup import require_file
from calypso_mcp.server.tools.search import drop_weak
from calypso_mcp.server.tools.sources import NOTICE, name_of, read_from

#: Most text of one `fetch`, in characters: some 10,000 tokens.
_MOST_CHARS: Final = 40_000
_TITLE_CHARS: Final = 200
#: No file id contains either mark (`scope.scoped_lookup`).
_MARK: Final = re.compile("([#?])")


class _JsonResult(ToolResult):
    def as_text(self) -> str:
        """Return the structured content as JSON."""
        return as_json(self.facts())


class FoundDocument(ToolResult):
    """A document that a search found."""

    id: str
    title: str
    url: str


class FoundDocuments(_JsonResult):
    """Documents, the best first."""

    results: list[FoundDocument]


class Document(_JsonResult):
    """The text of a document. `metadata` names what is left out, and the `next_id` that goes on."""

    id: str
    title: str
    text: Annotated[str, Prose]
    url: str
    metadata: dict[str, str]


async def search(
    access: CurrentAccess,
    *,
    query: Annotated[str, Field(min_length=1, max_length=2000, description="Words or a question")],
) -> Annotated[CallToolResult, FoundDocuments]:
    """Find documents in the Calypso buckets: files, web pages and Q&A. Read one with fetch."""
    require_text("query", query, "Say what to look for.")
    is_readable = await access.backend.can(Extension.READ)
    documents: dict[str, FoundDocument] = {}
    for hit in await _find(access, query):
        result, key = hit.result, _key(hit.result)
        place = place_text(result.attributes)
        if not (is_readable and result.file_id):
            document_id = f"{key}?{query}"
        else:
            document_id = f"{key}#{place}" if place else key
        found = FoundDocument(id=document_id, title=_title(result), url=_address(result.url, key))
        documents.setdefault(key, found)
    return answer(FoundDocuments(results=list(documents.values())))


async def fetch(
    access: CurrentAccess,
    *,
    id: Annotated[str, Field(min_length=1, max_length=4000, description="Of a search result")],  # noqa: A002 - the name that clients send
) -> Annotated[CallToolResult, Document]:
    """Read a document that search found. Of a long one it returns a part, and the id that goes on."""
    key, mark, rest = (*_MARK.split(id, maxsplit=1), "", "")[:3]
    if mark == "?":
        return answer(await _find_again(access, id, key, rest))
    if not await access.backend.can(Extension.READ):
        raise _unknown(id)
    return answer(await _read(access, id, key, rest))


async def _find(access: Access, query: str) -> list[Found]:
    buckets = await access.buckets()
    if not buckets:
        raise InputError(
            "There is no bucket to search.",
            code="bucket_required",
            hint="Ask the operator for access to one.",
        )
    request = SearchRequest(query=query, max_results=SEARCH_RESULTS)
    return drop_weak((await search_buckets(access, request, buckets)).found)


async def _read(access: Access, document_id: str, file_id: str, place: str) -> Document:
    """Return a short source whole, a long one from `place` on."""
    try:
        file = await require_file(access, file_id)
    except ScopeError:
        raise _unknown(document_id) from None
    text = await read_from(access, file.id, Place(passage=1), _MOST_CHARS)
    if text.next is not None and place.strip():
        later = await read_from(access, file.id, read_place(place), _MOST_CHARS)
        text = later if later.passages else text
    next_id = None if text.next is None else f"{file.id}#passage {text.next + 1}"
    shown = _shown(text)
    parts = [f"[Passages {shown} of this document.]"] if shown else []
    parts += [_placed(passage.text, place_text(passage.attributes)) for passage in text.passages]
    parts += [f"[Cut here: fetch {next_id!r} for what follows.]"] if next_id else []
    state = state_of_file(file)
    facts = {
        "notice": NOTICE,
        "updated": day_of(file.updated_at),
        "passages": shown,
        "next_id": next_id,
        "state": None if text.passages else state.readiness.value,
        "reason": None if text.passages else reason_of(state),
    }
    return Document(
        id=document_id,
        title=clean_line(file.title or name_of(file), _TITLE_CHARS),
        text="\n\n".join(parts),
        url=_address(_page_url(file), file.id),
        metadata={name: fact for name, fact in facts.items() if fact},
    )


def _shown(text: SourceText) -> str | None:
    """Return which passages a part of a source holds; None of a whole source."""
    if not text.passages or len(text.passages) == text.total_passages:
        return None
    return f"{text.passages[0].index + 1}-{text.passages[-1].index + 1} of {text.total_passages}"


async def _find_again(access: Access, document_id: str, key: str, query: str) -> Document:
    """Return the passages of one source that a search finds, which is all that the backend can return."""
    found = await _find(access, query) if query.strip() else []
    results = [hit.result for hit in found if _key(hit.result) == key]
    if not results:
        raise _unknown(document_id)
    return Document(
        id=document_id,
        title=_title(results[0]),
        text="\n\n".join(_placed(result.text or "", place_text(result.attributes)) for result in results),
        url=_address(results[0].url, key),
        metadata={"notice": NOTICE, "passages": "only those that the search found"},
    )


def _key(result: SearchResult) -> str:
    """Return what names the source of a result: its file id, else a digest of its address, title or text."""
    if result.file_id:
        return result.file_id
    named = result.url or result.title or result.text or ""
    return f"source_{hashlib.sha256(named.encode()).hexdigest()[:16]}"


def _title(result: SearchResult) -> str:
    name = result.title or result.filename or result.url or ""
    return clean_line(name, _TITLE_CHARS) or "Untitled"


def _page_url(file: KnowledgeFile) -> str | None:
    """Return the address that the embedded Calypso fetched a source from; None of anything else."""
    metadata = file.metadata or {}
    return str(metadata["url"]) if {"url", "fetched_at"} <= metadata.keys() else None


def _address(url: str | None, key: str) -> str:
    """Return the address of a web page, else one that names the source: clients drop results without one."""
    return url if url and url.lower().startswith(("https://", "http://")) else f"calypso://sources/{key}"


def _placed(text: str, place: str) -> str:
    return f"[{place}]\n{text}" if place else text


def _unknown(document_id: str) -> ScopeError:
    return ScopeError(
        f"There is no document {clean_line(document_id, _TITLE_CHARS)!r} here.",
        code="file_not_found",
        hint="Use an id that search returned.",
    )
