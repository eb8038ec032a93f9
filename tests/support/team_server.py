"""`calypso-mcp http` as a team runs it: real processes on real ports, agents in an access file.

Two workers are two processes on one data folder, which every other request goes to.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from calypso_mcp.client.transport.connections import keep_addresses_out
from calypso_mcp.server.access.access_file import tokens
from tests.support.secret_watch import watched

#: No wait in a test lasts longer, in seconds.
BOUND_S = 30.0
_READY = re.compile(r"(http://[^/\s]+)/mcp")


class Worker:
    """One server process; everything it writes is kept."""

    def __init__(self, environment: dict[str, str], port: int = 0) -> None:
        self._environment = environment
        self._lines: list[str] = []
        self._up = threading.Event()
        self.origin = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "calypso_mcp", "http", "--port", str(port)],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        if not self._up.wait(BOUND_S) or not self.origin:
            self.stop()
            raise AssertionError(f"the server did not start:\n{self.log}")

    @property
    def log(self) -> str:
        return "".join(self._lines)

    def again(self) -> Worker:
        """Start another process on the same port, once this one has ended."""
        return Worker(self._environment, int(self.origin.rpartition(":")[2]))

    def kill(self) -> None:
        """End the process at once, as a crash does."""
        self.process.kill()
        self.stop()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(BOUND_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        watched("log of a server", self.log)

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self._lines.append(line)
                found = _READY.search(line)
                if found and not self.origin:
                    self.origin = found[1]
                    self._up.set()
        self._up.set()


class _TakingTurns(httpx2.AsyncBaseTransport):
    """Sends every request to the next worker, as a load balancer without memory does."""

    def __init__(self, origins: list[str]) -> None:
        self._inner = httpx2.AsyncHTTPTransport()
        self._next = itertools.cycle(origins)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        chosen = httpx2.URL(next(self._next))
        request.url = request.url.copy_with(host=chosen.host, port=chosen.port)
        request.headers["host"] = f"{chosen.host}:{chosen.port}"
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass
class Team:
    """A protected server and the agents it knows."""

    folder: Path
    workers: list[Worker]
    tokens: dict[str, str]
    secrets: set[str] = field(default_factory=set[str])

    @property
    def origin(self) -> str:
        return self.workers[0].origin

    @property
    def logs(self) -> str:
        return "".join(worker.log for worker in self.workers)

    async def logged(self, text: str) -> None:
        """Wait until a worker has logged `text`: calls are logged after the answer, and read here later."""
        with anyio.fail_after(BOUND_S):
            while text not in self.logs:
                await anyio.sleep(0.01)

    @asynccontextmanager
    async def http(self, agent: str | None = None, **headers: str) -> AsyncGenerator[httpx2.AsyncClient]:
        """Yield a plain HTTP client that logs in as `agent`."""
        if agent is not None:
            headers["Authorization"] = f"Bearer {self.tokens[agent]}"
        keep_addresses_out()  # some tests send files to one-time addresses with it
        transport = _TakingTurns([worker.origin for worker in self.workers])
        async with httpx2.AsyncClient(
            transport=transport, base_url=self.origin, headers=headers, timeout=BOUND_S
        ) as client:
            yield client

    @asynccontextmanager
    async def client(self, agent: str, era: str = "auto", query: str = "") -> AsyncGenerator[Client]:
        """Yield an MCP client that logs in as `agent`."""
        with anyio.fail_after(3 * BOUND_S):
            async with (
                self.http(agent) as http,
                Client(
                    streamable_http_client(f"{self.origin}/mcp{query}", http_client=http), mode=era
                ) as client,
            ):
                yield client


@contextmanager
def team_server(
    folder: Path, agents: dict[str, str], *, workers: int = 1, **settings: str
) -> Generator[Team]:
    """Run a protected server.

    Args:
        folder: For its data and its access file.
        agents: Lines of each agent in the access file besides the token.
        workers: Number of processes.
        **settings: Environment variables.
    """
    known = {name: tokens.new_token(name) for name in agents}
    access_file = folder / "access.toml"
    access_file.write_text(
        "\n".join(
            f'[agents."{name}"]\ntoken_hash = "{tokens.hash_token(known[name])}"\n{lines}\n'
            for name, lines in agents.items()
        )
    )
    environment = {
        "CALYPSO_DATA_DIR": str(folder / "data"),
        "CALYPSO_ACCESS_FILE": str(access_file),
        "CALYPSO_LOG_LEVEL": "debug",
        **settings,
    }
    started: list[Worker] = []
    try:
        started.extend(Worker(environment) for _ in range(workers))
        yield Team(folder, started, known, set(known.values()))
    finally:
        for worker in started:
            worker.stop()


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool that has to succeed, and return its structured result."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content
