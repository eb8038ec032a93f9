"""A complete handshake through the exact command that a client would start, with a minimal PATH."""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

import anyio
from mcp import StdioServerParameters

from calypso_mcp.cli.calls.mcp_session import ServerStopped, open_client
from calypso_mcp.cli.clients.command import minimal_path, server_command
from calypso_mcp.cli.doctor.findings import Finding, note, ok, problem
from calypso_mcp.settings import child_environment

#: Some clients wait no longer for a server to start, in seconds.
_CLIENT_PATIENCE_S = 10.0
_LIMIT_S = 60.0
#: Longest complaint of a server that is repeated, in characters.
_LAST_WORDS = 400


async def check_handshake(flags: Sequence[str], environ: Mapping[str, str]) -> Finding:
    """Start calypso-mcp as a client would, and ask for its tools."""
    program, *arguments = server_command()
    server = StdioServerParameters(
        command=program,
        args=[*arguments, *flags],
        env={**child_environment(environ), "PATH": minimal_path()},
        encoding_error_handler="replace",
    )
    shown = shlex.join([program, *arguments, *flags])
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            with anyio.fail_after(_LIMIT_S):
                async with open_client(server, log) as client:
                    tools = (await client.list_tools()).tools
                    took_s = time.monotonic() - started
        except (ServerStopped, TimeoutError):
            return problem(
                f"`{shown}` does not respond as an MCP server. {_read_last_line(log)}".rstrip(),
                "Run it in a terminal and read what it writes; installing calypso-mcp again often helps.",
            )
        complaint = _read_last_line(log)
    if complaint.startswith("calypso-mcp:"):
        return problem(f"`{shown}` answers every call with an error. {complaint}", "Correct that setting.")
    if took_s > _CLIENT_PATIENCE_S:
        # A note, because the next start may be quicker.
        return note(
            f"`{shown}` takes {took_s:.0f} s to start; some clients wait {_CLIENT_PATIENCE_S:g} s.",
            "Close other busy programs, or let the client wait longer (Codex: startup_timeout_sec).",
        )
    return ok(f"`{shown}` answers with {len(tools)} tools after {took_s:.1f} s, with a minimal PATH.")


def _read_last_line(log: TextIO) -> str:
    log.seek(0)
    lines = log.read().strip().splitlines()
    return lines[-1][:_LAST_WORDS] if lines else ""
