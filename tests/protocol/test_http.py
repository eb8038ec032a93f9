"""MCP over streamable HTTP on a real port."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from calypso_mcp.domain.callers.access import ScopeLimit
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.access.gate import AccessControl
from calypso_mcp.server.build import build_server
from calypso_mcp.server.transport.http import HttpPolicy, create_http_app
from tests.support.mcp_answers import facts
from tests.support.scripted_calypso import ScriptedCalypso
from tests.support.served_mcp import http_client, serving_mcp


async def _extra(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("extra")


@asynccontextmanager
async def served(api: ScriptedCalypso, **decisions: Any) -> AsyncGenerator[str]:
    policy = HttpPolicy(routes=(Route("/extra", _extra),))
    with anyio.fail_after(20):
        async with (
            api.state(**decisions) as state,
            serving_mcp(create_http_app(build_server(state), policy)) as origin,
        ):
            yield origin


async def slugs(url: str, era: str, headers: dict[str, str] | None = None) -> list[str]:
    async with http_client(url, era, headers) as client:
        listed = facts(await client.call_tool("list_buckets"))
        return [entry["slug"] for entry in listed["buckets"]]


async def test_a_client_of_either_era_lists_calls_and_reads(api: ScriptedCalypso, era: str):
    async with served(api) as origin, http_client(f"{origin}/mcp", era) as client:
        assert len((await client.list_tools()).tools) > 5
        capabilities = client.server_capabilities
        assert capabilities is not None
        assert capabilities.resources is not None
        # No connection outlasts a request here, so the handshake era's way to subscribe is not offered.
        assert capabilities.resources.subscribe is (era == "auto")
        assert facts(await client.call_tool("list_buckets"))["total"] == 3
        assert (await client.read_resource("calypso://guide/scope")).contents


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("", {}, ["handbook", "pricing", "vault"]),
        ("?buckets=handbook,vault", {}, ["handbook", "vault"]),
        ("?agent=support", {}, ["handbook", "pricing"]),
        ("?agent=support&buckets=pricing,vault", {}, ["pricing"]),
        ("", {"Calypso-Buckets": "vault"}, ["vault"]),
        ("", {"Calypso-Agent": "calypso-agent:spy"}, ["vault"]),
        ("?buckets=handbook", {"Calypso-Buckets": "vault"}, []),
        ("?buckets=", {}, []),
        ("?buckets[]=handbook&buckets[]=vault", {}, ["handbook", "vault"]),
        ("?buckets%5B0%5D=pricing", {}, ["pricing"]),
    ],
)
async def test_address_and_headers_narrow_every_request(
    api: ScriptedCalypso, era: str, query: str, headers: dict[str, str], expected: list[str]
):
    async with served(api) as origin:
        assert await slugs(f"{origin}/mcp{query}", era, headers) == expected


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
@pytest.mark.parametrize(
    ("query", "header"),
    [
        ("?bukets=handbook", None),
        ("?;buckets=handbook", None),
        ("?buckets=handbook;vault", None),
        ("?buckets=handbook&buckets=vault", None),
        ("", "X-Calypso-Buckets"),
        ("", "Calypso_Buckets"),
    ],
)
async def test_narrowing_that_cannot_be_read_is_refused_with_what_to_write(
    api: ScriptedCalypso, path: str, query: str, header: str | None
):
    async with served(api) as origin, httpx2.AsyncClient(base_url=origin) as http:
        headers = {header: "handbook"} if header else {}
        answer = await http.post(f"{path}{query}", headers=headers, json={})
        assert answer.status_code == 400
        assert "/mcp?buckets=a,b" in answer.json()["error_description"]
    assert api.requests == []


async def test_no_address_widens_what_the_process_was_started_with(api: ScriptedCalypso, era: str):
    async with served(api, pins=(ScopeLimit(frozenset({"handbook"})),)) as origin:
        for query in ("", "?buckets=vault", "?buckets=handbook,vault", "?agent=spy"):
            assert set(await slugs(f"{origin}/mcp{query}", era)) <= {"handbook"}


async def test_callers_at_the_same_time_each_keep_their_own_scope(api: ScriptedCalypso, era: str):
    async with served(api) as origin:

        async def check(slug: str) -> None:
            for _ in range(3):
                assert await slugs(f"{origin}/mcp?buckets={slug}", era) == [slug]

        async with anyio.create_task_group() as tasks:
            for slug in ("handbook", "pricing", "vault"):
                tasks.start_soon(check, slug)


@pytest.mark.parametrize("path", ["/mcp", "/extra", "/nothing", "/"])
@pytest.mark.parametrize(
    ("header", "value", "status"),
    [("Host", "evil.example", 421), ("Host", "127.0.0.1.evil.example", 421), ("Origin", "https://evil", 403)],
)
async def test_a_foreign_host_or_origin_is_refused_on_every_route(
    api: ScriptedCalypso, path: str, header: str, value: str, status: int
):
    async with served(api) as origin, httpx2.AsyncClient(base_url=origin) as http:
        for method in ("GET", "POST"):
            answer = await http.request(method, path, headers={header: value})
            assert answer.status_code == status


async def test_a_slash_at_the_end_is_served_and_never_redirected(api: ScriptedCalypso, era: str):
    async with served(api) as origin, httpx2.AsyncClient(base_url=origin) as http:
        assert await slugs(f"{origin}/mcp/?buckets=handbook", era) == ["handbook"]
        for path in ("/mcp/", "/extra/", "/nothing/"):
            answer = await http.get(path)
            assert answer.status_code in (404, 405)
            assert "location" not in answer.headers


async def test_other_routes_answer_beside_mcp_and_unknown_ones_do_not(api: ScriptedCalypso):
    async with served(api) as origin, httpx2.AsyncClient(base_url=origin) as http:
        assert (await http.get("/extra")).text == "extra"
        for path in ("/", "/nothing", "/sse"):
            for method in ("GET", "POST"):
                nowhere = await http.request(method, path)
                assert (nowhere.status_code, "MCP is at /mcp" in nowhere.text) == (404, True)


@pytest.mark.parametrize("version", ["2025-03-26", "2025-11-25", "2026-07-28", None])
async def test_nothing_but_a_post_is_served_so_that_no_stream_stays_open(
    api: ScriptedCalypso, version: str | None
):
    headers = {"Accept": "application/json, text/event-stream"}
    headers |= {"MCP-Protocol-Version": version} if version else {}
    async with served(api) as origin, httpx2.AsyncClient(base_url=origin, headers=headers) as http:
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            answer = await http.request(method, "/mcp")
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_call_cancelled_over_http_leaves_the_connection_usable(api: ScriptedCalypso, era: str):
    api.held.add("POST /search")
    async with served(api) as origin, http_client(f"{origin}/mcp", era) as client:
        with anyio.move_on_after(5) as given_up:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "search_bucket", {"query": "x"})
                await api.reached.wait()
                tasks.cancel_scope.cancel()
        assert not given_up.cancelled_caught
        assert facts(await client.call_tool("list_buckets"))["total"] == 3


class _Nobody:
    async def verify_token(self, token: str) -> None:  # noqa: ARG002 - the SDK's protocol
        return None


def control() -> AccessControl:
    return AccessControl(_Nobody())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "mcp.example.com"])
async def test_an_address_open_to_other_machines_needs_credentials_and_host_names(
    api: ScriptedCalypso, host: str
):
    async with api.state() as state:
        server = build_server(state)
        for policy in (
            HttpPolicy(host=host),
            HttpPolicy(host=host, allowed_hosts=("mcp.example.com",)),
            HttpPolicy(host=host, control=control()),
        ):
            with pytest.raises(ConfigError) as caught:
                create_http_app(server, policy)
            assert "--host" in caught.value.message
        create_http_app(server, HttpPolicy(host=host, allowed_hosts=("m.example",), control=control()))


@pytest.mark.parametrize(
    ("allowed", "asked", "status"),
    [
        ("mcp.example.com", "mcp.example.com", 404),
        ("mcp.example.com", "mcp.example.com:8000", 404),
        ("mcp.example.com:8000", "mcp.example.com:8000", 404),
        ("mcp.example.com:8000", "mcp.example.com", 421),
        ("mcp.example.com:8000", "mcp.example.com:9000", 421),
        ("mcp.example.com", "mcp.example.com.evil.example", 421),
    ],
)
async def test_an_allowed_name_without_a_port_allows_every_port(
    api: ScriptedCalypso, allowed: str, asked: str, status: int
):
    async with api.state() as state:
        app = create_http_app(build_server(state), HttpPolicy(allowed_hosts=(allowed,)))
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url=f"http://{asked}"
        ) as http:
            assert (await http.get("/nothing")).status_code == status


async def test_a_name_typed_in_capitals_is_the_name_that_clients_send(api: ScriptedCalypso):
    policy = HttpPolicy(allowed_hosts=("MCP.Example.com",), allowed_origins=("https://App.Example.com",))
    async with api.state() as state:
        app = create_http_app(build_server(state), policy)
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="https://mcp.example.com"
        ) as http:
            assert (
                await http.get("/nothing", headers={"Origin": "https://app.example.com"})
            ).status_code == 404
