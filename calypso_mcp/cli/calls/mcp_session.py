"""MCP clients of our own server: inside this process, or of a child process over stdio."""

from __future__ import annotations

import math
import sys
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TextIO

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolRequest, CallToolRequestParams, CallToolResult

from calypso_mcp.assembly.server import running_server
from calypso_mcp.cli.printing.progress import Report
from calypso_mcp.cli.printing.tool_names import in_commands
from calypso_mcp.cli.process.ending import signals_end
from calypso_mcp.concurrency import raise_first
from calypso_mcp.domain.json_values import as_object, is_list
from calypso_mcp.errors import CalypsoError
from calypso_mcp.server.calls.call_time import LongCall, running
from calypso_mcp.settings import Settings, child_environment, knobs


class ToolFailed(CalypsoError):
    """A tool answered with an error."""


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
            ToolFailed: The tool answered with an error; it carries the error's code and next step.
        """
        given = {name: value for name, value in arguments.items() if value not in (None, "", [], ())}
        # `Client.call_tool` would list all tools, and so build all their schemas, to check our own result.
        result = await self._client.session.send_request(
            CallToolRequest(params=CallToolRequestParams(name=tool, arguments=given)),
            CallToolResult,
            progress_callback=report,
        )
        if result.is_error:
            raise _failure(result)
        return as_object(result.structured_content)


@asynccontextmanager
async def open_session(settings: Settings) -> AsyncGenerator[Session]:
    """Run the server inside this process and yield a session; no host limits the time of its calls.

    Raises:
        ConfigError: A setting is wrong.
    """
    with raise_first(), running(LongCall(math.inf)), signals_end():
        async with running_server(settings) as server, Client(server) as client:
            yield Session(client)


@asynccontextmanager
async def open_child_session(flags: Sequence[str]) -> AsyncGenerator[Session]:
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
    async with open_client(server) as client:
        yield Session(client)


@asynccontextmanager
async def open_client(server: StdioServerParameters, log: TextIO | None = None) -> AsyncGenerator[Client]:
    """Start a server and yield an MCP client of it that has shaken hands.

    What the server writes to stderr goes to `log`, by default to our own stderr.

    Raises:
        ServerStopped: The server did not start, or died.
    """
    try:
        with raise_first():
            async with Client(stdio_client(server, errlog=sys.stderr if log is None else log)) as client:
                yield client
    except (MCPError, OSError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
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
            values = value if is_list(value) else [value]
            line.extend(part for item in values for part in (flag, str(item)))
    return line


@contextmanager
def naming_create_bucket(bucket: str) -> Generator[None]:
    """Say which flag creates a bucket that a tool did not find."""
    try:
        yield
    except ToolFailed as error:
        if error.code != "bucket_not_found":
            raise
        raise ToolFailed(
            f"There is no bucket {bucket!r}.", code=error.code, hint="Add --create-bucket to create it."
        ) from error


def _failure(result: CallToolResult) -> ToolFailed:
    error = as_object(as_object(result.structured_content).get("error"))
    return ToolFailed(
        in_commands(str(error.get("message", ""))),
        code=str(error.get("code", "")),
        hint=in_commands(str(error.get("next_step", ""))),
        retryable=bool(error.get("retryable")),
    )
