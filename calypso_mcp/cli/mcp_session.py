"""A real MCP client of our own server, which it starts in a child process over stdio."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CallToolResult, TextContent

from calypso_mcp.cli.progress import Report
from calypso_mcp.concurrency import raise_first
from calypso_mcp.errors import CalypsoError
from calypso_mcp.settings import child_environment, knobs


class ToolFailed(CalypsoError):
    """The MCP server reported an error; the message is what an agent would read."""


class ServerStopped(CalypsoError):
    """The MCP server stopped; what it wrote above says why."""


class Session:
    """Calls tools and returns their structured results."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(
        self, tool: str, arguments: Mapping[str, object], report: Report | None = None
    ) -> dict[str, Any]:
        """Call a tool; arguments that are None or empty are left out.

        Raises:
            ToolFailed: The tool answered with an error.
        """
        given = {name: value for name, value in arguments.items() if value not in (None, "", [], ())}
        result = await self._client.call_tool(tool, given, progress_callback=report)
        if result.is_error:
            text = _text(result).removeprefix("Error: ")
            raise ToolFailed(text, code="bucket_not_found" if "\nCode: bucket_not_found" in text else "")
        return cast("dict[str, Any]", result.structured_content or {})


@asynccontextmanager
async def own_server(flags: Sequence[str]) -> AsyncGenerator[Session]:
    """Start `calypso-mcp` over stdio with `flags`, and our environment, for as long as the block lasts.

    Raises:
        ServerStopped: The server did not start, or died.
    """
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "calypso_mcp", *flags],
        env=child_environment(),
        encoding_error_handler="replace",
    )
    has_started = False
    try:
        with raise_first():
            async with Client(server) as client:
                has_started = True
                yield Session(client)
    except (MCPError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
        raise ServerStopped from error
    except OSError as error:
        if has_started:
            raise  # from the block: our own output, for example
        raise ServerStopped from error


def settings_flags(flags: Mapping[str, object]) -> list[str]:
    """Return the command line that gives a child process the settings in `flags`, by field name."""
    line: list[str] = []
    for name, value in flags.items():
        flag = knobs()[name].flag
        if flag is None:
            continue
        if isinstance(value, bool):
            line.append(flag if value else f"--no-{flag.removeprefix('--')}")
        else:
            values = cast("list[object]", value) if isinstance(value, list) else [value]
            line.extend(part for item in values for part in (flag, str(item)))
    return line


def _text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))
