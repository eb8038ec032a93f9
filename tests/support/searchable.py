"""Whether uploaded files can be found, and each only once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import anyio

from calypso_mcp.api.search import SearchRequest
from calypso_mcp.client import CalypsoClient
from calypso_mcp.client.readiness_target import ReadinessTarget
from calypso_mcp.domain.states.readiness import Readiness


async def wait_until_indexed(client: CalypsoClient, bucket: str) -> None:
    """Wait, within bounds, until everything in the bucket with this slug is searchable."""
    listing = await client.buckets.list()
    [bucket_id] = [entry.id for entry in listing.buckets if entry.slug == bucket]
    with anyio.fail_after(60):
        report = await client.readiness.wait(ReadinessTarget(bucket_id=bucket_id), timeout_s=55)
    assert report.state is Readiness.READY, report


async def found_by(client: CalypsoClient, bucket: str, words: Iterable[str]) -> dict[str, list[str]]:
    """Return, for each word, the names of the distinct files whose passages contain it."""
    found: dict[str, list[str]] = {}
    for word in words:
        response = await client.search.search(SearchRequest(query=word, buckets=(bucket,), max_results=10))
        hits = {
            result.file_id: result.filename or ""
            for result in response.results
            if word in (result.text or "").split()
        }
        found[word] = sorted(hits.values())
    return found


async def assert_each_found_once(client: CalypsoClient, bucket: str, names: Mapping[str, str]) -> None:
    """Check that each word (key) is found in exactly the one file (value) that has it."""
    await wait_until_indexed(client, bucket)
    assert await found_by(client, bucket, names) == {word: [name] for word, name in names.items()}
