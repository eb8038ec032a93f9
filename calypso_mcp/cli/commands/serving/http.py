"""`calypso-mcp http`: MCP over streamable HTTP."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from socket import socket

import anyio

from calypso_mcp.assembly.http import PAGE_PATH, running_app
from calypso_mcp.cli.arguments import LISTENING, CommandParser
from calypso_mcp.cli.clients.edits import snippets
from calypso_mcp.cli.clients.shapes import Remote
from calypso_mcp.cli.process.listening import listen, origin, serve
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.settings import Settings

DEFAULT_PORT = 8000


def add_arguments(parser: CommandParser) -> None:
    """Take every setting."""
    parser.add_settings(LISTENING)


def run(_arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Serve until told to stop."""
    settings = load_settings_and_log(flags)
    with listen(settings.host, DEFAULT_PORT if settings.port is None else settings.port) as listening:
        anyio.run(_serve, settings, listening)
    return 0


async def _serve(settings: Settings, listening: socket) -> None:
    stopping = anyio.Event()
    async with running_app(settings, stopping, lambda url: snippets(Remote(url))) as app:
        local = origin(listening)
        base = settings.public_url or local
        print(f"MCP: {base}/mcp\nPage: {base}{PAGE_PATH}", file=sys.stderr)
        if base != local:
            print(f"On this machine: {local}/mcp", file=sys.stderr)
        print("Ctrl-C stops it.", file=sys.stderr, flush=True)
        await serve(app, listening, stopping)
