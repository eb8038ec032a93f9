"""`POST /knowledge/websites` and `POST /knowledge/files/import-url` (API sheet section 10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from starlette.requests import Request
from typing_extensions import TypedDict

from calypso_mcp.api import paths
from calypso_mcp.api.websites import AddWebsite, ImportUrl, read_tags
from calypso_mcp.domain.files.file_formats import HEAD_BYTES
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import REPLAYED, Answer, idempotency_key
from calypso_mcp.local.http.operations import Operation, a_little
from calypso_mcp.local.indexing.formats.registry import readable_formats
from calypso_mcp.local.rate_limit import count_create
from calypso_mcp.local.refusals import Refusal
from calypso_mcp.local.routes.files import sync_wire
from calypso_mcp.local.store.idempotency import KeyedRequest
from calypso_mcp.local.text_forms import format_time
from calypso_mcp.local.uploads import keeping
from calypso_mcp.local.uploads.admission import check_file
from calypso_mcp.local.uploads.keeping import Kept, Kind
from calypso_mcp.local.web.urls import WebUrl, parse_url

if TYPE_CHECKING:
    from calypso_mcp.local.web.fetching import Fetched

_ANY_TYPE = "*/*"


class AssignmentBody(TypedDict):
    """The buckets that a source was put into."""

    assigned: list[str]


class FetchedBody(TypedDict):
    """A knowledge file under the names that these endpoints use (API sheet section 10)."""

    knowledge_id: str
    task_id: str
    title: str | None
    tags: list[str]
    filename: str
    mime_type: str
    size_bytes: int
    sha256: str | None
    ingestion_status: str
    bucketSyncStatus: str | None
    bucketSync: list[dict[str, str]]
    bucket_assignment: AssignmentBody
    replaces: str | None


class WebBody(FetchedBody):
    """A page or a file of the web, as the knowledge file that was made of it."""

    object: Literal["knowledge_website", "knowledge_file"]
    team_id: str
    url: str
    summary: str | None


async def add_website(backend: Backend, request: Request, body: AddWebsite) -> Answer:
    """Read a web page into buckets; one that is there already is a conflict, unless it is to be replaced."""
    asked = KeyedRequest("website", idempotency_key(request), body.to_wire())
    wanted = _want("website", body, body.tags_hint)
    kept = await _earlier(backend, asked, wanted)
    if kept is None and not wanted.replaces and body.if_exists != "keep_both":
        same = await keeping.find_same(backend, wanted.declared(), "website")
        if same is not None and body.if_exists == "skip":
            kept = Kept(same, is_replay=True)
        elif same is not None:
            raise Refusal(
                409,
                "website_url_exists",
                f"{wanted.url} is in the bucket already. Send if_exists=replace to read it again.",
            )
    if kept is None:
        from calypso_mcp.local.web import pages

        fetched = await _fetched(backend, wanted, accept=pages.PAGE_ACCEPT, language=body.preferred_language)
        if pages.media_type(fetched) not in pages.PAGE_TYPES:
            raise _unsupported(
                f"The URL leads to {pages.media_type(fetched) or 'something of no stated type'}, not to a"
                " web page. Import it as a file instead."
            )
        head = pages.read_head(fetched)
        declaration = wanted.declared(
            filename=pages.page_name(wanted.url, pages.media_type(fetched)),
            content_type=fetched.content_type,
            title=wanted.declaration.title or head.title,
            metadata={
                "url": str(fetched.url),
                **({"language": head.language} if head.language else {}),
                **({"summary": head.summary} if head.summary else {}),
                "fetched_at": format_time(backend.now()),
            },
        )
        kept = await keeping.keep(backend, declaration, fetched.data, "website", asked)
    return _answer(backend, kept, "knowledge_website", wanted.url)


async def import_url(backend: Backend, request: Request, body: ImportUrl) -> Answer:
    """Fetch a file of the public web into buckets."""
    asked = KeyedRequest("import-url", idempotency_key(request), body.to_wire())
    wanted = _want("file", body, body.tags)
    kept = await _earlier(backend, asked, wanted)
    same = await keeping.find_same(backend, wanted.declared(), "file") if kept is None else None
    if same is not None and body.if_exists == "skip":
        kept = Kept(same, is_replay=True)
    if kept is None:
        from calypso_mcp.local.web import pages

        fetched = await _fetched(backend, wanted, accept=_ANY_TYPE)
        name = pages.file_name(fetched)
        refusal = readable_formats().refusal(name, fetched.data[:HEAD_BYTES], fetched.content_type)
        if refusal is not None and fetched.data:
            raise _unsupported(f"{refusal.message} {refusal.hint}")
        declaration = wanted.declared(
            filename=name,
            content_type=fetched.content_type or "application/octet-stream",
            metadata={"url": str(fetched.url), "fetched_at": format_time(backend.now())},
        )
        kept = await keeping.keep(backend, declaration, fetched.data, "file", asked)
    return _answer(backend, kept, "knowledge_file", wanted.url)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a request asks to be read."""

    kind: Kind
    url: WebUrl
    replaces: bool
    declaration: Declaration

    def declared(self, **found: Any) -> Declaration:
        """Return the declaration under the URL's identity, with what fetching `found`."""
        if_exists = "replace" if self.replaces else "keep_both"
        return replace(self.declaration, path=str(self.url), if_exists=if_exists, **found)


def _want(kind: Kind, body: AddWebsite | ImportUrl, tags: str | None) -> _Wanted:
    return _Wanted(
        kind=kind,
        url=parse_url(body.url),
        replaces=body.if_exists == "replace",
        declaration=Declaration(destination=body.destination, title=body.title, tags=read_tags(tags or "")),
    )


async def _earlier(backend: Backend, asked: KeyedRequest, wanted: _Wanted) -> Kept | None:
    """Return what the same request made before.

    One that replaces is carried out again: reading the page again is what it asks for, and equal content
    changes nothing.
    """
    if wanted.replaces:
        return None
    made = await keeping.find_made(backend, asked)
    return Kept(made, is_replay=True) if made is not None else None


async def _fetched(backend: Backend, wanted: _Wanted, *, accept: str, language: str | None = None) -> Fetched:
    """Fetch the URL, once all that can be known beforehand is found to be right."""
    from calypso_mcp.local.web.fetching import fetch

    limits = backend.options.limits
    check_file(wanted.declared(filename="page"), 1, limits)
    await keeping.find_same(backend, wanted.declared(), wanted.kind)
    count = partial(count_create, per_second=backend.options.creates_per_second, now=backend.now())
    await backend.database.write(count, durable=False)
    async with backend.fetches:
        return await fetch(
            wanted.url,
            backend.options.web,
            accept=accept,
            most_bytes=limits.file_bytes,
            language=language,
        )


def _unsupported(message: str) -> Refusal:
    return Refusal(415, "unsupported_type", message)


def _answer(
    backend: Backend, kept: Kept, kind: Literal["knowledge_website", "knowledge_file"], url: WebUrl
) -> Answer:
    file = kept.file
    wire: WebBody = {
        "object": kind,
        **source_fields(kept),
        "team_id": backend.options.team_id,
        "url": str(url),
        "summary": (file.declaration.metadata or {}).get("summary"),
    }
    return Answer(wire, 201, REPLAYED if kept.is_replay else {})


def source_fields(kept: Kept) -> FetchedBody:
    """Return what these endpoints say of a file."""
    file = kept.file
    return {
        "knowledge_id": file.id,
        "task_id": file.task_id,
        "title": file.declaration.title,
        "tags": list(file.declaration.tags),
        "filename": file.declaration.filename,
        "mime_type": file.declaration.media_type,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "ingestion_status": file.status,
        "bucketSyncStatus": file.sync_status,
        "bucketSync": sync_wire(file.sync),
        "bucket_assignment": {"assigned": list(file.bucket_ids)},
        "replaces": kept.replaces,
    }


_REFUSES = (409, 413, 415, 422, 429)

OPERATIONS = tuple(
    Operation(
        "POST",
        path,
        handle,
        {201: (WebBody,)},
        asks=asks,
        refuses=_REFUSES,
        grows=a_little,
        takes_key=True,
    )
    for path, handle, asks in (
        (paths.WEBSITES, add_website, AddWebsite),
        (paths.IMPORT_URL, import_url, ImportUrl),
    )
)
