"""Requests about uploads, single and in batches, knowledge files and indexing tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from calypso_mcp.api import paths
from calypso_mcp.api.batches import Batch, BatchFinalized, BatchSession, CreateBatch, FinalizeBatch
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.files import (
    CreateUploadSession,
    FinalizeUploadSession,
    IndexingTask,
    KnowledgeFile,
    UploadSession,
)
from calypso_mcp.api.sources import Source, SourceList
from calypso_mcp.client.transport.requester import ApiAnswer, Requester
from calypso_mcp.concurrency import map_parallel
from calypso_mcp.errors import NotFound

#: Requests for single files at the same time, and at most for one page, however few of them fit.
_PARALLEL: Final = 8
_MOST_ASKED: Final = 100


class Files:
    """`/knowledge/files`, also in batches, and `/knowledge/tasks`. Errors: see `Requester.send`."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    async def create_session(
        self, upload: CreateUploadSession, *, idempotency_key: str, origin: str | None = None
    ) -> ApiAnswer[UploadSession]:
        """Open an upload session, or get back the one this key opened before.

        Args:
            upload: What to announce.
            idempotency_key: Names the upload.
            origin: Of the page the bytes come from. GCS answers the pages of the origin that opened the
                session (googleapis/gcs-resumable-upload#6).
        """
        return await self._requester.send(
            "POST",
            paths.UPLOAD_SESSIONS,
            UploadSession,
            upload,
            idempotency_key=idempotency_key,
            origin=origin,
            creates=True,
        )

    async def finalize(self, session_id: str) -> KnowledgeFile:
        """Turn the uploaded bytes into a knowledge file. `queued` means accepted, not searchable."""
        path = paths.fill(paths.FINALIZE_UPLOAD_SESSION, session_id=session_id)
        return (await self._requester.send("POST", path, KnowledgeFile, FinalizeUploadSession())).body

    async def get(self, file_id: str) -> KnowledgeFile:
        """Return one knowledge file."""
        path = paths.fill(paths.FILE, file_id=file_id)
        return (await self._requester.send("GET", path, KnowledgeFile)).body

    async def task(self, task_id: str) -> IndexingTask:
        """Return one indexing task."""
        return (await self._requester.send("GET", paths.fill(paths.TASK, task_id=task_id), IndexingTask)).body

    async def create_batch(self, batch: CreateBatch) -> ApiAnswer[BatchSession]:
        """Open sessions for 1 to 100 files. The key inside the manifest makes a repetition safe."""
        return await self._requester.send("POST", paths.BATCH_SESSIONS, BatchSession, batch, creates=True)

    async def finalize_batch(self, batch_id: str) -> ApiAnswer[BatchFinalized]:
        """Turn what has been uploaded into knowledge files; the rest stays pending. Safe to repeat."""
        path = paths.fill(paths.FINALIZE_BATCH, batch_id=batch_id)
        return await self._requester.send("POST", path, BatchFinalized, FinalizeBatch())

    async def get_batch(self, batch_id: str) -> Batch:
        """Return a batch with its items."""
        path = paths.fill(paths.BATCH, batch_id=batch_id)
        return (await self._requester.send("GET", path, Batch, params={"include_items": "true"})).body

    async def list_members(
        self, bucket: Bucket, fits: Callable[[KnowledgeFile], bool], *, limit: int, cursor: str | None
    ) -> SourceList:
        """Return files that a bucket names and that fit, in its order, where the backend lists no sources.

        The published API lists no files (API sheet section 15), but a bucket names their ids (section 3.2).
        Each is asked for by itself, and only so many: a page may hold fewer than `limit` and still have one
        that follows. An unknown `cursor` begins at the start.
        """
        ids = bucket.file_ids
        start = ids.index(cursor) + 1 if cursor in ids else 0
        found: list[Source] = []
        last = start
        while last < len(ids) and last - start < _MOST_ASKED and len(found) < limit:
            asked = ids[last : last + min(_PARALLEL, limit - len(found))]
            files = await map_parallel(self._find, asked, limit=_PARALLEL)
            found += [_source(file) for file in files if file is not None and fits(file)]
            last += len(asked)
        return SourceList(sources=tuple(found), next_cursor=ids[last - 1] if last < len(ids) else None)

    async def _find(self, file_id: str) -> KnowledgeFile | None:
        try:
            return await self.get(file_id)
        except NotFound:
            return None


def _source(file: KnowledgeFile) -> Source:
    name = file.filename or file.title or file.id
    return Source(**dict(file.model_copy(update={"name": name})), identity=name)
