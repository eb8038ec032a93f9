"""Sources of a bucket: list, read, relabel, remove. Extensions that `GET /connection` announces."""

from __future__ import annotations

import base64
import json
import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from calypso_mcp.api import paths
from calypso_mcp.api.sources import (
    DEFAULT_CHARS,
    DEFAULT_PAGE,
    LARGEST_PAGE,
    MOST_CHARS,
    RelabelSource,
    SourceList,
    SourcePassage,
    SourceRemoved,
    SourceText,
)
from calypso_mcp.domain.upload_rules import check_metadata, check_tags
from calypso_mcp.errors import InputError
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.exchange import Answer, endpoint, read_body
from calypso_mcp.local.refusals import invalid, not_found
from calypso_mcp.local.retrieval import reading
from calypso_mcp.local.routes.files import file_wire, required
from calypso_mcp.local.routes.search import place_of
from calypso_mcp.local.store import files, sources
from calypso_mcp.local.store.files import FileRow
from calypso_mcp.local.store.sources import After, Filters, Page
from calypso_mcp.local.uploads.destinations import resolve


async def list_sources(backend: Backend, request: Request) -> Answer:
    """Answer with sources of one bucket by name, a page at a time."""
    asked = request.query_params
    bucket = asked.get("bucket")
    if not bucket:
        raise invalid("Name the bucket: its id or slug.", code="bucket_required")
    filters = Filters(**{name: asked.get(name) for name in ("query", "identity", "kind", "tag", "state")})
    if filters.state and filters.state not in sources.STATES:
        raise invalid(f"state is one of {', '.join(sources.STATES)}.")
    limit = _number(request, "limit", DEFAULT_PAGE, least=1, most=LARGEST_PAGE)
    after = _read_cursor(asked["cursor"]) if asked.get("cursor") else None

    def work(connection: sqlite3.Connection) -> Page:
        [found] = resolve(connection, [bucket])
        return sources.find(connection, found.id, filters, after=after, limit=limit)

    page = await backend.database.read(work)
    answer = SourceList(total=page.total, next_cursor=_cursor(page.after) if page.after else None)
    listed = [source_wire(name, file) for name, file in page.rows]
    return Answer({**answer.to_wire(), "sources": listed})


async def read_text(backend: Backend, request: Request) -> Answer:
    """Answer with a source's text from a passage, a page or a line on, or with a section of it."""
    start = reading.Start(
        passage=_number(request, "passage", None, least=0),
        part=_number(request, "part", None, least=0),
        line=_number(request, "line", None, least=0),
        section=request.query_params.get("section"),
    )
    most = _number(request, "max_chars", DEFAULT_CHARS, least=1, most=MOST_CHARS)

    def work(connection: sqlite3.Connection) -> tuple[FileRow, reading.Reading]:
        file = _file(connection, request)
        return file, reading.read(connection, file.id, start, max_chars=most)

    file, found = await backend.database.read(work)
    answer = SourceText(
        file_id=file.id,
        filename=file.declaration.filename,
        title=file.declaration.title,
        passages=tuple(
            SourcePassage(index=number, text=passage.text, attributes=place_of(passage))
            for number, passage in enumerate(found.passages, found.first)
        ),
        total_passages=found.total,
        next=found.following,
    )
    return Answer(answer.to_wire())


async def read_content(backend: Backend, request: Request) -> FileResponse:
    """Answer with a source's bytes as they were uploaded."""
    file = await backend.database.read(lambda connection: _file(connection, request))
    path = backend.blobs.sealed_path(file.session_id)
    if not await backend.on_disk(path.exists):
        raise not_found("stored content", "content_missing")
    return FileResponse(
        path,
        media_type="application/octet-stream",
        filename=file.declaration.filename,
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )


async def relabel(backend: Backend, request: Request) -> Answer:
    """Change the title, tags or metadata of a source; its text and its place in searches stay."""
    body = await read_body(backend, request, RelabelSource)
    try:
        check_tags(body.tags or (), backend.options.limits)
        check_metadata(body.metadata, backend.options.limits)
    except InputError as error:
        raise invalid(f"{error.message} {error.hint}", code=error.code or "invalid_request") from None

    def work(connection: sqlite3.Connection) -> FileRow | None:
        file = _file(connection, request)
        sources.relabel(
            connection,
            file,
            title=body.title,
            tags=body.tags,
            metadata=body.metadata,
            now=backend.now(),
        )
        return files.get(connection, file.id)

    changed = await backend.database.write(work)
    return Answer(file_wire(changed) if changed else {})


async def remove(backend: Backend, request: Request) -> Answer:
    """Remove a source from one bucket, or from all without `bucket`."""
    bucket = request.query_params.get("bucket")

    def work(connection: sqlite3.Connection) -> tuple[SourceRemoved, str | None]:
        file = _file(connection, request)
        buckets = file.bucket_ids
        if bucket is not None:
            [named] = resolve(connection, [bucket])
            if named.id not in buckets:
                raise not_found("source in this bucket", "file_not_found")
            buckets = (named.id,)
        name = file.declaration.path or file.declaration.filename
        return (
            SourceRemoved(file_id=file.id, name=name, bucket_ids=buckets),
            sources.take_out(connection, file, buckets),
        )

    removed, session_id = await backend.database.write(work)
    if session_id is not None:
        await backend.on_disk(lambda: backend.blobs.discard(session_id))
    return Answer(removed.to_wire())


def source_wire(name: str, file: FileRow) -> dict[str, Any]:
    """Return a source as the API writes it."""
    return {**file_wire(file), "name": name, "kind": file.kind, "identity": file.identity}


def _file(connection: sqlite3.Connection, request: Request) -> FileRow:
    return required(connection, request.path_params["file_id"])


def _number(request: Request, name: str, usual: Any, *, least: int, most: int = 2**31) -> Any:
    given = request.query_params.get(name)
    if given is None:
        return usual
    if not (
        given.isascii() and given.isdigit() and len(given) <= len(str(most)) and least <= int(given) <= most
    ):
        raise invalid(f"{name} is a whole number from {least} to {most}.")
    return int(given)


def _cursor(after: After) -> str:
    return base64.urlsafe_b64encode(json.dumps(after).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> After:
    try:
        name, file_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        name = file_id = None
    if not isinstance(name, str) or not isinstance(file_id, str):
        raise invalid("cursor is not one of this listing. Begin without it.")
    return name, file_id


ROUTES = (
    Route(paths.SOURCES, endpoint(list_sources), methods=["GET"]),
    Route(paths.SOURCE, endpoint(relabel), methods=["PATCH"]),
    Route(paths.SOURCE, endpoint(remove), methods=["DELETE"]),
    Route(paths.SOURCE_TEXT, endpoint(read_text), methods=["GET"]),
    Route(paths.SOURCE_CONTENT, endpoint(read_content), methods=["GET"]),
)
