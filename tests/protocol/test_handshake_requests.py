"""Requests of the handshake era over HTTP: plain JSON if nothing comes before the answer, else a stream."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2
import pytest
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CompleteRequestParams, CompleteResult
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calypso_mcp.server import sdk
from calypso_mcp.server.access.limits import HttpLimits
from calypso_mcp.server.transport.http import HttpPolicy, create_http_app
from tests.support.served_mcp import serving_mcp

HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
SECRET = "what a document says"


@dataclass
class Slow:
    """A tool that waits, and what became of it."""

    reached: anyio.Event = field(default_factory=anyio.Event)
    released: anyio.Event = field(default_factory=anyio.Event)
    cancelled: anyio.Event = field(default_factory=anyio.Event)

    async def wait(self) -> str:
        self.reached.set()
        try:
            await self.released.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled.set()
            raise
        return "released"


async def word() -> str:
    return "word"


async def steps(ctx: Context[Any, Any]) -> str:
    await ctx.report_progress(1, 2, "half")
    await ctx.report_progress(2, 2, "whole")
    return "done"


async def _crash(_request: Any, _params: CompleteRequestParams) -> CompleteResult:
    raise LookupError(SECRET)


@asynccontextmanager
async def served(
    slow: Slow, silence_s: float = 15.0, wire: Callable[[ASGIApp], ASGIApp] = lambda app: app
) -> AsyncGenerator[httpx2.AsyncClient]:
    server: MCPServer[Any] = MCPServer("handshake")
    for function in (word, steps, slow.wait):
        server.add_tool(function)
    sdk.handle(server, "completion/complete", CompleteRequestParams, _crash)
    app = create_http_app(server, HttpPolicy(limits=HttpLimits(silence_s=silence_s)))
    with anyio.fail_after(20):
        async with (
            serving_mcp(wire(app)) as origin,
            httpx2.AsyncClient(base_url=origin, headers=HEADERS, timeout=20) as http,
        ):
            yield http


def call(tool: str, **meta: Any) -> dict[str, Any]:
    return message("tools/call", name=tool, arguments={}, _meta=meta)


def message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": "call 1", "method": method, "params": params}


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data")]


def text_of(answer: dict[str, Any]) -> str:
    assert answer["id"] == "call 1"
    return answer["result"]["content"][0]["text"]


@pytest.mark.parametrize("version", [None, "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_an_answer_that_comes_first_is_plain_json(version: str | None):
    async with served(Slow()) as http:
        http.headers.pop("MCP-Protocol-Version")
        headers = {"MCP-Protocol-Version": version} if version else {}
        answer = await http.post("/mcp", json=call("word"), headers=headers)
    assert answer.headers["Content-Type"] == "application/json"
    assert text_of(answer.json()) == "word"


async def test_progress_without_a_token_goes_nowhere():
    async with served(Slow()) as http:
        assert text_of((await http.post("/mcp", json=call("steps"))).json()) == "done"


async def test_what_is_sent_before_the_answer_makes_it_a_stream():
    async with served(Slow()) as http:
        answer = await http.post("/mcp", json=call("steps", progressToken=7))
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    *progress, last = events(answer.text)
    assert [event["method"] for event in progress] == ["notifications/progress"] * 2
    assert progress[0]["params"] == {"progressToken": 7, "progress": 1, "total": 2, "message": "half"}
    assert text_of(last) == "done"


async def test_silence_makes_it_a_stream_of_pings_that_ends_with_the_answer():
    slow = Slow()
    async with served(slow, silence_s=0.02) as http, http.stream("POST", "/mcp", json=call("wait")) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        pings = 0
        while pings < 2:
            pings += await anext(lines) == ": ping"
        slow.released.set()
        [last] = events("\n".join([line async for line in lines]))
    assert text_of(last) == "released"


@pytest.mark.parametrize("silence_s", [0.02, 15.0])
async def test_a_call_ends_when_its_client_leaves(silence_s: float):
    slow = Slow()
    async with served(slow, silence_s) as http:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: http.post("/mcp", json=call("wait")))
            await slow.reached.wait()
            tasks.cancel_scope.cancel()
        await slow.cancelled.wait()


def breaking_at_pings(app: ASGIApp) -> ASGIApp:
    """Raise what an ASGI server may raise for a client that has left (ASGI HTTP spec, version 2.4)."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_some(message: Message) -> None:
            if message.get("body") == b": ping\r\n\r\n":
                raise OSError("The connection is lost.")
            await send(message)

        await app(scope, receive, send_some)

    return broken


async def test_a_call_ends_when_a_ping_cannot_be_sent():
    slow = Slow()
    async with served(slow, 0.02, breaking_at_pings) as http:
        with pytest.raises(httpx2.TransportError):
            await http.post("/mcp", json=call("wait"))
        assert slow.cancelled.is_set()


async def test_a_crash_answers_without_what_it_says():
    async with served(Slow()) as http:
        ref = {"type": "ref/prompt", "name": "p"}
        crashed = message("completion/complete", ref=ref, argument={"name": "a", "value": "b"})
        answer = await http.post("/mcp", json=crashed)
        unknown = await http.post("/mcp", json=message("nothing/known"))
    assert answer.json()["error"]["code"] == -32603
    assert SECRET not in answer.text
    assert unknown.json()["error"]["code"] == -32601


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"jsonrpc": "2.0", "method": "notifications/initialized"}', {}, 202),
        (b'{"jsonrpc": "2.0", "id": 1, "result": {}}', {}, 202),
        (json.dumps(call("word")).encode(), {"Accept": "application/json"}, 406),
        (json.dumps(call("word")).encode(), {"Accept": "text/event-stream"}, 406),
        (json.dumps(call("word")).encode(), {"Content-Type": "text/plain"}, 400),
        (json.dumps(call("word")).encode(), {"MCP-Protocol-Version": "1999-01-01"}, 400),
    ],
)
async def test_whatever_is_no_request_of_the_era_is_answered_by_the_sdk(
    content: bytes, headers: dict[str, str], status: int
):
    async with served(Slow()) as http:
        sent = {"Content-Type": "application/json", **headers}
        assert (await http.post("/mcp", content=content, headers=sent)).status_code == status


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]',
        b'"text"',
        b'{"id": 1, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": 1}',
        b'{"jsonrpc": "2.0", "id": 1, "method": 5}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}',
        b'{"jsonrpc": "2.0", "method": "ping", "params": [1]}',
        b'{"jsonrpc": "2.0", "id": 1, "result": 5}',
        b'{"jsonrpc": "2.0", "id": 1, "error": 5}',
    ],
)
async def test_json_that_is_no_message_is_refused_in_one_sentence(content: bytes):
    async with served(Slow()) as http:
        answer = await http.post("/mcp", content=content, headers={"Content-Type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, -32600)
    assert "batches are not supported" in error["message"]
    assert "pydantic" not in answer.text


@pytest.mark.parametrize("request_id", [None, 1.5, True, {}])
async def test_a_request_whose_id_no_answer_can_carry_is_refused(request_id: object):
    async with served(Slow()) as http:
        answer = await http.post("/mcp", json=call("word") | {"id": request_id})
        notified = await http.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert answer.status_code == 400
    assert "string or a whole number" in answer.json()["error"]["message"]
    assert notified.status_code == 202
