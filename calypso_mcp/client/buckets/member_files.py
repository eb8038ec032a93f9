"""The files of a bucket where the backend has no list of sources, each asked for by its id.

The published API lists no files (API sheet section 15), but a bucket names their ids (section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.sources import Source, SourceList
from calypso_mcp.client.files import Files
from calypso_mcp.concurrency import map_parallel
from calypso_mcp.errors import NotFound

_PARALLEL: Final = 8
#: Files asked for in one page, however few of them fit.
_MOST_ASKED: Final = 100


class MemberFiles:
    """Pages of the files that a bucket names. Errors: see `Requester.get`."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def page(
        self, bucket: Bucket, fits: Callable[[KnowledgeFile], bool], *, limit: int, cursor: str | None
    ) -> SourceList:
        """Return files of `bucket` that fit, in the order in which it names them.

        A page may hold fewer than `limit` and still have one that follows: only so many files are asked for.
        An unknown `cursor` begins at the start.
        """
        ids = bucket.file_ids
        start = ids.index(cursor) + 1 if cursor in ids else 0
        found: list[Source] = []
        last = start
        while last < len(ids) and last - start < _MOST_ASKED and len(found) < limit:
            asked = ids[last : last + min(_PARALLEL, limit - len(found))]
            files = await map_parallel(self._get, asked, limit=_PARALLEL)
            found += [_source(file) for file in files if file is not None and fits(file)]
            last += len(asked)
        return SourceList(sources=tuple(found), next_cursor=ids[last - 1] if last < len(ids) else None)

    async def _get(self, file_id: str) -> KnowledgeFile | None:
        try:
            return await self._files.get(file_id)
        except NotFound:
            return None


def _source(file: KnowledgeFile) -> Source:
    name = file.filename or file.title or file.id
    return Source(**dict(file.model_copy(update={"name": name})), identity=name)
