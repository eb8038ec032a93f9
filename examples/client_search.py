"""The typed client: upload a text, wait until it is searchable, search it.

    python examples/client_search.py https://api.calypso.so/v1 sk_...

Without arguments it starts an embedded Calypso of its own, with a temporary folder.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile

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


def run_embedded() -> None:
    """Run against an embedded Calypso on a free port."""
    key = "sk_example"
    with tempfile.TemporaryDirectory() as folder:
        backend = subprocess.Popen(
            [sys.executable, "-m", "calypso_mcp", "backend", "--port", "0", "--data-dir", folder],
            env={**os.environ, "CALYPSO_API_KEY": key},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert backend.stdout
        with backend.stdout:
            try:
                # Its first line: "Embedded Calypso: http://127.0.0.1:PORT/v1".
                asyncio.run(main(backend.stdout.readline().split()[-1], key))
            finally:
                backend.terminate()
                backend.wait(timeout=20)


if __name__ == "__main__":
    if sys.argv[1:]:
        asyncio.run(main(*sys.argv[1:]))
    else:
        run_embedded()
