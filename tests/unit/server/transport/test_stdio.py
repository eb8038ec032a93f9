"""MCP over pipes, as real clients use them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from io import FileIO
from typing import Any, BinaryIO

import anyio
import pytest
from anyio import to_thread

from calypso_mcp.server.build import build_server
from calypso_mcp.server.subscriptions import WatchPolicy, on_one_connection
from calypso_mcp.server.transport.stdio import serve_pipes
from calypso_mcp.server.transport.stdio_pipes import MOST_BYTES
from tests.support.scripted_calypso import ScriptedCalypso, bucket

ENVELOPE = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}
HANDSHAKE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


class Host:
    """The client's end of the two pipes."""

    def __init__(self, to_server: BinaryIO, from_server: FileIO) -> None:
        self._to_server = to_server
        self._from_server = from_server
        self.ended = anyio.Event()

    async def send(self, message: dict[str, Any] | bytes) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        await to_thread.run_sync(self._write, line + b"\n")

    def _write(self, line: bytes) -> None:
        self._to_server.write(line)
        self._to_server.flush()

    async def receive(self) -> dict[str, Any]:
        line = await to_thread.run_sync(self._from_server.readline, abandon_on_cancel=True)
        return json.loads(line)

    async def ask(self, request_id: int, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        await self.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}})
        while True:
            answer = await self.receive()
            if answer.get("id") == request_id:
                return answer

    def end_input(self) -> None:
        self._to_server.close()


@asynccontextmanager
async def hosted(api: ScriptedCalypso | None = None, **timing: float) -> AsyncGenerator[Host]:
    """Run a server on two pipes and yield the other ends; the server must end when its input does."""
    server_in, host_out = os.pipe()
    host_in, server_out = os.pipe()
    api = api or ScriptedCalypso(buckets=[bucket("a")])
    with (
        os.fdopen(server_in, "rb") as source,
        FileIO(server_out, "wb") as target,
        FileIO(host_in, "rb") as from_server,  # a buffered one waits for its reader before it closes
        os.fdopen(host_out, "wb") as to_server,
        anyio.fail_after(20),
    ):
        host = Host(to_server, from_server)
        async with api.state() as state, anyio.create_task_group() as tasks:

            async def serve() -> None:
                server = build_server(state)
                async with on_one_connection(server, WatchPolicy(pause_s=0.01, uris=2)):
                    await serve_pipes(server, source, target, **timing)
                # A test that waits for an answer that was never sent learns so.
                target.close()
                host.ended.set()

            tasks.start_soon(serve)
            yield host
            host.end_input()
            await host.ended.wait()


async def test_discover_may_come_before_initialize_on_the_same_pipe():
    async with hosted() as host:
        discovered = await host.ask(0, "server/discover", ENVELOPE)
        assert "2026-07-28" in discovered["result"]["supportedVersions"]
        initialized = await host.ask(1, "initialize", HANDSHAKE)
        assert initialized["result"]["protocolVersion"] == "2025-06-18"
        await host.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert (await host.ask(2, "tools/list"))["result"]["tools"]


async def test_discover_may_be_followed_by_the_modern_era_too():
    async with hosted() as host:
        for number in (0, 1):
            assert "result" in await host.ask(number, "server/discover", ENVELOPE)
        called = await host.ask(2, "tools/call", {"name": "list_buckets", "arguments": {}, **ENVELOPE})
        assert called["result"]["structuredContent"]["total"] == 1
        assert "result" in await host.ask(3, "server/discover", ENVELOPE)


async def test_a_message_above_the_limit_is_answered_and_the_server_lives_on():
    async with hosted() as host:
        await host.ask(1, "initialize", HANDSHAKE)
        huge = {"name": "list_buckets", "arguments": {"query": "x" * (MOST_BYTES + 10)}}
        refused = await host.ask(2, "tools/call", huge)
        assert refused["error"]["code"] == -32600
        assert "file path" in refused["error"]["message"]
        assert "result" in await host.ask(3, "tools/list")


async def test_a_client_that_puts_the_id_last_still_gets_its_refusal():
    async with hosted() as host:
        await host.send(
            b'{"method":"x","params":{"a":"' + b"y" * MOST_BYTES + b'"},"jsonrpc":"2.0","id":"seven"}'
        )
        assert (await host.receive())["id"] == "seven"


async def test_a_large_message_below_the_limit_is_served():
    async with hosted() as host:
        await host.ask(1, "initialize", HANDSHAKE)
        arguments = {"query": "x" * (MOST_BYTES - 1000)}
        answer = await host.ask(2, "tools/call", {"name": "list_buckets", "arguments": arguments})
        assert answer["result"]["structuredContent"]["total"] == 0


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"garbage", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000 + b"]" * 100_000, -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b'{"jsonrpc":"2.0"}', -32600),
        (b'{"jsonrpc":"1.0","method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","method":"ping","params":[1]}', -32600),
        (b'"text"', -32600),
        (b"1e999", -32600),
    ],
)
async def test_what_is_no_message_is_answered_and_the_server_lives_on(line: bytes, code: int):
    async with hosted() as host:
        await host.send(line)
        answer = await host.receive()
        assert answer["id"] is None
        assert answer["error"]["code"] == code
        assert "result" in await host.ask(1, "initialize", HANDSHAKE)


@pytest.mark.parametrize("request_id", [None, 1.5, True, {}, [1], float("nan")])
async def test_a_request_whose_id_no_answer_can_carry_is_refused(request_id: object):
    async with hosted() as host:
        await host.ask(1, "initialize", HANDSHAKE)
        await host.send(json.dumps({"jsonrpc": "2.0", "id": request_id, "method": "ping"}).encode())
        answer = await host.receive()
        assert (answer["id"], answer["error"]["code"]) == (None, -32600)
        assert await host.ask(2, "ping", {}) == {"jsonrpc": "2.0", "id": 2, "result": {}}


async def test_empty_lines_are_nothing():
    async with hosted() as host:
        await host.send(b"")
        await host.send(b"   ")
        assert "result" in await host.ask(1, "initialize", HANDSHAKE)


async def test_piped_input_gets_its_answers_although_it_ends_at_once():
    async with hosted(last_answers_s=20) as host:
        requests = [
            {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HANDSHAKE},
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {
                "jsonrpc": "2.0",
                "id": 2,
                "method": "tools/call",
                "params": {"name": "list_buckets", "arguments": {}},
            },
        ]
        await host.send(b"\n".join(json.dumps(request).encode() for request in requests))
        host.end_input()
        assert [(await host.receive())["id"] for _ in range(2)] == [1, 2]


async def test_the_server_ends_at_once_when_its_input_does_even_with_a_call_under_way():
    api = ScriptedCalypso(held={"GET /knowledge/buckets"})
    async with hosted(api) as host:
        await host.ask(1, "initialize", HANDSHAKE)
        call = {"name": "list_buckets", "arguments": {}}
        await host.send({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
        await api.reached.wait()
        started = time.monotonic()
        host.end_input()
        await host.ended.wait()
        # The promise is 0.2 s on an idle machine; without it the call would last until the test is given up.
        assert time.monotonic() - started < 5


async def test_a_cancelled_call_stops_and_the_next_one_is_served():
    api = ScriptedCalypso(held={"POST /search"}, buckets=[bucket("a")])
    async with hosted(api) as host:
        await host.ask(1, "initialize", HANDSHAKE)
        call = {"name": "search_bucket", "arguments": {"query": "x"}}
        await host.send({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
        await api.reached.wait()
        await host.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})
        assert "result" in await host.ask(3, "tools/call", {"name": "list_buckets", "arguments": {}})


async def test_in_the_handshake_era_a_watched_bucket_s_changes_are_announced_until_it_is_unsubscribed():
    api = ScriptedCalypso(buckets=[bucket("a"), bucket("b")])
    async with hosted(api) as host:
        opened = await host.ask(1, "initialize", HANDSHAKE)
        assert opened["result"]["capabilities"]["resources"]["subscribe"] is True
        for number, uri in enumerate(("bucket://a", "bucket://b"), start=2):
            assert (await host.ask(number, "resources/subscribe", {"uri": uri}))["result"] == {}
        api.buckets[0]["bucketStore"]["pending_member_count"] = 5
        updated = {"method": "notifications/resources/updated", "params": {"uri": "bucket://a"}}
        assert await host.receive() == {"jsonrpc": "2.0", **updated}
        assert (await host.ask(4, "resources/unsubscribe", {"uri": "bucket://a"}))["result"] == {}
        api.buckets[0]["bucketStore"]["pending_member_count"] = 6
        api.buckets[1]["bucketStore"]["pending_member_count"] = 6
        # In the order of subscription, so the look came past the first bucket before it told of this one.
        assert (await host.receive())["params"] == {"uri": "bucket://b"}


async def test_in_the_handshake_era_what_is_not_there_cannot_be_watched_nor_more_than_the_limit():
    api = ScriptedCalypso(buckets=[bucket("a"), bucket("b"), bucket("c")])
    async with hosted(api) as host:
        await host.ask(1, "initialize", HANDSHAKE)
        assert (
            "nosuch"
            in (await host.ask(2, "resources/subscribe", {"uri": "bucket://nosuch"}))["error"]["message"]
        )
        for number, slug in enumerate("aba", start=3):
            assert "result" in await host.ask(number, "resources/subscribe", {"uri": f"bucket://{slug}"})
        refused = await host.ask(6, "resources/subscribe", {"uri": "bucket://c"})
        assert "unsubscribe" in refused["error"]["message"]
        assert "result" in await host.ask(7, "resources/unsubscribe", {"uri": "bucket://nosuch"})
        await host.ask(8, "resources/unsubscribe", {"uri": "bucket://a"})
        assert "result" in await host.ask(9, "resources/subscribe", {"uri": "bucket://c"})
