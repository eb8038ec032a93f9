"""`POST /knowledge/websites` and `POST /knowledge/files/import-url` (API sheet section 10)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from calypso_mcp.api.files import read_tags
from calypso_mcp.api.websites import AddWebsite, ImportUrl
from calypso_mcp.domain.files.text_bytes import HEAD_BYTES
from calypso_mcp.domain.limits import FILE_BYTES
from calypso_mcp.domain.uploads.declaration import Declaration, IfExists
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Answer, answer_created, read_keyed_request
from calypso_mcp.local.identifiers import TEAM_ID
from calypso_mcp.local.indexing.formats.registry import readable_formats
from calypso_mcp.local.refusals import Refusal
from calypso_mcp.local.routes.files import sync_wire
from calypso_mcp.local.store.idempotency import KeyedRequest
from calypso_mcp.local.text_forms import format_time
from calypso_mcp.local.uploads import keeping
from calypso_mcp.local.uploads.admission import check_file, count_create
from calypso_mcp.local.uploads.keeping import Kept, Kind
from calypso_mcp.local.web.urls import WebUrl, parse_url

if TYPE_CHECKING:
    from calypso_mcp.local.web.fetching import Fetched


async def add_website(backend: Backend, request: Request, body: AddWebsite) -> Answer:
    """Read a web page into buckets; one that is there already is a conflict, unless it is to be replaced."""
    asked = read_keyed_request(request, "website", body.to_wire())
    url, declared = _declare(body, body.tags_hint)
    kept = await _find_kept(backend, asked, declared, "website", body.if_exists)
    if kept is None:
        from calypso_mcp.local.web import pages

        fetched = await _fetch(
            backend, url, declared, accept=pages.PAGE_ACCEPT, language=body.preferred_language
        )
        if pages.media_type(fetched) not in pages.PAGE_TYPES:
            raise _unsupported(
                f"The URL leads to {pages.media_type(fetched) or 'something of no stated type'}, not to a"
                " web page. Import it as a file instead."
            )
        head = pages.read_head(fetched)
        declaration = replace(
            declared,
            filename=pages.page_name(url, pages.media_type(fetched)),
            content_type=fetched.content_type,
            title=declared.title or head.title,
            metadata={
                "url": str(fetched.url),
                **({"summary": head.summary} if head.summary else {}),
                "fetched_at": format_time(backend.now()),
            },
        )
        kept = await keeping.keep(backend, declaration, fetched.data, "website", asked)
    return _answer(kept, "knowledge_website", url)


async def import_url(backend: Backend, request: Request, body: ImportUrl) -> Answer:
    """Fetch a file of the public web into buckets."""
    asked = read_keyed_request(request, "import-url", body.to_wire())
    url, declared = _declare(body, body.tags)
    kept = await _find_kept(backend, asked, declared, "file", body.if_exists)
    if kept is None:
        from calypso_mcp.local.web import pages

        fetched = await _fetch(backend, url, declared, accept="*/*")
        name = pages.file_name(fetched)
        refusal = readable_formats().refusal(name, fetched.data[:HEAD_BYTES], fetched.content_type)
        if refusal is not None and fetched.data:
            raise _unsupported(f"{refusal.message} {refusal.hint}")
        declaration = replace(
            declared,
            filename=name,
            content_type=fetched.content_type or "application/octet-stream",
            metadata={"url": str(fetched.url), "fetched_at": format_time(backend.now())},
        )
        kept = await keeping.keep(backend, declaration, fetched.data, "file", asked)
    return _answer(kept, "knowledge_file", url)


def _declare(body: AddWebsite | ImportUrl, tags: str | None) -> tuple[WebUrl, Declaration]:
    """Return the URL asked for, and what is declared of it, its identity, before it is fetched."""
    url = parse_url(body.url)
    declared = Declaration(
        destination=body.destination,
        title=body.title,
        tags=read_tags(tags) or (),
        path=str(url),
        if_exists="replace" if body.if_exists == "replace" else "keep_both",
    )
    return url, declared


async def _find_kept(
    backend: Backend, asked: KeyedRequest, declared: Declaration, kind: Kind, if_exists: IfExists | None
) -> Kept | None:
    """Return what the same request made before, or the source that is to be kept; None: fetch it.

    A request that replaces is carried out again: reading the page again is what it asks for, and equal
    content changes nothing.

    Raises:
        Refusal: No bucket is named, one cannot be resolved, or the page is in the bucket already.
    """
    made = None if if_exists == "replace" else await keeping.find_made(backend, asked)
    if made is None:
        same = await keeping.find_same(backend, declared, kind)
        if same is not None and if_exists is None and kind == "website":
            raise Refusal(
                409,
                "website_url_exists",
                f"{declared.path} is in the bucket already. Send if_exists=replace to read it again.",
            )
        made = same if if_exists == "skip" else None
    return None if made is None else Kept(made, is_replay=True)


async def _fetch(
    backend: Backend, url: WebUrl, declared: Declaration, *, accept: str, language: str | None = None
) -> Fetched:
    """Fetch `url`, once its declaration is found to be right."""
    from calypso_mcp.local.web.fetching import fetch

    check_file(replace(declared, filename="page"), 1)
    count = partial(count_create, per_second=backend.options.creates_per_second, now=backend.now())
    await backend.database.write(count, durable=False)
    async with backend.fetches:
        return await fetch(url, backend.options.web, accept=accept, most_bytes=FILE_BYTES, language=language)


def _unsupported(message: str) -> Refusal:
    return Refusal(415, "unsupported_type", message)


def _answer(kept: Kept, kind: str, url: WebUrl) -> Answer:
    wire = {
        "object": kind,
        **source_fields(kept),
        "team_id": TEAM_ID,
        "url": str(url),
        "summary": (kept.file.declaration.metadata or {}).get("summary"),
    }
    return answer_created(wire, is_replay=kept.is_replay)


def source_fields(kept: Kept) -> dict[str, Any]:
    """Return a knowledge file under the names that these endpoints use (API sheet section 10)."""
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
        "bucketSync": sync_wire(file.bucket_ids, file.sync_status),
        "bucket_assignment": {"assigned": list(file.bucket_ids)},
        "replaces": kept.replaces,
    }
