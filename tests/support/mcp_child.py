"""A real `calypso-mcp` child process over stdio, with a real MCP client and a process id to kill."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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
async def mcp_child(
    folder: Path, *flags: str | Path, environment: dict[str, str] | None = None
) -> AsyncGenerator[McpChild]:
    """Start a server that may read `folder`; it ends with the block, at the latest."""
    pid_file = folder.parent / f"{folder.name}.pid"
    command = [sys.executable, "-m", "calypso_mcp", "--allow-path", folder, *flags]
    server = StdioServerParameters(
        command="sh",  # which becomes the server, so that its process id is the server's
        args=["-c", 'echo $$ > "$0"; exec "$@"', str(pid_file), *map(str, command)],
        env=environment,
    )
    async with Client(server) as client:
        yield McpChild(client, int(pid_file.read_text(encoding="ascii")))


def hosted_child(folder: Path, base_url: str, api_key: str) -> AbstractAsyncContextManager[McpChild]:
    """Start a server that uses the API at `base_url`; what it remembers lies in a folder beside `folder`."""
    memory = folder.parent / "memory"
    return mcp_child(
        folder,
        "--data-dir",
        memory,
        "--api-base-url",
        base_url,
        environment={"CALYPSO_API_KEY": api_key},
    )
