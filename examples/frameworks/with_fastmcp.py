# /// script
# dependencies = ["fastmcp>=4,<5"]
# ///
"""Search a bucket with the client of FastMCP.

uv run examples/frameworks/with_fastmcp.py
"""

from __future__ import annotations

import asyncio

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from handbook import QUESTION, check, serve_handbook


async def main() -> None:
    """Search, and print the best passage with its place."""
    with serve_handbook() as (command, arguments):
        async with Client(StdioTransport(command, arguments, keep_alive=False)) as client:
            found = await client.call_tool("search_bucket", {"query": QUESTION})
        best = found.structured_content["hits"][0]
        check(f"{best['text']} ({best['filename']}, {best['place']})")


if __name__ == "__main__":
    asyncio.run(main())
