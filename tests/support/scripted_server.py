"""The scripted API on a real port, for processes that are to take it for the hosted Calypso."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import httpx2
from typing_extensions import override

from tests.support.scripted_calypso import ScriptedCalypso


@dataclass
class ScriptedServer:
    """A running API and the headers of every request it got."""

    base_url: str
    headers: list[httpx2.Headers] = field(default_factory=list[httpx2.Headers])


@contextmanager
def scripted_server(api: ScriptedCalypso) -> Generator[ScriptedServer]:
    """Serve `api` while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = httpx2.Request(
                self.command, f"{running.base_url.removesuffix('/v1')}{self.path}", content=content
            )
            running.headers.append(httpx2.Headers(self.headers.items()))
            answer = anyio.run(api.answer, request)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - names that http.server calls

        @override
        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = ScriptedServer(f"http://127.0.0.1:{server.server_port}/v1")
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield running
        finally:
            server.shutdown()
            serving.join()
