"""Requests about buckets."""

from __future__ import annotations

from calypso_mcp.api import paths
from calypso_mcp.api.buckets import Bucket, BucketList, CreateBucket
from calypso_mcp.client.transport.requester import Requester


class Buckets:
    """`/knowledge/buckets`. Errors: see `Requester.post`."""

    def __init__(self, requester: Requester) -> None:
        """Use `requester` for every request."""
        self._requester = requester

    async def list(self, *, include_archived: bool = False) -> BucketList:
        """Return all buckets of the key's team; the API has no paging."""
        params = {"include_archived": "true"} if include_archived else None
        return (await self._requester.get(paths.BUCKETS, BucketList, params=params)).body

    async def create(self, bucket: CreateBucket, *, idempotency_key: str) -> Bucket:
        """Create an empty bucket, or return the one this key created before.

        Raises:
            Conflict: The slug is taken (`bucket_slug_exists`).
        """
        answer = await self._requester.post(
            paths.BUCKETS, Bucket, bucket, idempotency_key=idempotency_key, creates=True
        )
        return answer.body
