"""The whole way of an upload in one process: MCP client, server, API client, embedded backend."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp.client import Client
from mcp.client.session import ElicitationFnT

from calypso_mcp.assembly.server import embedded_formats
from calypso_mcp.client import CalypsoClient, ClientPolicies
from calypso_mcp.client.transport.pacing import CreatePacer
from calypso_mcp.client.uploading.sent_ledger import LedgerFile, SentLedger
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.domain.states.readiness import PollSchedule
from calypso_mcp.local.app import open_backend
from calypso_mcp.server.backend import Backend
from calypso_mcp.server.build import build_server
from calypso_mcp.server.files.local_files import FilePolicy
from calypso_mcp.server.state import ServerState
from tests.support.live_backend import API_KEY, held_open, options_for

BOUND_S = 30.0
#: As patient as usual, without the pauses.
QUICK = ClientPolicies(
    retry=RetryPolicy(attempts=3, base_s=0.0),
    poll=PollSchedule(first_s=0.01, cap_s=0.05),
    storage_retry=RetryPolicy(attempts=4, base_s=0.0),
)


class CountingTransport(httpx2.AsyncBaseTransport):
    """Passes requests on, remembers them, and answers some itself where a test says so."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner
        self.seen: list[tuple[str, str]] = []
        #: Bytes sent to upload addresses; asking one how much it has sends none.
        self.bytes_put = 0
        self.most_at_once = self._at_once = 0
        #: Called first with each request; an answer other than None is given in place of the backend's.
        self.intercept: Callable[[httpx2.Request], httpx2.Response | None] = lambda _request: None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append((request.method, request.url.path))
        if request.method == "PUT":
            self.bytes_put += int(request.headers.get("Content-Length", 0))
        answer = self.intercept(request)
        if answer is not None:
            # As from a network: not read yet.
            return httpx2.Response(
                answer.status_code, headers=answer.headers, stream=httpx2.ByteStream(answer.content)
            )
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._inner.handle_async_request(request)
        finally:
            self._at_once -= 1

    def count(self, method: str, part: str) -> int:
        """Return how many requests of this method had `part` in their path."""
        return sum(1 for seen, path in self.seen if seen == method and part in path)


@dataclass
class Rig:
    """What a test holds on to."""

    client: Client
    calypso: CalypsoClient
    wire: CountingTransport
    #: Progress notifications of every call: progress, total, message.
    progress: list[tuple[float, float | None, str | None]] = field(default_factory=list)

    async def call(self, tool: str, **arguments: Any) -> Any:
        """Call a tool and return its result, remembering its progress."""

        async def note(progress: float, total: float | None, message: str | None) -> None:
            self.progress.append((progress, total, message))

        with anyio.fail_after(BOUND_S):
            return await self.client.call_tool(tool, arguments, progress_callback=note)

    async def ok(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return the structured content of a call that must succeed."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, result.content[0].text
        return result.structured_content

    async def refused(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return the error of a call that must fail, after checking that the text alone is complete."""
        result = await self.call(tool, **arguments)
        assert result.is_error, result.structured_content
        error = result.structured_content["error"]
        text = result.content[0].text
        assert error["message"] in text
        assert error["code"] in text
        assert error.get("next_step"), error
        assert error["next_step"] in text
        return error


def upload_rig(
    data_dir: Path,
    *roots: Path,
    era: str = "auto",
    decisions: dict[str, Any] | None = None,
    file_policy: dict[str, Any] | None = None,
    api_key: str = API_KEY,
    elicitation: ElicitationFnT | None = None,
    is_plain: bool = False,
) -> AbstractAsyncContextManager[Rig]:
    """Open everything; `roots` are the allowed folders (none: local paths are off).

    With `elicitation` the client puts questions to its user. A plain backend has no extensions.
    """
    rules: dict[str, Any] = {"reads": embedded_formats, **(file_policy or {})}
    policy = FilePolicy(tuple(str(root) for root in roots), **rules)
    given = {"files": policy, **(decisions or {})}
    return held_open(lambda: _opened(data_dir, api_key, era, given, elicitation, is_plain=is_plain))


@asynccontextmanager
async def ledger_file(data_dir: Path) -> AsyncGenerator[LedgerFile]:
    """Open the record of sent files that lies in `data_dir`."""
    with closing(LedgerFile(data_dir / "sent.sqlite")) as file:
        yield file


@asynccontextmanager
async def _opened(
    data_dir: Path,
    api_key: str,
    era: str,
    decisions: dict[str, Any],
    elicitation: ElicitationFnT | None,
    *,
    is_plain: bool,
) -> AsyncGenerator[Rig]:
    async with open_backend(options_for(data_dir)) as app, ledger_file(data_dir) as sent:
        wire = CountingTransport(httpx2.ASGITransport(app))
        async with CalypsoClient(
            base_url="http://calypso.localhost/v1",
            api_key=api_key,
            transport=wire,
            storage_transport=wire,
            pacer=CreatePacer(per_second=1_000),
            policies=QUICK,
            sent=SentLedger(sent, "rig"),
        ) as calypso:
            backend = Backend.of(calypso, "embedded")
            if is_plain:
                backend = replace(backend, known=frozenset())
            state = ServerState(backend_for=lambda _grant: backend, **decisions)
            server = build_server(state)
            async with Client(server, mode=era, elicitation_callback=elicitation) as client:
                yield Rig(client, calypso, wire)
