"""The server with the fixtures of the conformance suite, as a process: its argument is a data folder.

The same app as `calypso-mcp http`, on a free port whose address it prints to stdout.
"""

from __future__ import annotations

import sys
from socket import socket

import anyio

from calypso_mcp.assembly.backends import open_backends
from calypso_mcp.assembly.server import server_state
from calypso_mcp.cli.process.listening import listen, origin, serve
from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.server.backend import Backend
from calypso_mcp.server.build import build_server
from calypso_mcp.server.tasks.task_records import TaskRecords
from calypso_mcp.server.tasks.task_runs import TaskPolicy, TaskRuns
from calypso_mcp.server.transport.http import HttpPolicy, create_http_app
from calypso_mcp.settings import Settings, load_settings
from tests.support.conformance_fixtures import add_fixtures
from tests.support.conformance_tools import TASK_AFTER_S


async def _serve(settings: Settings, listening: socket) -> None:
    async with open_backends(settings) as backends:

        def backend_for(_grant: AccessGrant) -> Backend:
            return backends.of_process()

        server = build_server(
            server_state(settings, backend_for, over_http=True),
            tasks=TaskRuns(TaskRecords(), TaskPolicy(after_s=TASK_AFTER_S, beat_s=0.1)),
        )
        add_fixtures(server)
        print(f"{origin(listening)}/mcp", flush=True)
        await serve(create_http_app(server, HttpPolicy()), listening)


def main() -> None:
    settings = load_settings({"data_dir": sys.argv[1]})
    with listen("127.0.0.1", 0) as listening:
        anyio.run(_serve, settings, listening)


if __name__ == "__main__":
    main()
