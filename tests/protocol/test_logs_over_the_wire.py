"""What a server writes at its most talkative: all that an operator needs, and nothing that was said."""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest

from tests.support.team_server import Team, call, team_server

PASSAGE, QUESTION, NAME = "cinnabarpassage", "vermilionquestion", "crimsonname"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Generator[Team]:
    # At the level `debug`, as every server of these tests.
    with team_server(tmp_path_factory.mktemp("logs"), {"one": "all_buckets = true"}) as running:
        yield running


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_no_answer_or_question_is_logged_in_either_era(team: Team, era: str) -> None:
    async with team.client("one", era) as client:
        await call(client, "create_bucket", name="docs", slug="docs")
        text = f"Of the {PASSAGE} nothing is logged."
        await call(client, "upload_file", text=text, filename=f"{NAME}.txt", wait=True)
        found = await call(client, "search_bucket", query=f"{QUESTION} nothing")
        assert PASSAGE in found["hits"][0]["text"]
        await client.call_tool("search_bucket", {"query": "x", "bucket": QUESTION})
    await team.logged("tool search_bucket bucket_not_found")
    assert "tool upload_file ok" in team.logs
    for said in (PASSAGE, QUESTION, NAME, *team.secrets):
        assert said not in team.logs


async def test_an_upload_address_is_not_logged_with_the_answer_that_brings_it(team: Team) -> None:
    """Asked for without the SDK's client, whose own log of what it received is not the server's."""
    request = {"name": "upload_file", "arguments": {"filename": "a.txt", "bucket": "docs"}}
    accept = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    async with team.client("one") as client:
        await call(client, "create_bucket", name="docs", slug="docs")
    async with team.http("one", **accept) as http:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": request}
        answer = await http.post("/mcp", json=body)
    found = re.search(r"/uploads/([A-Za-z0-9_-]{100,})", answer.text)
    assert found
    assert found[1] not in team.logs


async def test_strangers_cannot_fill_the_log_with_foreign_addresses(team: Team) -> None:
    async with team.http("one", Origin="http://foreign.example") as http:
        for _ in range(20):
            assert (await http.post("/mcp", json={})).status_code == 403
    async with team.client("one") as client:
        await call(client, "list_buckets")
    await team.logged("tool list_buckets ok")
    assert team.logs.count("http://foreign.example") == 1
