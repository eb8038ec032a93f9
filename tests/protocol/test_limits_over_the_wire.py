"""A hostile or broken peer over a real connection: it is refused cleanly, and the server lives."""

from __future__ import annotations

import json
import resource
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import suppress
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette

from calypso_mcp.server.access.body_limits import BodyPolicy
from calypso_mcp.server.access.limits import HttpLimits, wrap
from tests.support.served_app import serving
from tests.support.team_server import BOUND_S, Team, call, team_server

CONNECTIONS = 1_000


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Generator[Team]:
    with team_server(tmp_path_factory.mktemp("limits"), {"one": "all_buckets = true"}) as running:
        yield running


@pytest.fixture(autouse=True)
def alive(team: Team) -> Generator[None]:
    """After every attack the server still serves, nothing crashed, and nothing was logged for it."""
    yield

    async def serves() -> None:
        async with team.client("one") as client:
            assert "buckets" in await call(client, "list_buckets")

    anyio.run(serves)
    assert team.workers[0].process.poll() is None
    assert "Traceback" not in team.logs
    assert "WARNING uvicorn" not in team.logs


MCP = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def request_with(arguments: str) -> bytes:
    return (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_buckets","arguments":%s}}'
        % arguments.encode()
    )


async def in_pieces(total: int) -> AsyncIterator[bytes]:
    for _ in range(total // 65_536):
        yield b" " * 65_536


async def test_a_body_too_large_is_refused_whether_or_not_it_says_so(team: Team) -> None:
    async with team.http("one", **MCP) as http:
        declared = await http.post("/mcp", content=b" " * 5_000_000)
        assert declared.status_code == 413
        streamed = await http.post("/mcp", content=in_pieces(8_000_000))
        assert streamed.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 2_000_000,
        request_with('{"a":' * 5_000 + "1" + "}" * 5_000),
        request_with(json.dumps({"query": "x" * 2_200_000})),
        request_with("{" + ",".join(f'"k{n}":[]' for n in range(60_000)) + "}"),
    ],
    ids=["unclosed", "deep", "long", "wide"],
)
async def test_json_that_costs_too_much_is_refused_before_it_is_parsed(team: Team, body: bytes) -> None:
    async with team.http("one", **MCP) as http:
        response = await http.post("/mcp", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["data"] == {"code": "invalid_request"}


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"{}", b"[]", b"null", b"1" * 5_000, b'{"jsonrpc":"2.0"}', b"\x00" * 100]
)
async def test_what_is_no_request_gets_a_4xx(team: Team, body: bytes) -> None:
    for version in ("2025-11-25", "2026-07-28", "1999-01-01", "x" * 5_000):
        async with team.http("one", **MCP, **{"MCP-Protocol-Version": version}) as http:
            assert 400 <= (await http.post("/mcp", content=body)).status_code < 500


@pytest.mark.parametrize("path", ["/mcp", "/healthz", "/readyz", "/uploads/x", "/unknown"])
async def test_a_rebound_name_and_a_foreign_page_are_refused_on_every_route(team: Team, path: str) -> None:
    async with team.http("one") as http:
        for host in (
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:80",
            "169.254.169.254",
        ):
            raw = await over_socket(team, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            assert raw.startswith(b"HTTP/1.1 421")
        for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example:80", "file://"):
            assert (await http.get(path, headers={"Origin": origin})).status_code == 403


async def over_socket(team: Team, request: str) -> bytes:
    parts = urlsplit(team.origin)
    with anyio.fail_after(BOUND_S):
        async with await anyio.connect_tcp(parts.hostname or "", parts.port or 0) as stream:
            await stream.send(request.encode())
            return await stream.receive()


@pytest.mark.parametrize(
    "request_text",
    [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0",
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {'y' * 200_000}\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00",
    ],
)
async def test_malformed_http_is_refused(team: Team, request_text: str) -> None:
    answer = await over_socket(team, request_text)
    assert int(answer.split(b" ")[1]) in (400, 401, 413, 421, 431)


@pytest.mark.parametrize("agent", ["one", None], ids=["known", "stranger"])
async def test_a_body_in_tiny_chunks_ends_its_connection(team: Team, agent: str | None) -> None:
    login = f"Authorization: Bearer {team.tokens[agent]}\r\n" if agent else ""
    head = f"POST /mcp HTTP/1.1\r\nHost: {urlsplit(team.origin).netloc}\r\n{login}"
    sent = f"{head}Transfer-Encoding: chunked\r\n\r\n" + "1\r\n{\r\n" * 30
    assert (await until_closed(team, sent)).startswith(b"HTTP/1.1 400" if agent else b"HTTP/1.1 40")


async def test_the_rest_of_a_body_that_is_answered_ends_its_connection(team: Team) -> None:
    """What a stranger goes on sending once cost the server 20 ms a MiB, for as long as they liked."""
    head = f"POST /mcp HTTP/1.1\r\nHost: {urlsplit(team.origin).netloc}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = (f"800\r\n{' ' * 2_048}\r\n" * 1_000).encode()
    parts = urlsplit(team.origin)
    with anyio.fail_after(BOUND_S):
        async with await anyio.connect_tcp(parts.hostname or "", parts.port or 0) as stream:
            await stream.send(head.encode())
            assert (await stream.receive()).startswith(b"HTTP/1.1 401")
            with suppress(anyio.BrokenResourceError):
                while True:
                    await stream.send(chunks)


async def test_a_body_with_two_lengths_is_refused(team: Team) -> None:
    head = f"POST /mcp HTTP/1.1\r\nHost: {urlsplit(team.origin).netloc}\r\nContent-Length: 5\r\n"
    answer = await until_closed(
        team, f"{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    )
    assert answer.count(b"HTTP/1.1") == answer.count(b"HTTP/1.1 400") == 1


async def until_closed(team: Team, request: str) -> bytes:
    parts = urlsplit(team.origin)
    received = b""
    with anyio.fail_after(BOUND_S / 3):
        async with await anyio.connect_tcp(parts.hostname or "", parts.port or 0) as stream:
            await stream.send(request.encode())
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while True:
                    received += await stream.receive()
    return received


async def test_a_body_that_trickles_is_given_up_and_the_next_request_served() -> None:
    security = TransportSecuritySettings(allowed_hosts=["127.0.0.1:*"])
    app = wrap(Starlette(), HttpLimits(body=BodyPolicy(arrival_s=0.2)), security=security)
    async with serving(app) as port, httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        with anyio.fail_after(BOUND_S):
            async with await anyio.connect_tcp("127.0.0.1", port) as slow:
                await slow.send(
                    f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 9\r\n\r\n{{".encode()
                )
                assert (await slow.receive()).startswith(b"HTTP/1.1 408")
        assert (await http.get("/")).status_code == 404


async def test_a_thousand_connections_are_held_and_somebody_else_is_still_served(team: Team) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4 * CONNECTIONS), hard), hard))
    parts = urlsplit(team.origin)
    held: list[socket.socket] = []
    try:
        for number in range(CONNECTIONS):
            connection = socket.create_connection((parts.hostname or "", parts.port or 0), BOUND_S)
            held.append(connection)
            # A third says nothing, a third never ends its headers, a third never ends its body.
            if number % 3 == 1:
                connection.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
            elif number % 3 == 2:
                connection.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{")
        async with team.http() as http:
            assert (await http.get("/healthz")).status_code == 200
        async with team.client("one") as client:
            assert "buckets" in await call(client, "list_buckets")
    finally:
        for connection in held:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
