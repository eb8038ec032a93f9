"""Requests about single uploads, knowledge files and indexing tasks."""

from __future__ import annotations

from calypso_mcp.api import paths
from calypso_mcp.api.files import (
    CreateUploadSession,
    FinalizeUploadSession,
    IndexingTask,
    KnowledgeFile,
    UploadSession,
)
from calypso_mcp.client.transport.requester import ApiAnswer, Requester


class Files:
    """`/knowledge/files` and `/knowledge/tasks`. Errors: see `Requester.post`."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    async def create_session(
        self, upload: CreateUploadSession, *, idempotency_key: str, origin: str | None = None
    ) -> ApiAnswer[UploadSession]:
        """Open an upload session, or get back the one this key opened before.

        Args:
            upload: What to announce.
            idempotency_key: Names the upload.
            origin: Of the page the bytes come from. GCS answers the pages of whichever origin opened the
                session (googleapis/gcs-resumable-upload#6).
        """
        return await self._requester.post(
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
        return (await self._requester.post(path, KnowledgeFile, FinalizeUploadSession())).body

    async def get(self, file_id: str) -> KnowledgeFile:
        """Return one knowledge file."""
        return (await self._requester.get(paths.fill(paths.FILE, file_id=file_id), KnowledgeFile)).body

    async def task(self, task_id: str) -> IndexingTask:
        """Return one indexing task."""
        return (await self._requester.get(paths.fill(paths.TASK, task_id=task_id), IndexingTask)).body
