"""The embedded backend as tests meet it: in this process, on a port in a thread, as a process to kill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_server, socket
from typing import Any, Self, TypeVar

import anyio
import httpx2
import uvicorn

from calypso_mcp.client.transport.connections import keep_addresses_out
from calypso_mcp.local.app import open_backend
from calypso_mcp.local.options import LocalOptions
from tests.support.described_api import mismatches

T = TypeVar("T")

API_KEY = "sk_test_0123456789abcdef"
#: No wait in a test lasts longer.
BOUND_S = 30.0
#: Between two questions whether something is so; without it, asking takes the time of what is waited for.
_PAUSE_S = 0.01


@dataclass(frozen=True)
class Api:
    """Calls the REST API with the right key, and upload addresses without one."""

    http: httpx2.AsyncClient
    #: Where a reader can look for what must not be there.
    options: LocalOptions

    async def get(self, path: str, **params: str) -> httpx2.Response:
        return await self.http.get(path, params=params)

    async def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, json=body, headers=named)

    async def put(self, address: str, content: Any = b"", **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = self.http.build_request("PUT", address, content=content, headers=named)
        del request.headers["Authorization"]
        return await self.http.send(request)

    async def session(self, data: bytes, bucket: str | None = "docs", **fields: Any) -> dict[str, Any]:
        """Create an upload session for `data`."""
        body: dict[str, Any] = {
            "filename": "notes.md",
            "content_type": "text/markdown",
            "size_bytes": len(data),
            "bucket": bucket,
            "create_missing_buckets": True,
        }
        answer = await self.post("/knowledge/files/upload-session", {**body, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def finalize(self, session_id: str) -> httpx2.Response:
        return await self.post(f"/knowledge/files/upload-session/{session_id}/finalize", {})

    async def upload(self, data: bytes, bucket: str | None = "docs", **fields: Any) -> dict[str, Any]:
        """Upload and finalize `data`; return the knowledge file."""
        session = await self.session(data, bucket, **fields)
        stored = await self.put(session["upload_url"], data)
        assert stored.status_code == 200, stored.text
        answer = await self.finalize(session["session_id"])
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def settled(self, file_id: str) -> dict[str, Any]:
        """Return the file once it is active or has failed."""
        return await self.until(
            lambda: self.get(f"/knowledge/files/{file_id}"),
            lambda body: body["status"] in {"active", "failed"},
        )

    async def until(self, ask: Callable[[], Any], is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first body of which `is_so` holds."""
        with anyio.fail_after(BOUND_S):
            while True:
                answer = await ask()
                body = answer.json()
                if answer.status_code == 200 and is_so(body):
                    return body
                await anyio.sleep(_PAUSE_S)

    async def searched(self, query: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the results of a search."""
        answer = await self.post("/search", {"query": query, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()["results"]


@asynccontextmanager
async def in_process(options: LocalOptions) -> AsyncGenerator[Api]:
    """Reach the backend through an ASGI transport."""
    async with (
        held_open(lambda: open_backend(options)) as app,
        _client(options, "http://calypso.localhost/v1", httpx2.ASGITransport(app)) as http,
    ):
        yield Api(http, options)


@asynccontextmanager
async def over_socket(options: LocalOptions) -> AsyncGenerator[Api]:
    """Reach the backend over TCP."""
    with serving(options) as origin:
        async with _client(options, f"{origin}/v1", None) as http:
            yield Api(http, options)


@contextmanager
def serving(options: LocalOptions) -> Generator[str]:
    """Serve the backend on a free port from a thread of its own; yield its origin."""
    up: Future[uvicorn.Server] = Future()

    async def serve(listening: socket) -> None:
        try:
            async with open_backend(options) as app:
                server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
                up.set_result(server)
                await server.serve(sockets=[listening])
        except Exception as error:
            if up.done():
                raise
            up.set_exception(error)

    with create_server(("127.0.0.1", 0), backlog=2048) as listening:
        thread = threading.Thread(target=anyio.run, args=(serve, listening))
        thread.start()
        server = up.result(BOUND_S)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(BOUND_S)


@asynccontextmanager
async def held_open(make: Callable[[], AbstractAsyncContextManager[T]]) -> AsyncGenerator[T]:
    """Enter and leave a context in one task, as cancel scopes ask; fixtures may use two."""
    ready: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def hold() -> None:
        try:
            async with make() as value:
                ready.set_result(value)
                await over.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    holder = asyncio.create_task(hold())
    try:
        yield await ready
    finally:
        over.set()
        await holder


class BackendProcess:
    """A backend in a process of its own that can be killed at any moment."""

    def __init__(self, data_dir: Path, **options: Any) -> None:
        self.options = LocalOptions(data_dir, API_KEY, creates_per_second=None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.backend_process", str(data_dir), API_KEY, repr(options)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the backend process did not start"
        self.origin = f"http://127.0.0.1:{int(line)}"

    def client(self) -> AbstractAsyncContextManager[Api]:
        """Return an API client for this process."""
        return self._client()

    def kill(self) -> None:
        """End the process as a crash would."""
        self._process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process.wait(BOUND_S)

    def wait(self) -> int:
        """Wait for the process to end by itself and return its exit code."""
        return self._process.wait(BOUND_S)

    def stop(self) -> int:
        """Ask the process to end and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(BOUND_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[Api]:
        async with _client(self.options, f"{self.origin}/v1", None) as http:
            yield Api(http, self.options)


def _client(
    options: LocalOptions, base_url: str, transport: httpx2.AsyncBaseTransport | None
) -> httpx2.AsyncClient:
    keep_addresses_out()
    return httpx2.AsyncClient(
        base_url=base_url,
        transport=transport,
        timeout=BOUND_S,
        headers={"Authorization": f"Bearer {options.api_key}"},
        trust_env=False,
        event_hooks={"response": [_is_as_described]},
    )


async def _is_as_described(answer: httpx2.Response) -> None:
    """Hold every answer that a test receives against the API's own description."""
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        await answer.aread()
        assert not list(mismatches(answer))


def options_for(data_dir: Path, **fields: Any) -> LocalOptions:
    """Return options without a rate limit, which only its own tests want."""
    usual: dict[str, Any] = {"creates_per_second": None, "poll_s": 0.05}
    return LocalOptions(data_dir, API_KEY, **(usual | fields))


def tree(data_dir: Path) -> set[str]:
    """Return the names of the blobs in a data directory, as `partial/…` and `sealed/…`."""
    blobs = data_dir / "blobs"
    return {
        str(Path(folder, name).relative_to(blobs)) for folder, _, names in os.walk(blobs) for name in names
    }


__all__ = [
    "API_KEY",
    "BOUND_S",
    "Api",
    "BackendProcess",
    "held_open",
    "in_process",
    "options_for",
    "over_socket",
    "serving",
    "tree",
]
