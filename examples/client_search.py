"""The typed client: upload a text, wait until it is searchable, search it.

    python examples/client_search.py https://api.calypso.so/v1 sk_...

Against an embedded Calypso: start `calypso-mcp backend`, and use the address and key that it prints.
"""

from __future__ import annotations

import asyncio
import sys

from calypso_mcp.client import (
    BytesSource,
    CalypsoClient,
    Declaration,
    Destination,
    ReadinessTarget,
    SearchRequest,
    Upload,
)

NOTES = b"# The moon\n\nThe moon is a quarter as wide as the earth.\n"


async def main(base_url: str, api_key: str) -> None:
    """Upload, wait, search."""
    async with CalypsoClient(base_url=base_url, api_key=api_key) as client:
        bucket = Destination(bucket="moon-notes", create_missing_buckets=True)
        declaration = Declaration("moon.md", bucket, title="The moon", external_id="notes/1")
        file = await client.uploads.upload(Upload(BytesSource(NOTES), declaration))
        report = await client.readiness.wait(ReadinessTarget(file_ids=(file.id,)), timeout_s=60)
        print(f"{file.outcome}, {report.state.value}")
        query = SearchRequest(query="how wide is the moon", buckets=("moon-notes",))
        for hit in (await client.search.search(query)).results:
            print(f"{hit.filename}: {hit.text}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
