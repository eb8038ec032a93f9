"""`calypso-mcp`: MCP over stdin and stdout, until the input ends or the process is told to stop."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping

import anyio

from calypso_mcp.assembly.server import running_server
from calypso_mcp.cli import collector
from calypso_mcp.cli.ending import end_soon, signals_end
from calypso_mcp.cli.logs import log_to_stderr
from calypso_mcp.concurrency import open_task_group
from calypso_mcp.server.transport.stdio import run_stdio
from calypso_mcp.settings import Settings, load_settings


def run(_arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Serve one client."""
    settings = load_settings(flags)
    log_to_stderr(settings)
    anyio.run(_serve, settings)
    return 0


async def _serve(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    async with running_server(settings) as server, open_task_group() as tasks:
        with signals_end(lambda: loop.call_soon_threadsafe(tasks.cancel_scope.cancel)):
            collector.work()
            await run_stdio(server, on_input_end=end_soon)
            tasks.cancel_scope.cancel()
