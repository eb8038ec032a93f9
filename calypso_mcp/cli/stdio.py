"""`calypso-mcp`: MCP over stdin and stdout, until the input ends or the process is told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping

import anyio

from calypso_mcp.assembly.server import running_server
from calypso_mcp.cli import collector
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
    async with running_server(settings) as server, open_task_group() as tasks:
        if sys.platform != "win32":
            # Where a host says "stop" by a signal instead of closing our input, end just as cleanly.
            tasks.start_soon(_stop_when_told, tasks.cancel_scope)
        collector.work()
        await run_stdio(server)
        tasks.cancel_scope.cancel()


async def _stop_when_told(serving: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            serving.cancel()
