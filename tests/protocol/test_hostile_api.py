"""An API that puts control characters and line ends into every text it sends."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ResourceTemplateReference, TextResourceContents

from tests.support.mcp_answers import Connect, text
from tests.support.scripted_calypso import ScriptedCalypso, hit

#: As from an API that cuts texts by UTF-16 code units.
HALF_AN_EMOJI = "\ud83d"
#: Ends a line in every way there is, and hides and reorders what follows.
HOSTILE = (
    "\r\nInjected: yes\n\u2028Injected: yes\x85\x0b\u202e\u2066\u200b\ufeff\x1b[31m\x07\x00\U000e0041"
    + HALF_AN_EMOJI
)
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\U000e0000-\U000e0fff]"
)
#: Words that decide what happens next; without them the calls would stop early.
_WORDS = {"status", "bucketSyncStatus", "object", "type", "source"}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("list_buckets", {}),
    ("list_agents", {}),
    ("search_bucket", {"query": "x"}),
    ("ask_agent", {"question": "x", "agent": "calypso-agent:support"}),
    ("create_bucket", {"name": "New"}),
    ("create_agent", {"agent_id": "new", "buckets": ["bucket_handbook"]}),
    ("wait_for_bucket_sync", {"file_ids": ["file_h1"], "timeout_s": 0}),
    ("wait_for_bucket_sync", {"task_id": "task_h1", "timeout_s": 0}),
    ("wait_for_bucket_sync", {"batch_id": "batch_s", "timeout_s": 0}),
    ("wait_for_bucket_sync", {"bucket": "bucket_pricing", "timeout_s": 0}),
    ("wait_for_bucket_sync", {"file_ids": ["file_h1"], "timeout_s": 0}),
    ("upload_file", {"text": "x", "filename": "x.md", "bucket": "bucket_handbook", "timeout_s": 0}),
]


def spoiled(value: Any, spared: set[str], key: str = "") -> Any:
    """Return an API's answer with something hostile at the end of every text, keys of maps included."""
    if isinstance(value, dict):
        return {
            (name + HOSTILE if key == "counts" else name): spoiled(entry, spared, name)
            for name, entry in value.items()
        }
    if isinstance(value, list):
        return [spoiled(entry, spared, key) for entry in value]
    # Ids are kept where the calls name them, and spoiled in everything that is only read.
    return value + HOSTILE if isinstance(value, str) and key not in spared else value


@pytest.fixture(params=[_WORDS | {"id"}, {"id", "slug"}, _WORDS], ids=["names", "words", "ids"])
def spared(request: pytest.FixtureRequest) -> set[str]:
    """Fields that are left as they are."""
    return request.param


@pytest.fixture
def hostile(api: ScriptedCalypso, monkeypatch: pytest.MonkeyPatch, spared: set[str]) -> ScriptedCalypso:
    api.search = lambda _body: [hit("A passage.", "file_h1", "handbook", title="T", url="https://x.test")]
    honest = api.answer

    async def answer(request: httpx2.Request) -> httpx2.Response:
        made = await honest(request)
        body = json.dumps(spoiled(json.loads(made.content), spared))
        return httpx2.Response(made.status_code, content=body)

    monkeypatch.setattr(api, "answer", answer)
    return api


def check(shown: str, *, quotes: bool) -> None:
    assert _INVISIBLE.search(shown) is None, shown
    if not quotes:
        assert not any(line.startswith("Injected") for line in shown.splitlines()), shown


def check_result(result: CallToolResult, *, quotes: bool) -> None:
    check(text(result), quotes=quotes)
    assert "not JSON" not in text(result)
    check("\n".join(strings_of(result.structured_content)), quotes=quotes)


def strings_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, entry in value.items() for text in (key, *strings_of(entry))]
    if isinstance(value, list):
        return [text for entry in value for text in strings_of(entry)]
    return [value] if isinstance(value, str) else []


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize(("tool", "arguments"), CALLS)
async def test_no_text_of_an_api_reaches_a_tools_result_uncleaned(
    connect: Connect, tool: str, arguments: dict[str, Any]
) -> None:
    async with connect() as client:
        # Passages and answers have lines of their own, inside a quotation.
        check_result(await client.call_tool(tool, arguments), quotes=tool in {"search_bucket", "ask_agent"})


#: Upload addresses as storages sign them, and what makes them secret.
_CREDENTIAL = "ABPtcPr0q8w7e6r5t4"
_SAID = f"PUT https://s.test/o?name=a(1).txt&upload_id={_CREDENTIAL} (o?upload_id={_CREDENTIAL}) failed."


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(400, json={"error": {"code": "broken", "message": _SAID, "details": _SAID}}),
        httpx2.Response(400, json={"error": _SAID}),
        httpx2.Response(400, json={"detail": [_SAID]}),
        httpx2.Response(400, text=_SAID),
        httpx2.Response(400, text=f"{_SAID} {'x' * 1_000}"),
    ],
    ids=["envelope", "text", "detail", "page", "long page"],
)
async def test_an_upload_address_that_an_error_of_the_api_quotes_is_shown_nowhere(
    api: ScriptedCalypso, connect: Connect, answer: httpx2.Response
) -> None:
    for request in ("GET /knowledge/buckets", "POST /search"):
        api.scripted[request] = lambda _body: answer
        async with connect() as client:
            for tool, arguments in CALLS:
                result = await client.call_tool(tool, arguments)
                assert _CREDENTIAL not in result.model_dump_json()
                assert tool != "search_bucket" or "o?… (o?…) failed" in text(result)
        del api.scripted[request]


async def test_an_upload_address_in_the_reason_of_a_failed_source_or_answer_is_shown_nowhere(
    api: ScriptedCalypso, connect: Connect
) -> None:
    failed = {"status": "failed", "error": {"code": "broken", "message": _SAID}}
    api.files["file_h1"] |= failed
    api.batches["batch_s"] = {
        "id": "batch_s",
        "status": "failed",
        "items": [{"client_file_id": "a.txt", **failed}],
    }
    api.scripted["POST /responses"] = lambda _body: (200, failed)
    async with connect() as client:
        for tool, arguments in [
            ("wait_for_bucket_sync", {"file_ids": ["file_h1"], "timeout_s": 0}),
            ("wait_for_bucket_sync", {"batch_id": "batch_s", "timeout_s": 0}),
            ("ask_agent", {"question": "x", "agent": "calypso-agent:support"}),
        ]:
            result = await client.call_tool(tool, arguments)
            assert "o?… (o?…) failed" in text(result), text(result)
            assert _CREDENTIAL not in result.model_dump_json()


@pytest.mark.usefixtures("hostile")
async def test_no_text_of_an_api_reaches_resources_and_completions_uncleaned(connect: Connect) -> None:
    async with connect() as client:
        for shown in await _everything(client):
            check("\n".join(strings_of(shown)), quotes=False)


async def _everything(client: Client) -> list[Any]:
    found: list[Any] = [(await client.list_resources()).model_dump(mode="json")]
    for uri in ("calypso://agents", "bucket://bucket_handbook", "bucket://bucket_handbook/files/file_h1"):
        try:
            read = await client.read_resource(uri)
        except MCPError as error:
            found.append([error.message.replace("\nCode", "").replace("\n", " ")])
        else:
            found += [
                json.loads(content.text)
                for content in read.contents
                if isinstance(content, TextResourceContents)
            ]
    bucket = ResourceTemplateReference(uri="bucket://{slug}")
    completed = [await client.complete(bucket, {"name": name, "value": ""}) for name in ("slug", "agent")]
    return found + [value.model_dump(mode="json") for value in completed]
