"""What a client sees when something goes wrong, and what the log keeps."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from calypso_mcp.server.state import ServerState
from tests.support.mcp_answers import Connect, error, facts, text
from tests.support.scripted_calypso import ScriptedCalypso

MARK = "MARKED-ARGUMENT"
BUCKETS = "GET /knowledge/buckets"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, {"error": {"code": "invalid_api_key", "message": "Bad key."}}, "invalid_api_key"),
        (403, {"error": {"code": "", "message": "No."}}, "permission_denied"),
        (400, {"error": "broken"}, "invalid_request"),
        (200, {"nonsense": True}, "unexpected_response"),
    ],
)
async def test_an_api_error_says_what_happened_and_what_to_do(
    connect: Connect, api: ScriptedCalypso, status: int, body: dict[str, Any], code: str
):
    api.scripted[BUCKETS] = lambda _body: (status, {**body, "request_id": "req_7"})
    async with connect() as client:
        result = await client.call_tool("list_buckets")
        told = error(result)
        assert (told["code"], told["retryable"]) == (code, False)
        if status != 200:
            assert told["request_id"] == "req_7"
            assert "Request id: req_7" in text(result)
        assert "Code: " in text(result)


@pytest.mark.parametrize(
    ("tool", "arguments"), [("search_bucket", {"query": MARK}), ("read_source", {"file_id": MARK})]
)
async def test_a_crash_is_hidden_from_the_client_and_found_by_its_reference_in_the_log(
    connect: Connect, caplog: pytest.LogCaptureFixture, tool: str, arguments: dict[str, Any]
):
    def crash(_grant: object) -> Any:
        raise RuntimeError(f"internal detail {MARK}")

    async with connect(backend_for=crash) as client:
        result = await client.call_tool(tool, arguments)
        told = error(result)
        assert told["code"] == "internal_error"
        assert MARK not in str(result)
        reference = told["message"].split("reference ")[1][:8]
        assert reference in caplog.text
        assert "RuntimeError" in caplog.text
        assert MARK not in caplog.text


async def test_a_tool_that_cannot_be_imported_fails_like_any_other(
    connect: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """After an update in place, a running server may find other modules than it was started with."""
    monkeypatch.setitem(sys.modules, "calypso_mcp.server.tools.agents", None)
    async with connect() as client:
        told = error(await client.call_tool("list_agents"))
        assert told["code"] == "internal_error"
        assert "calypso_mcp" not in told["message"]
        assert told["message"].split("reference ")[1][:8] in caplog.text


async def test_log_lines_name_tool_and_outcome_but_never_an_argument(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG, "calypso_mcp")
    async with connect() as client:
        await client.call_tool("search_bucket", {"query": MARK})
        await client.call_tool("search_bucket", {"query": "x", "bucket": MARK})
        await client.call_tool("search_bucket", {"query": "x", "max_results": MARK})
        await client.call_tool("list_buckets", {MARK: 1})
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("calypso"))
    assert "search_bucket ok" in ours
    assert "search_bucket bucket_not_found" in ours
    assert "invalid_arguments" in ours
    assert MARK not in ours


async def test_an_unknown_argument_is_refused_rather_than_ignored(connect: Connect):
    async with connect() as client:
        told = error(await client.call_tool("create_bucket", {"name": "x", "slugg": "y"}))
        assert "did you mean 'slug'" in told["message"]


async def test_a_list_that_a_host_sends_as_a_string_is_understood(connect: Connect):
    async with connect() as client:
        found = await client.call_tool("search_bucket", {"query": "x", "buckets": '["handbook"]'})
        assert facts(found)["searched"] == "handbook"


async def test_the_state_of_a_server_cannot_be_changed(api: ScriptedCalypso):
    async with api.state() as state:
        assert isinstance(state, ServerState)
        with pytest.raises(AttributeError):
            state.read_only = True  # pyright: ignore[reportAttributeAccessIssue] - it is frozen
