"""A first MCP client: put a text into a bucket, wait until it is searchable, search it, check the citation.

    python examples/first_search.py

Starts the server over stdio, as every desktop client does. Buckets live in a temporary folder, so that the
example leaves nothing behind; leave `--data-dir` out to keep them.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from typing import Any

from mcp import Client, StdioServerParameters

HANDBOOK = """\
# Support handbook

## Refunds

A customer may return any order within 45 days. The refund arrives within five working days.

## Escalation

Questions about invoices go to the billing desk; outages go to the engineer on duty.
"""


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and return its structured result; an error's text says what to do about it."""
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise RuntimeError(result.content)
    return dict(result.structured_content or {})


async def main() -> None:
    """Upload, wait, search."""
    with tempfile.TemporaryDirectory() as data_dir:
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "calypso_mcp", "--backend", "embedded", "--data-dir", data_dir],
        )
        async with Client(server) as client:
            await call(client, "create_bucket", name="Support handbook")
            uploaded = await call(
                client, "upload_file", text=HANDBOOK, filename="handbook.md", bucket="support-handbook"
            )
            ready = await call(client, "wait_for_bucket_sync", file_ids=[uploaded["file_id"]], timeout_s=30)
            print("readiness:", ready["readiness"])

            found = await call(client, "search_bucket", query="How long may a customer return an order?")
            best = found["hits"][0]
            print(f"{best['filename']}, {best['place']}: {best['text']}")

        assert ready["readiness"] == "ready"
        assert "45 days" in best["text"]
        assert best["file_id"] == uploaded["file_id"]
        first, last = (int(number) for number in re.findall(r"lines (\d+)-(\d+)", best["place"])[0])
        assert any("45 days" in line for line in HANDBOOK.splitlines()[first - 1 : last])


if __name__ == "__main__":
    asyncio.run(main())
