"""A real `calypso-mcp` child process over stdio, with a real MCP client and a process id to kill."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters


@dataclass(frozen=True, slots=True)
class McpChild:
    """A running child.

    Attributes:
        client: Connected to it.
        pid: Its process id.
    """

    client: Client
    pid: int

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that has to succeed, and return its structured result."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        assert result.structured_content is not None
        return result.structured_content


@asynccontextmanager
async def mcp_child(folder: Path, base_url: str, api_key: str) -> AsyncGenerator[McpChild]:
    """Start a server that uses the API at `base_url` and may read `folder`; it ends with the block."""
    pid_file = folder.parent / f"{folder.name}.pid"
    server = StdioServerParameters(
        command="sh",  # which becomes the server, so that its process id is the server's
        args=[
            "-c",
            'echo $$ > "$0"; exec "$@"',
            str(pid_file),
            sys.executable,
            "-m",
            "calypso_mcp",
            "--api-base-url",
            base_url,
            "--allow-path",
            str(folder),
        ],
        env={"CALYPSO_API_KEY": api_key},
    )
    async with Client(server) as client:
        yield McpChild(client, int(pid_file.read_text(encoding="ascii")))
