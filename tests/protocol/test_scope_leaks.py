"""Nothing of a bucket out of scope gets through, and it cannot be told apart from one that does not exist.

The same request is made about something real but out of scope and about something made up. Apart from the
name itself both answers must be equal to the letter.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.server.build import build_server
from tests.support.scripted_calypso import ScriptedCalypso, agent, hit

#: Words that give the hidden bucket, its file or its agents away.
HIDDEN = ("vault", "file_s1", "spy", "mixed")
SYNCS = {"handbook": "active", "vault": "pending"}
PIN = ScopeLimit(frozenset({"handbook"}))


@asynccontextmanager
async def confined(api: ScriptedCalypso, era: str) -> AsyncGenerator[Client]:
    api.scripted["GET /connection"] = lambda _body: (200, {"extensions": ["read", "remove"]})
    with anyio.fail_after(20):
        async with api.state(pins=(PIN,)) as state, Client(build_server(state), mode=era) as client:
            yield client


async def answer_of(client: Client, what: str, *arguments: Any) -> str:
    """Return everything a caller learns from one request: result or error, to the letter."""
    try:
        return repr(await getattr(client, what)(*arguments))
    except MCPError as error:
        return repr((error.code, error.message, error.data))


TWINS: list[tuple[str, str, Callable[[str], tuple[Any, ...]]]] = [
    ("vault", "nosuch", lambda name: ("call_tool", "search_bucket", {"query": "x", "bucket": name})),
    ("bucket_vault", "nosuch", lambda name: ("call_tool", "search_bucket", {"query": "x", "bucket": name})),
    ("Top Vault", "nosuch", lambda name: ("call_tool", "search_bucket", {"query": "x", "bucket": name})),
    ("spy", "nosuch", lambda name: ("call_tool", "search_bucket", {"query": "x", "agent": name})),
    ("mixed", "nosuch", lambda name: ("call_tool", "search_bucket", {"query": "x", "agent": name})),
    ("spy", "nosuch", lambda name: ("call_tool", "ask_agent", {"question": "x", "agent": name})),
    ("mixed", "nosuch", lambda name: ("call_tool", "ask_agent", {"question": "x", "agent": name})),
    ("vault", "nosuch", lambda name: ("call_tool", "list_buckets", {"query": name})),
    ("vault", "nosuch", lambda name: ("call_tool", "create_bucket", {"name": "n", "slug": name})),
    ("vault", "nosuch", lambda name: ("call_tool", "create_agent", {"agent_id": "a", "buckets": [name]})),
    (
        "file_s1",
        "file_xx",
        lambda name: ("call_tool", "wait_for_bucket_sync", {"file_ids": [name], "timeout_s": 0}),
    ),
    (
        "task_s1",
        "task_xx",
        lambda name: ("call_tool", "wait_for_bucket_sync", {"task_id": name, "timeout_s": 0}),
    ),
    (
        "batch_s",
        "batch_x",
        lambda name: ("call_tool", "wait_for_bucket_sync", {"batch_id": name, "timeout_s": 0}),
    ),
    ("vault", "nosuch", lambda name: ("call_tool", "wait_for_bucket_sync", {"bucket": name})),
    ("file_s1", "file_xx", lambda name: ("call_tool", "wait_for_bucket_sync", {"file_ids": [name]})),
    ("batch_s", "batch_x", lambda name: ("call_tool", "wait_for_bucket_sync", {"batch_id": name})),
    ("vault", "nosuch", lambda name: ("call_tool", "list_sources", {"bucket": name})),
    (
        "file_s1",
        "file_xx",
        lambda name: ("call_tool", "list_sources", {"bucket": "handbook", "cursor": name}),
    ),
    ("file_s1", "file_xx", lambda name: ("call_tool", "read_source", {"file_id": name})),
    ("file_s1", "file_xx", lambda name: ("call_tool", "remove_source", {"file_id": name, "confirm": True})),
    ("vault", "nosuch", lambda name: ("call_tool", "upload_file", _text_for(name))),
    (
        "vault",
        "nosuch",
        lambda name: ("call_tool", "upload_file", {**_text_for(name), "create_bucket": True}),
    ),
    ("vault", "nosuch", lambda name: ("call_tool", "upload_batch", {"items": [_text_for(name)]})),
    (
        "vault",
        "nosuch",
        lambda name: ("call_tool", "upload_file", {"url": "https://a.test/b.txt", "bucket": name}),
    ),
    ("vault", "nosuch", lambda name: ("call_tool", "add_website", {"url": "https://a.test", "bucket": name})),
    (
        "vault",
        "nosuch",
        lambda name: ("call_tool", "add_qa", {"question": "q", "answer": "a", "bucket": name}),
    ),
    ("vault", "nosuch", lambda name: ("read_resource", f"bucket://{name}")),
    ("vault", "nosuch", lambda name: ("read_resource", f"bucket://{name}/files/file_s1")),
    ("file_s1", "file_xx", lambda name: ("read_resource", f"bucket://handbook/files/{name}")),
    ("vault", "nosuch", lambda name: ("get_prompt", "ask_bucket", {"question": "q", "bucket": name})),
    ("vault", "nosuch", lambda name: ("complete", PromptReference(name="ask_bucket"), _argument(name))),
    ("spy", "nosuch", lambda name: ("complete", PromptReference(name="x"), {"name": "agent", "value": name})),
]


def _text_for(bucket: str) -> dict[str, Any]:
    return {"text": "some words", "filename": "a.txt", "bucket": bucket}


def _argument(value: str) -> dict[str, str]:
    return {"name": "bucket", "value": value}


@pytest.mark.parametrize(("hidden", "made_up", "request_of"), TWINS)
async def test_out_of_scope_and_made_up_are_answered_alike(
    api: ScriptedCalypso, era: str, hidden: str, made_up: str, request_of: Any
):
    seen: list[tuple[str, list[str]]] = []
    for name in (hidden, made_up):
        # A server of its own for each: neither answer may profit from what the other looked up.
        api.requests.clear()
        async with confined(api, era) as client:
            told = await answer_of(client, *request_of(name))
        asked = [what.rpartition("/")[0] for what, _ in api.requests]
        seen.append((told.replace(name, "?"), asked))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "request_of",
    [
        ("call_tool", "list_buckets", {"include_archived": True}),
        ("call_tool", "list_agents", {}),
        ("call_tool", "search_bucket", {"query": "x"}),
        ("list_resources",),
        ("list_resource_templates",),
        ("list_prompts",),
        ("list_tools",),
        ("read_resource", "calypso://agents"),
        ("read_resource", "bucket://handbook"),
        ("complete", ResourceTemplateReference(uri="bucket://{slug}"), {"name": "slug", "value": ""}),
        ("complete", PromptReference(name="ask_bucket"), {"name": "agent", "value": ""}),
    ],
    ids=str,
)
async def test_no_listing_reading_or_completion_mentions_what_is_hidden(
    api: ScriptedCalypso, era: str, request_of: tuple[Any, ...]
):
    api.search = lambda _body: [hit("top vault", "file_s1")]
    async with confined(api, era) as client:
        told = await answer_of(client, *request_of)
    assert not [word for word in HIDDEN if word in told]


async def test_counts_and_totals_speak_only_of_what_is_in_scope(api: ScriptedCalypso, era: str):
    async with confined(api, era) as client:
        listed = (await client.call_tool("list_buckets")).structured_content
        assert listed is not None
        assert listed["total"] == 1
        completed = await client.complete(ResourceTemplateReference(uri="bucket://{slug}"), _argument(""))
        assert completed.completion.total == 1


@pytest.mark.parametrize("sources", [("file_h1", "file_s1"), ("file_s1",), ("file_unknown", "file_h1")])
async def test_an_answer_that_rests_on_anything_out_of_scope_is_withheld_whole(
    api: ScriptedCalypso, era: str, sources: tuple[str, ...]
):
    api.agents.append(agent("inside", "handbook"))
    notes = [{"type": "file_citation", "file_id": source, "filename": f"{source}.txt"} for source in sources]
    content = {"type": "output_text", "text": "As the top vault says.", "annotations": notes}
    said = {"id": "resp_1", "output": [{"type": "message", "content": [content]}]}
    api.scripted["POST /responses"] = lambda _body: (200, said)
    async with confined(api, era) as client:
        told = await answer_of(client, "call_tool", "ask_agent", {"question": "q", "agent": "inside"})
        assert "answer_withheld" in told
        assert not [word for word in ("vault", "file_s1") if word in told]
        del notes[:]
        notes.append({"type": "file_citation", "file_id": "file_h1", "filename": "h.txt"})
        told = await answer_of(client, "call_tool", "ask_agent", {"question": "q", "agent": "inside"})
        assert "top vault says" in told


async def test_a_batch_within_scope_in_part_is_ready_when_all_of_that_part_is(api: ScriptedCalypso, era: str):
    def part(name: str, status: str, slug: str, file_id: str | None = None) -> dict[str, Any]:
        sync = [{"bucket_id": f"bucket_{slug}", "status": status}]
        return {"client_file_id": name, "status": status, "bucketSync": sync, "knowledgeId": file_id}

    # The second item never arrived, so it has no file that could be waited for.
    ours = [part("one", "active", "handbook", "file_h1"), part("two", "pending", "handbook")]
    api.batches["batch_m"] = {"id": "batch_m", "status": "active", "items": ours}
    theirs = part("three", "failed", "vault", "file_s1")
    async with confined(api, era) as client:
        for whole in (True, False):
            api.batches["batch_m"]["items"] = ours if whole else [*ours, theirs]
            arguments = {"batch_id": "batch_m", "timeout_s": 0}
            told = (await client.call_tool("wait_for_bucket_sync", arguments)).structured_content
            assert told is not None
            counts = (told["readiness"], told["ready"], told["pending"], told["failed"])
            assert counts == ("pending", 1, 1, 0)
        assert not [word for word in HIDDEN if word in str(told)]


async def test_a_file_is_ready_when_its_buckets_in_scope_have_it_whatever_others_do(
    api: ScriptedCalypso, era: str
):
    syncs = [{"bucket_id": f"bucket_{slug}", "status": word} for slug, word in SYNCS.items()]
    api.files["file_both"] |= {"bucketSyncStatus": "pending", "bucketSync": syncs}
    async with confined(api, era) as client:
        arguments = {"file_ids": ["file_both"], "timeout_s": 0}
        told = (await client.call_tool("wait_for_bucket_sync", arguments)).structured_content
        assert told is not None
        assert told["readiness"] == "ready"


async def test_every_request_to_the_api_stays_inside_the_scope(api: ScriptedCalypso, era: str):
    async with confined(api, era) as client:
        for bucket in ({}, {"bucket": "handbook"}, {"bucket": "vault"}):
            await client.call_tool("search_bucket", {"query": "x", **bucket})
    bodies = api.asked("POST /search")
    assert bodies
    assert all(body["buckets"] == ["bucket_handbook"] for body in bodies)


async def test_nothing_of_one_request_is_left_for_the_next(api: ScriptedCalypso):
    """Two callers of one server, each with a ceiling: the second learns nothing of the first."""
    grants = iter(["handbook", "vault", "handbook"])
    current: dict[str, AccessGrant] = {}

    def grant_for(_request: object) -> AccessGrant:
        return current["grant"]

    async with api.state(grant_for=grant_for) as state, Client(build_server(state)) as client:
        for slug in grants:
            current["grant"] = AccessGrant(name=slug, limit=ScopeLimit(frozenset({slug})))
            listed = (await client.call_tool("list_buckets")).structured_content
            assert listed is not None
            assert [entry["slug"] for entry in listed["buckets"]] == [slug]
