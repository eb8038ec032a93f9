"""Sources of a bucket: list, read, relabel, remove. Extensions that `GET /connection` announces."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import anyio
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from calypso_mcp.api.sources import (
    RelabelSource,
    RemovalQuery,
    SourceColumn,
    SourceList,
    SourcePassage,
    SourceRemoved,
    SourcesQuery,
    SourceText,
    TextQuery,
)
from calypso_mcp.domain.cursors import read_cursor, write_cursor
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Answer
from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.refusals import Refusal, invalid, not_found
from calypso_mcp.local.retrieval import reading
from calypso_mcp.local.routes.files import file_wire, find_file
from calypso_mcp.local.routes.search import place_of
from calypso_mcp.local.store import buckets, sources
from calypso_mcp.local.store.files import FileRow
from calypso_mcp.local.store.sources import After, Page
from calypso_mcp.local.uploads.admission import check_labels

_AS_IT_IS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


async def list_sources(backend: Backend, _: Request, asked: SourcesQuery) -> Answer:
    """Answer with sources of one bucket, a page at a time: by name, or as `sort` and `order` say."""
    after = _read_cursor(asked.cursor, asked.sort) if asked.cursor else None

    def work(connection: sqlite3.Connection) -> Page:
        [found] = buckets.resolve(connection, [asked.bucket])
        return sources.find(connection, found.id, asked, after)

    page = await backend.database.read(work)
    answer = SourceList(total=page.total, next_cursor=write_cursor(*page.after) if page.after else None)
    listed = [
        {**file_wire(file), "name": name, "kind": file.kind, "identity": file.identity}
        for name, file in page.rows
    ]
    return Answer({**answer.to_wire(), "sources": listed})


async def read_text(backend: Backend, request: Request, asked: TextQuery) -> Answer:
    """Answer with a source's text from a passage, a page or a line on, or with a section of it."""

    def work(connection: sqlite3.Connection) -> tuple[FileRow, reading.Reading]:
        file = find_file(connection, request)
        return file, reading.read(connection, file.id, asked)

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
        section_after=found.section_after,
    )
    return Answer(answer.to_wire())


async def read_content(backend: Backend, request: Request) -> Original:
    """Answer with a source's bytes as they were uploaded."""
    file, content = await _open_stored(backend, request)
    return Original(content, file.declaration.filename)


async def draw_page(backend: Backend, request: Request) -> Response:
    """Answer with what a page (from 1) of a PDF looks like."""
    _, content = await _open_stored(backend, request)
    with content:
        number = request.path_params["page"]
        if not re.fullmatch("[1-9][0-9]{0,5}", number):
            raise not_found("page", "picture_missing")
        try:
            picture = await backend.pictures.draw(Path(content.name), int(number))
        except ExtractionFailed as failure:
            raise Refusal(404, "picture_missing", failure.message) from None
    return Response(picture, media_type="image/png", headers=_AS_IT_IS)


async def relabel(backend: Backend, request: Request, body: RelabelSource) -> Answer:
    """Change the title, tags or metadata of a source; its text and its place in searches stay."""
    check_labels(body.title, body.tags or (), body.metadata)

    def work(connection: sqlite3.Connection) -> FileRow:
        file = find_file(connection, request)
        now = backend.now()
        sources.relabel(connection, file, title=body.title, tags=body.tags, metadata=body.metadata, now=now)
        return find_file(connection, request)

    return Answer(file_wire(await backend.database.write(work)))


async def remove(backend: Backend, request: Request, asked: RemovalQuery) -> Answer:
    """Remove a source from one bucket, or from all without `bucket`."""

    def work(connection: sqlite3.Connection) -> tuple[SourceRemoved, str | None]:
        file = find_file(connection, request)
        leaving = file.bucket_ids
        if asked.bucket is not None:
            [named] = buckets.resolve(connection, [asked.bucket])
            if named.id not in leaving:
                raise not_found("source in this bucket", "file_not_found")
            leaving = (named.id,)
        return (
            SourceRemoved(file_id=file.id, name=file.name, bucket_ids=leaving),
            sources.take_out(connection, file, leaving),
        )

    removed, session_id = await backend.database.write(work)
    if session_id is not None:
        await backend.on_disk(lambda: backend.blobs.discard(session_id))
    return Answer(removed.to_wire())


async def _open_stored(backend: Backend, request: Request) -> tuple[FileRow, BinaryIO]:
    """Return a source and its bytes, which the caller closes."""
    file = await backend.database.read(lambda connection: find_file(connection, request))
    path = backend.blobs.sealed_path(file.session_id)
    try:
        return file, await backend.on_disk(partial(path.open, "rb"))
    except FileNotFoundError:
        raise not_found("stored content", "content_missing") from None


def _read_cursor(cursor: str, column: SourceColumn) -> After:
    place = read_cursor(cursor, str if column == "name" else int | float, str)
    if place is None:
        raise invalid("The cursor does not belong to this listing. Begin without it.")
    value, file_id = place
    return value, file_id


class Original(FileResponse):
    """An open file: it arrives whole even if its source is removed before or while it is sent."""

    def __init__(self, content: BinaryIO, filename: str) -> None:
        """Send `content`, which is closed afterwards."""
        super().__init__(
            content.name,
            filename=filename,
            media_type="application/octet-stream",
            headers=_AS_IT_IS,
            stat_result=os.fstat(content.fileno()),
        )
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or the parts that are asked for."""
        with self._content:
            await super().__call__(scope, receive, send)

    @asynccontextmanager
    async def _open_file(self) -> AsyncGenerator[anyio.AsyncFile[Any]]:
        yield anyio.wrap_file(self._content)
