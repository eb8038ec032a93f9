"""Calls as real hosts write them, over real stdio and real HTTP, in both protocol eras."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult

from calypso_mcp.server.backend import Backend
from calypso_mcp.server.build import build_server
from calypso_mcp.server.state import ServerState
from calypso_mcp.server.transport.http import HttpPolicy, create_http_app
from tests.support.mcp_answers import error, facts
from tests.support.served_mcp import http_client, serving_mcp
from tests.support.upload_rig import upload_rig

#: What n8n adds to every call.
N8N = {"toolCallId": "call_1", "sessionId": "abc", "action": "sendMessage", "chatInput": "Hello"}
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HANDSHAKE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


@asynccontextmanager
async def served(folder: Path) -> AsyncGenerator[str]:
    """Serve MCP with an embedded backend on a real port."""
    async with upload_rig(folder) as rig:
        backend = Backend.of(rig.calypso, "embedded")
        state = ServerState(backend_for=lambda _grant: backend)
        async with serving_mcp(create_http_app(build_server(state), HttpPolicy())) as origin:
            yield f"{origin}/mcp"


@asynccontextmanager
async def connected(transport: str, folder: Path, era: str) -> AsyncGenerator[Client]:
    if transport == "http":
        async with served(folder) as url, http_client(url, era) as client:
            yield client
        return
    command = ["-m", "calypso_mcp", "--data-dir", str(folder / "data")]
    async with Client(StdioServerParameters(command=sys.executable, args=command), mode=era) as client:
        yield client


def ignored(result: CallToolResult) -> list[str]:
    """Return the ignored arguments that both channels name."""
    names = (result.structured_content or {}).get("ignored_arguments", [])
    assert (f"Ignored arguments: {', '.join(names)}" in str(result.content)) == bool(names)
    return names


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_what_hosts_and_models_write_is_understood(transport: str, tmp_path: Path, era: str):
    with anyio.fail_after(90):
        async with connected(transport, tmp_path, era) as client:

            async def call(tool: str, **arguments: Any) -> CallToolResult:
                return await client.call_tool(tool, arguments)

            # n8n: four more arguments with every call.
            made = await call("create_bucket", name="Docs", slug=None, description=None, **N8N)
            assert (facts(made)["slug"], ignored(made)) == ("docs", list(N8N))
            listed = await call("list_buckets", query=None, include_archived=None, limit=None, cursor=None)
            assert (facts(listed)["total"], ignored(listed)) == (1, [])

            # A text for a list of texts, null for what is left out, also inside items; JSON as a text.
            nothing = dict.fromkeys(("title", "metadata", "bucket", "create_bucket", "wait", "timeout_s"))
            done = await call("upload_file", text='{"moon": "far"}', filename="m.json", tags="sky", **nothing)
            assert facts(done)["outcome"] == "accepted"
            items = [{"text": "One.", "title": None, "tags": "a", "extra": 1, "note": 2}, {"text": "Two."}]
            batch = await call("upload_batch", items=items, directory=None, paths=None, wait="true")
            assert facts(batch)["counts"] == {"accepted": 2}
            assert ignored(batch) == ["items[].extra", "items[].note"]
            batch = await call("upload_batch", items=json.dumps(items[1]), metadata='{"a": null}', wait=True)
            assert facts(batch)["total"] == 1
            waited = await call("wait_for_bucket_sync", file_ids=facts(done)["file_id"], batch_id=None)
            assert facts(waited)["readiness"] == "ready"
            # An empty text, or an empty list, for what is left out.
            blank = dict.fromkeys(("path", "url", "content_base64", "title", "tags", "metadata", "wait"), "")
            done = await call("upload_file", text="Mars is red.", filename="mars.md", timeout_s="", **blank)
            assert facts(done)["outcome"] == "accepted"
            batch = await call("upload_batch", items=items[1:], directory="", paths=[], if_exists="")
            assert facts(batch)["counts"] == {"replayed": 1}
            for buckets in ("docs", '["docs"]', ["docs"]):
                found = await call("search_bucket", query="far moon", buckets=buckets, bucket=None)
                assert facts(found)["searched"] == "docs"
            assert facts(await call("search_bucket", query=14, maxResults="3"))["searched"] == "docs"

            # A slip is refused, and so is what would silently reach further than asked.
            for slip, meant in (("bukets", "buckets"), ("bucketTitle", "bucket"), ("Agnet", "agent")):
                told = error(await call("search_bucket", query="x", **{slip: "docs"}))
                assert f"did you mean {meant!r}" in told["message"]
            told = error(await call("upload_batch", items=[{"text": "x", "titel": "y"}]))
            assert "'items[].titel' is unknown, did you mean 'title'?" in told["message"]
            for buckets in ("nope", "[docs", '["docs", null]', [None], {"a": 1}):
                assert (await call("search_bucket", query="x", buckets=buckets)).is_error
            failed = await call("search_bucket", query="x", bucket="nope", **N8N)
            assert (error(failed)["code"], ignored(failed)) == ("bucket_not_found", list(N8N))


def encoded(*calls: tuple[str, dict[str, Any]], modern: bool) -> list[bytes]:
    """Return requests, with a handshake before them where the era has one."""
    if not modern:
        calls = (("initialize", HANDSHAKE), *calls)
    return [
        json.dumps(
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": method,
                "params": {**params, "_meta": ENVELOPE} if modern else params,
            }
        ).encode()
        for number, (method, params) in enumerate(calls, start=1)
    ]


def uploads(text: bytes, *, modern: bool) -> list[bytes]:
    """Return requests that upload `text`, JSON string content as raw bytes."""
    upload = {"text": "TEXT", "filename": "s.txt", "bucket": "docs", "create_bucket": True, "wait": True}
    search = {"query": "broken", "bucket": "docs", "detail": "full"}
    calls = [
        ("tools/call", {"name": "upload_file", "arguments": upload}),
        ("tools/call", {"name": "search_bucket", "arguments": search}),
    ]
    return [request.replace(b"TEXT", text) for request in encoded(*calls, modern=modern)]


HALF = {"escape": rb"a broken \ud83d emoji \\ud83d", "bytes": b"a broken \xed\xa0\xbd emoji \\\\ud83d"}
REPLACED = "a broken \ufffd emoji \\ud83d"


@pytest.mark.parametrize("text", HALF.values(), ids=HALF)
@pytest.mark.parametrize("modern", [True, False], ids=["modern", "handshake"])
async def test_half_a_surrogate_pair_is_replaced_over_http(text: bytes, tmp_path: Path, *, modern: bool):
    version = "2026-07-28" if modern else "2025-11-25"
    headers = {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": version,
    }
    with anyio.fail_after(30):
        async with served(tmp_path) as url, httpx2.AsyncClient(headers=headers, timeout=20) as http:
            answers = list[str]()
            for request in uploads(text, modern=modern):
                body = json.loads(request.replace(b"\xed\xa0\xbd", b""))
                modern_headers = {"Mcp-Method": body["method"], "Mcp-Name": body["params"].get("name", "")}
                mark = b"\xef\xbb\xbf"
                answer = await http.post(url, content=mark + request, headers=modern_headers)
                assert answer.status_code == 200, answer.text
                answers.append(answer.text)
    found = next(line for line in answers[-1].splitlines() if "hits" in line)
    assert (
        json.loads(found.removeprefix("data:"))["result"]["structuredContent"]["hits"][0]["text"] == REPLACED
    )


async def piped(folder: Path, sent: bytes, answers: int) -> list[dict[str, Any]]:
    """Write `sent` to a server process and return its first answers."""
    command = [sys.executable, "-m", "calypso_mcp", "--data-dir", str(folder / "data")]
    with anyio.fail_after(60):
        async with await anyio.open_process(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as process:
            assert process.stdin
            assert process.stdout
            await process.stdin.send(sent)
            received = b""
            while received.count(b"\n") < answers:
                received += await process.stdout.receive()
            process.kill()
    return [json.loads(line) for line in received.splitlines()]


@pytest.mark.parametrize("text", HALF.values(), ids=HALF)
@pytest.mark.parametrize("modern", [True, False], ids=["modern", "handshake"])
async def test_a_mark_and_half_a_surrogate_pair_do_not_disturb_stdio(
    text: bytes, tmp_path: Path, *, modern: bool
):
    upload, *search = uploads(text, modern=modern)[-2:]
    first = uploads(text, modern=modern)[0]
    opening = [] if modern else [first]
    lines = b"\xef\xbb\xbf" + b"\r\n".join([*opening, upload]) + b"\n"
    answers = await piped(tmp_path, lines, len(opening) + 1)
    assert answers[-1]["result"]["structuredContent"]["readiness"] == "ready", answers
    lines = b"\n".join([*opening, *search]) + b"\n"
    answers = await piped(tmp_path, lines, len(opening) + 1)
    assert answers[-1]["result"]["structuredContent"]["hits"][0]["text"] == REPLACED


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
async def test_utf_16_is_named_as_what_is_wrong(encoding: str, tmp_path: Path):
    line = (uploads(b"x", modern=False)[0].decode() + "\r\n").encode(encoding)
    (answer,) = await piped(tmp_path, line, 1)
    assert answer["error"]["message"] == "The input is in UTF-16, but MCP over stdio uses UTF-8."


@pytest.mark.parametrize("modern", [True, False], ids=["modern", "handshake"])
async def test_null_in_a_prompt_counts_as_left_out(tmp_path: Path, *, modern: bool):
    def prompt(**arguments: Any) -> tuple[str, dict[str, Any]]:
        return "prompts/get", {"name": "ask_bucket", "arguments": arguments}

    asked = [prompt(question="How long?", bucket=None), prompt(question=14), prompt(question=None)]
    sent = encoded(*asked, ("prompts/get", {"name": "ask_bucket", "arguments": None}), modern=modern)
    answers = await piped(tmp_path, b"\n".join(sent) + b"\n", len(sent))
    by_id = {answer["id"]: answer for answer in answers}
    first, second, *refused = [by_id[number] for number in sorted(by_id)][-4:]
    assert "Call search_bucket. " in first["result"]["messages"][0]["content"]["text"]
    assert "stored sources only: 14" in second["result"]["messages"][0]["content"]["text"]
    assert [refusal["error"]["message"] for refusal in refused] == ["ask_bucket needs question."] * 2
