"""`calypso-mcp`: MCP over stdin and stdout, until the input ends or the process is told to stop."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Mapping

import anyio

from calypso_mcp import __version__
from calypso_mcp.assembly.server import misconfigured_server, running_server
from calypso_mcp.cli.printing.terminal import started_by_hand
from calypso_mcp.cli.process import collector
from calypso_mcp.cli.process.ending import death_of_parent_ends, end_soon, signals_end
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.concurrency import open_task_group
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.calls.tool_calls import CalypsoServer
from calypso_mcp.server.transport.stdio import run_stdio
from calypso_mcp.settings import Settings

#: Exit code of a server whose every call was answered with a wrong setting.
_WRONG_SETTING = 2
_WAITING = f"""\
calypso-mcp {__version__}: an MCP server that speaks over standard input and output.
It waits for an MCP client, which usually starts it. Ctrl-C ends it.
To try it, run calypso-mcp demo. For everything else, run calypso-mcp --help."""


def run(_arguments: Namespace, flags: Mapping[str, object]) -> int:
    """Serve one client; if a setting is wrong, answer every call with that and return 2."""
    try:
        settings = load_settings_and_log(flags)
    except ConfigError as problem:
        return report_problem(problem)
    return anyio.run(_serve, settings)


def report_problem(problem: ConfigError) -> int:
    """Answer every call of a client with what is wrong; return the exit code.

    Raises:
        ConfigError: A person started the server in a terminal: `problem` itself.
    """
    return anyio.run(_report, problem)


async def _serve(settings: Settings) -> int:
    try:
        async with running_server(settings) as server:
            if started_by_hand():
                # Not before: only a running event loop ends well at Ctrl-C.
                print(_WAITING, file=sys.stderr, flush=True)
            await _serve_until_told(server, 0)
            return 0
    except ConfigError as error:
        problem = error
    return await _report(problem)


async def _report(problem: ConfigError) -> int:
    if started_by_hand():
        raise problem
    print(f"calypso-mcp: {problem.message} {problem.hint}".rstrip(), file=sys.stderr, flush=True)
    await _serve_until_told(misconfigured_server(problem), _WRONG_SETTING)
    return _WRONG_SETTING


async def _serve_until_told(server: CalypsoServer, code: int) -> None:
    """Serve until the input or the parent ends or a signal says stop; a slow end exits with `code`."""
    loop = asyncio.get_running_loop()
    async with open_task_group() as tasks:

        def stop() -> None:
            loop.call_soon_threadsafe(tasks.cancel_scope.cancel)

        with signals_end(stop), death_of_parent_ends(stop):
            collector.work()
            await run_stdio(server, on_input_end=lambda: end_soon(code))
            tasks.cancel_scope.cancel()
