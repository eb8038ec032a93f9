"""Requests about the sources of a bucket, for backends that announce these extensions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial

from calypso_mcp.api import paths
from calypso_mcp.api.sources import (
    LARGEST_PAGE,
    RelabelSource,
    Source,
    SourceList,
    SourceRemoved,
    SourcesQuery,
    SourceText,
)
from calypso_mcp.client.transport.bodies import body_of
from calypso_mcp.client.transport.requester import Requester
from calypso_mcp.domain.limits import FILE_BYTES
from calypso_mcp.errors import ContractError


class BucketSources:
    """`/knowledge/sources`. Errors: see `Requester.send`."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    async def page(self, asked: SourcesQuery) -> SourceList:
        """Return a page of the sources of a bucket; what is empty in `asked` is left out, like None."""
        wanted = asked.model_dump(mode="json", exclude_defaults=True)
        params = {name: str(value) for name, value in wanted.items() if value}
        return (await self._requester.send("GET", paths.SOURCES, SourceList, params=params)).body

    async def every(self, bucket: str) -> AsyncGenerator[Source]:
        """Yield all sources of a bucket (id or slug), by name.

        Raises:
            ContractError: The pages follow each other in a circle.
        """
        cursor: str | None = None
        seen: set[str | None] = set()
        while cursor not in seen:
            seen.add(cursor)
            page = await self.page(SourcesQuery(bucket=bucket, limit=LARGEST_PAGE, cursor=cursor))
            for source in page.sources:
                yield source
            cursor = page.next_cursor
            if cursor is None:
                return
        raise ContractError("The API's list of the bucket's sources never ends.")

    async def read(
        self,
        file_id: str,
        *,
        passage: int | None = None,
        part: int | None = None,
        line: int | None = None,
        section: str | None = None,
        max_chars: int | None = None,
    ) -> SourceText:
        """Return a source's text from a passage (0-based), or from a part or line (1-based) on, or a section.

        Of a section, all of it: the first whose heading, or name of a sheet, holds the text `section`.
        """
        asked = {"passage": passage, "part": part, "line": line, "section": section, "max_chars": max_chars}
        params = {name: str(value) for name, value in asked.items() if value is not None}
        path = paths.fill(paths.SOURCE_TEXT, file_id=file_id)
        return (await self._requester.send("GET", path, SourceText, params=params)).body

    async def content(self, file_id: str) -> bytes:
        """Return the bytes of a source as they were uploaded; at most the size of one file is taken."""
        return await self._bytes(paths.fill(paths.SOURCE_CONTENT, file_id=file_id))

    async def picture(self, file_id: str, page: str) -> bytes:
        """Return what a page (from 1) of a PDF looks like, as PNG."""
        return await self._bytes(paths.fill(paths.SOURCE_PICTURE, file_id=file_id, page=page))

    async def _bytes(self, path: str) -> bytes:
        return await self._requester.get_and_read(path, partial(body_of, largest=FILE_BYTES))

    async def relabel(self, file_id: str, labels: RelabelSource) -> Source:
        """Change title, tags or metadata; what `labels` leaves out stays."""
        path = paths.fill(paths.SOURCE, file_id=file_id)
        return (await self._requester.send("PATCH", path, Source, labels)).body

    async def remove(self, file_id: str, *, bucket: str | None = None) -> SourceRemoved:
        """Remove a source from one bucket (id or slug), or from all."""
        params = {"bucket": bucket} if bucket is not None else None
        path = paths.fill(paths.SOURCE, file_id=file_id)
        return (await self._requester.send("DELETE", path, SourceRemoved, params=params)).body
