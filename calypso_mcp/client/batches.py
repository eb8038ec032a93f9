"""Requests about batches."""

from __future__ import annotations

from calypso_mcp.api import paths
from calypso_mcp.api.batches import Batch, BatchFinalized, BatchSession, CreateBatch, FinalizeBatch
from calypso_mcp.client.transport.requester import ApiAnswer, Requester


class Batches:
    """`/knowledge/files:batch` and `/knowledge/batches`. Errors: see `Requester.post`."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    async def create(self, batch: CreateBatch) -> ApiAnswer[BatchSession]:
        """Open sessions for 1 to 100 files. The key inside the manifest makes a repetition safe."""
        return await self._requester.post(paths.BATCH_SESSIONS, BatchSession, batch, creates=True)

    async def finalize(self, batch_id: str) -> ApiAnswer[BatchFinalized]:
        """Turn what has been uploaded into knowledge files; the rest stays pending. Safe to repeat."""
        path = paths.fill(paths.FINALIZE_BATCH, batch_id=batch_id)
        return await self._requester.post(path, BatchFinalized, FinalizeBatch())

    async def get(self, batch_id: str) -> Batch:
        """Return a batch with its items."""
        path = paths.fill(paths.BATCH, batch_id=batch_id)
        return (await self._requester.get(path, Batch, params={"include_items": "true"})).body
