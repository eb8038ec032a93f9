"""What the endpoints of language and embedding models share: a port, and the headers they were sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.served_app import serving


@dataclass
class ModelEndpoint:
    """An OpenAI-compatible endpoint on a port."""

    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    #: Set when the endpoint ends, so that no answer holds it up.
    over: anyio.Event = field(default_factory=anyio.Event)

    @asynccontextmanager
    async def serve(
        self, path: str, respond: Callable[[Request], Awaitable[Response]]
    ) -> AsyncGenerator[None]:
        """Let `respond` answer what is posted to `path` on a free port."""
        app = Starlette(routes=[Route(f"/v1{path}", respond, methods=["POST"])])
        async with serving(app) as port:
            self.url = f"http://127.0.0.1:{port}/v1"
            try:
                yield
            finally:
                self.over.set()
