"""Strangers get nothing, from any route, over a real connection; agents get what their entry says."""

from __future__ import annotations

import json
import socket
from collections.abc import Generator
from contextlib import suppress
from urllib.parse import urlsplit

import anyio
import pytest
from mcp import MCPError

from calypso_mcp.server.access.access_file import tokens
from tests.support.team_server import BOUND_S, Team, call, team_server

AGENTS = {
    "writer": 'buckets = ["shared"]',
    "reader": 'buckets = ["shared"]\nread_only = true',
    "operator": "all_buckets = true\nmetrics = true",
    "slow": 'buckets = ["shared"]\ncalls_per_minute = 3',
    "hasty-auto": 'buckets = ["shared"]\ncalls_per_minute = 3',
    "hasty-legacy": 'buckets = ["shared"]\ncalls_per_minute = 3',
}
_UPGRADE = (
    "GET /mcp HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
READING = {
    *("list_buckets", "search_bucket", "ask_agent", "list_agents"),
    *("list_sources", "read_source", "wait_for_bucket_sync"),
}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Generator[Team]:
    with team_server(tmp_path_factory.mktemp("team"), AGENTS, CALYPSO_METRICS="true") as running:
        yield running


PATHS = [
    "/mcp",
    "/mcp/",
    "/mcp?buckets=shared",
    "/readyz",
    "/metrics",
    "/uploads/x",
    "/",
    "/docs",
    "/v1/search",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp/",
    "/.well-known/oauth-authorization-server",
]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
async def test_no_and_wrong_tokens_get_the_same_401_from_every_route(team: Team, method: str) -> None:
    answers = set[tuple[int, bytes, str]]()
    for authorization in (
        None,
        "Bearer wrong",
        f"Bearer {tokens.new_token('writer')}",
        "Basic eDp5",
        "Bearer",
    ):
        headers = {"Authorization": authorization} if authorization else {}
        async with team.http(**headers) as http:
            for path in PATHS:
                response = await http.request(
                    method, path, content=b"{}" if method in ("POST", "PUT") else None
                )
                answers.add((response.status_code, response.content, response.headers["www-authenticate"]))
    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_a_websocket_and_raw_bytes_get_in_no_further(team: Team) -> None:
    parts = urlsplit(team.origin)
    for request in (
        _UPGRADE,
        "GET http://{host}/metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        "GET //mcp HTTP/1.0\r\nHost: {host}\r\n\r\n",
        "GET /%2e%2e/healthz/../metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
    ):
        with socket.create_connection((parts.hostname or "", parts.port or 0), 10) as connection:
            connection.sendall(request.format(host=parts.netloc).encode())
            status = connection.recv(4096).split(b"\r\n")[0]
        assert b" 401 " in status or b" 403 " in status, (request, status)


async def test_liveness_says_nothing_but_that_it_lives(team: Team) -> None:
    async with team.http() as http:
        response = await http.get("/healthz")
    assert (response.status_code, response.text) == (200, "ok\n")
    assert "server" not in response.headers


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_reading_agent_sees_and_calls_only_reading_tools(team: Team, era: str) -> None:
    async with team.client("reader", era) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == READING
        for tool in ("upload_file", "upload_batch", "create_bucket", "create_agent", "no_such_tool"):
            refused = await client.call_tool(tool, {})
            assert refused.is_error
            assert refused.structured_content is not None
            assert refused.structured_content["error"]["code"] == "unknown_tool"
    async with team.client("writer", era) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} > READING


async def test_readiness_needs_a_token_and_metrics_a_grant(team: Team) -> None:
    async with team.http("writer") as http:
        assert (await http.get("/readyz")).status_code == 200
        hidden, missing = await http.get("/metrics"), await http.get("/nothing")
        assert (hidden.status_code, hidden.content) == (missing.status_code, missing.content)
    async with team.http() as http:
        assert (await http.get("/readyz")).status_code == 401
    async with team.http("operator") as http:
        shown = await http.get("/metrics")
    assert shown.status_code == 200
    assert 'calypso_http_answers_total{worker="' in shown.text
    assert 'status="401"' in shown.text


async def test_an_agent_who_calls_too_often_waits_and_the_others_do_not(team: Team) -> None:
    async with team.http("slow") as http, team.http("writer") as other:
        statuses = [(await http.get("/readyz")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert 1 <= int((await http.get("/readyz")).headers["retry-after"]) <= 60
        assert (await other.get("/readyz")).status_code == 200


async def test_a_client_can_show_why_a_call_was_refused(team: Team, era: str) -> None:
    async with team.client(f"hasty-{era}", era) as client:
        with suppress(MCPError):
            for _ in range(4):
                await client.call_tool("list_buckets")
        with pytest.raises(MCPError, match="Too many requests: call again in"):
            await client.call_tool("list_buckets")


async def test_a_client_can_show_why_it_could_not_connect(team: Team, era: str) -> None:
    problem = pytest.RaisesExc(MCPError, match="The address has an unknown parameter 'limit'")
    with pytest.RaisesGroup(problem, flatten_subgroups=True):
        async with team.client("writer", era, "?limit=3"):
            pass


async def test_a_changed_access_file_counts_from_the_next_request(team: Team) -> None:
    path = team.folder / "access.toml"
    before = path.read_text()
    token = tokens.new_token("newcomer")
    entry = f'[agents.newcomer]\ntoken_hash = "{tokens.hash_token(token)}"\nall_buckets = true\n'

    def written(text: str) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(path)

    async with team.http(Authorization=f"Bearer {token}") as http:
        assert (await http.get("/readyz")).status_code == 401
        written(before + entry)
        assert (await http.get("/readyz")).status_code == 200
        written(before + entry + "[agents.broken]\n")
        assert (await http.get("/readyz")).status_code == 200
        written(before)
        assert (await http.get("/readyz")).status_code == 401
    await team.logged("stays in force")


@pytest.mark.parametrize("change", ["agent", "token"])
async def test_a_subscription_ends_with_the_token_it_was_opened_with(team: Team, change: str) -> None:
    path = team.folder / "access.toml"
    before = path.read_text()
    name, token = '[agents."reader"]', tokens.hash_token(team.tokens["reader"])
    after = {
        "agent": before.replace(name, '[agents."another"]'),
        "token": before.replace(token, tokens.hash_token("new")),
    }
    async with team.client("operator") as client:
        await client.call_tool("create_bucket", {"name": "Shared", "slug": "shared"})
    with anyio.fail_after(BOUND_S):
        async with (
            team.client("reader") as client,
            client.listen(resource_subscriptions=["bucket://shared"]) as events,
        ):
            try:
                path.write_text(after[change])
                assert [event async for event in events] == []
            finally:
                path.write_text(before)


async def test_no_token_is_in_any_log_line(team: Team) -> None:
    async with team.client("writer") as client:
        await call(client, "list_buckets")
    async with team.http(Authorization="Bearer cmt_x_wrong-secret") as http:
        await http.get("/mcp?token=cmt_query-secret")
    for secret in (*team.secrets, "cmt_x_wrong-secret", "cmt_query-secret"):
        assert secret not in team.logs


async def test_logs_are_json_lines_where_asked_that_join_a_call_with_its_requests(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("json")
    with team_server(folder, {"one": "all_buckets = true"}, CALYPSO_LOG_JSON="true") as team:
        async with team.client("one") as client:
            await call(client, "create_bucket", name="docs")
            await call(client, "upload_file", text="some words", filename="a.txt", bucket="docs")
        await team.logged("upload_file")
        lines = [json.loads(line) for line in team.logs.splitlines() if line.startswith("{")]
    upload = next(line for line in lines if line.get("tool") == "upload_file")
    assert (upload["caller"], upload["outcome"]) == ("one", "ok")
    assert set(upload["requests"]) == {"api", "storage"}
    assert len(upload["request_ids"]) == upload["requests"]["api"]
    assert "some words" not in team.logs
