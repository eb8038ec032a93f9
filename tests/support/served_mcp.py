"""An MCP server on a real port, in this process, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from socket import socket

import anyio
import httpx2
import uvicorn
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.types import ASGIApp

from tests.support.served_app import AnnouncingServer


@asynccontextmanager
async def serving_mcp(app: ASGIApp) -> AsyncGenerator[str]:
    """Serve `app`, lifespan included, on a free port of 127.0.0.1 and yield its origin."""
    with socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, log_config=None, lifespan="on", ws="none", timeout_graceful_shutdown=1, access_log=False
        )
        server = AnnouncingServer(config)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listening])
            await server.is_up.wait()
            try:
                yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            finally:
                server.should_exit = True


@asynccontextmanager
async def http_client(url: str, era: str, headers: dict[str, str] | None = None) -> AsyncGenerator[Client]:
    """Yield an MCP client of `url` in the protocol era `era`."""
    async with (
        httpx2.AsyncClient(headers=headers, timeout=10) as http,
        Client(streamable_http_client(url, http_client=http), mode=era) as client,
    ):
        yield client
