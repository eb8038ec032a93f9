"""An ASGI application on a real port, in this process."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from socket import socket

import anyio
import uvicorn
from starlette.types import ASGIApp


class AnnouncingServer(uvicorn.Server):
    """Announces itself through an event, so that tests need not poll."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = anyio.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncGenerator[int]:
    """Serve `app` on a free port of 127.0.0.1, which is what this yields."""
    with socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = AnnouncingServer(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listening])
            await server.is_up.wait()
            try:
                yield listening.getsockname()[1]
            finally:
                server.should_exit = True
