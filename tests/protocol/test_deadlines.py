"""An API that hangs or drips: every call ends at its deadline, whatever it waits for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from calypso_mcp.client import CalypsoClient
from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.server.backend import Backend
from calypso_mcp.server.build import build_server
from calypso_mcp.server.registry import TOOLS
from calypso_mcp.server.state import ServerState
from tests.support.mcp_answers import error, text

#: What each tool needs to reach the API.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "list_buckets": {},
    "search_bucket": {"query": "x"},
    "ask_agent": {"question": "x"},
    "upload_file": {"text": "x", "bucket": "b", "filename": "x.md", "timeout_s": 0},
    "upload_batch": {"items": [{"text": "x", "filename": "x.md"}], "bucket": "b", "timeout_s": 0},
    "list_sources": {"bucket": "b"},
    "read_source": {"file_id": "file_1"},
    "remove_source": {"file_id": "file_1"},
    "wait_for_bucket_sync": {"file_ids": ["file_1"], "timeout_s": 0},
    "add_website": {"url": "https://example.org/", "bucket": "b"},
    "add_qa": {"question": "x?", "answer": "y", "bucket": "b"},
    "create_bucket": {"name": "x", "slug": "x"},
    "list_agents": {},
    "create_agent": {"agent_id": "x", "buckets": ["b"]},
}
#: Seconds that the longest calls take here.
CALL_S = 0.2
#: A machine under load; without a deadline a call takes minutes.
BOUND_S = 30.0


async def hang(_request: httpx2.Request) -> httpx2.Response:
    """Take a request and never answer."""
    await anyio.sleep_forever()
    raise AssertionError


async def drip(_request: httpx2.Request) -> httpx2.Response:
    """Answer a byte at a time, for ever: no pause is long enough for a timeout between two pieces."""

    class Drops(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b'{"buckets": ['
            while True:
                await anyio.sleep(0.01)
                yield b" "

    return httpx2.Response(200, stream=Drops())


async def put_off(_request: httpx2.Request) -> httpx2.Response:
    """Ask for patience again and again."""
    return httpx2.Response(429, headers={"Retry-After": "30"}, json={"error": {"code": "rate_limited"}})


@asynccontextmanager
async def serving(answer: Any) -> AsyncGenerator[Client]:
    transport = httpx2.MockTransport(answer)
    async with CalypsoClient(
        base_url="https://api.calypso.test/v1", api_key="sk_slow", transport=transport
    ) as client:
        backend = Backend.of(client, "hosted")

        def backend_for(_grant: AccessGrant) -> Backend:
            return backend

        async with Client(build_server(ServerState(backend_for=backend_for))) as agent:
            yield agent


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every deadline short."""
    monkeypatch.setattr("calypso_mcp.server.calls.call_time.CALL_S", CALL_S)
    monkeypatch.setattr("calypso_mcp.server.calls.call_time.SHORTEST_CALL_S", CALL_S)


def test_every_tool_is_tried():
    assert ARGUMENTS.keys() == {spec.name for spec in TOOLS}


@pytest.mark.parametrize("answer", [hang, drip, put_off])
@pytest.mark.parametrize("tool", ARGUMENTS)
async def test_a_tool_call_ends_at_its_deadline_and_says_how_to_go_on(tool: str, answer: Any) -> None:
    with anyio.fail_after(BOUND_S):
        async with serving(answer) as agent:
            result = await agent.call_tool(tool, ARGUMENTS[tool])
    if not result.is_error:
        # Tools that take a time report where things stand when it is over.
        assert "timeout_s" in ARGUMENTS[tool]
        assert "pending" in text(result)
        return
    told = error(result)
    if answer is put_off and told["code"] == "rate_limited":
        return
    assert (told["code"], told["retryable"]) == ("out_of_time", True)
    assert "same call again" in told["next_step"]


@pytest.mark.parametrize("answer", [hang, drip, put_off])
async def test_what_is_no_tool_ends_at_its_deadline_too(answer: Any) -> None:
    async with serving(answer) as agent:
        bucket = ResourceTemplateReference(uri="bucket://{slug}")
        calls = [
            agent.list_resources,
            lambda: agent.read_resource("bucket://b"),
            lambda: agent.read_resource("calypso://agents"),
            lambda: agent.complete(bucket, {"name": "slug", "value": "b"}),
            lambda: agent.complete(PromptReference(name="x"), {"name": "agent", "value": "b"}),
        ]
        for call in calls:
            with anyio.fail_after(BOUND_S), pytest.raises(MCPError, match=r"out_of_time|rate_limited"):
                await call()


async def test_a_tool_that_is_late_with_its_report_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calypso_mcp.server.calls.call_time.REPORT_S", 0.0)
    monkeypatch.setattr("calypso_mcp.server.calls.call_time.CallTime.left_s", 1_000.0)
    with anyio.fail_after(BOUND_S):
        async with serving(hang) as agent:
            result = await agent.call_tool("wait_for_bucket_sync", ARGUMENTS["wait_for_bucket_sync"])
    assert error(result)["code"] == "out_of_time"
