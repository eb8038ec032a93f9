"""Requests about buckets."""

from __future__ import annotations

from functools import partial
from typing import Final

import anyio.to_thread
import httpx2

from calypso_mcp import errors
from calypso_mcp.api import paths
from calypso_mcp.api.buckets import Bucket, CreateBucket, MadeBucket
from calypso_mcp.client.buckets.bucket_list import BucketList, BucketListReader, MalformedListError
from calypso_mcp.client.transport.bodies import request_id_of, unpacked
from calypso_mcp.client.transport.requester import Requester
from calypso_mcp.domain.uploads.declaration import idempotency_key

#: Largest list that is read: 100,000 buckets with some files each. It is never in memory as a whole.
_LARGEST_LIST: Final = 64 * 1024 * 1024
#: Bytes that are parsed at once, off the event loop.
_PIECE_BYTES: Final = 128 * 1024
#: Bytes that are parsed on it: going to a thread and back would take longer.
_SMALL_BYTES: Final = 32 * 1024


class Buckets:
    """`/knowledge/buckets`. Errors: see `Requester.send`."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester
        self._latest = BucketList()

    async def list(self, *, include_archived: bool = False) -> BucketList:
        """Return all buckets of the key's team, with those archived on request; the API has no paging.

        The list before is kept: rows in which nothing changed are used again.
        """
        params = {"include_archived": "true"} if include_archived else None
        read = partial(_read_list, known=self._latest)
        self._latest = await self._requester.get_and_read(paths.BUCKETS, read, params=params)
        return self._latest

    async def create(self, bucket: CreateBucket) -> Bucket:
        """Create an empty bucket, or return the one that the same call created before.

        Raises:
            Conflict: The slug is taken (`bucket_slug_exists`).
        """
        key = idempotency_key("bucket", bucket.to_wire())
        answer = await self._requester.send(
            "POST", paths.BUCKETS, MadeBucket, bucket, idempotency_key=key, creates=True
        )
        return answer.body.bucket


async def _read_list(response: httpx2.Response, known: BucketList) -> BucketList:
    request_id = request_id_of(response)
    reader = BucketListReader(known)
    parts: list[bytes] = []
    waiting = total = 0
    try:
        async for part in unpacked(response):
            parts.append(part)
            waiting += len(part)
            total += len(part)
            if total > _LARGEST_LIST:
                raise errors.ContractError(f"The answer is larger than {_LARGEST_LIST // 1_048_576} MB.")
            if waiting >= max(_PIECE_BYTES, reader.wanted):
                await _feed(reader, b"".join(parts))
                parts.clear()
                waiting = 0
        await _feed(reader, b"".join(parts))
        return reader.end(request_id)
    except MalformedListError as error:
        complaint = f"lacks or garbles: {error}" if str(error) else "is not JSON"
        raise errors.ContractError(f"The API's answer {complaint}.") from None


async def _feed(reader: BucketListReader, piece: bytes) -> None:
    if len(piece) < _SMALL_BYTES:
        reader.feed(piece)
    else:
        await anyio.to_thread.run_sync(reader.feed, piece)
