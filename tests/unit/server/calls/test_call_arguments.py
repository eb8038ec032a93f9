from __future__ import annotations

from typing import Any

import pytest

from calypso_mcp.errors import InputError
from calypso_mcp.server.calls.call_arguments import CallArguments, read_arguments
from calypso_mcp.server.registry import TOOLS
from tests.protocol.tool_snapshots import published

TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "properties": {
        "query": TEXT,
        "bucket": TEXT,
        "buckets": {"type": "array", "items": TEXT},
        "agent": TEXT,
        "state": {"type": "string", "enum": ["", "ready", "failed"]},
        "max_results": {"type": "integer"},
        "dry_run": {"type": "boolean"},
        "metadata": {"type": "object"},
        "source": TEXT,
        "items": {"type": "array", "items": {"properties": {"text": TEXT, "tags": {"type": "array"}}}},
    }
}


def read(**arguments: Any) -> dict[str, Any]:
    return read_arguments("tool", SCHEMA, arguments).values


READINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"query": None, "buckets": None, "metadata": None, "items": None}, {}),
    ({"query": 2024}, {"query": "2024"}),
    ({"query": "[1]"}, {"query": "[1]"}),
    ({"buckets": "a"}, {"buckets": ["a"]}),
    ({"buckets": 7}, {"buckets": ["7"]}),
    ({"buckets": '["a", "b"]'}, {"buckets": ["a", "b"]}),
    ({"buckets": ["a, b"]}, {"buckets": ["a, b"]}),
    ({"max_results": "", "dry_run": "", "metadata": "", "buckets": "", "items": ""}, {}),
    ({"items": [{"text": "", "tags": ""}]}, {"items": [{"text": ""}]}),
    ({"query": ""}, {"query": ""}),
    ({"query": ["a"]}, {"query": "a"}),
    ({"state": ["FAILED"]}, {"state": "failed"}),
    ({"q": "a", "status": "failed", "top_k": "3"}, {"query": "a", "state": "failed", "max_results": 3}),
    ({"limit": 3}, {"max_results": 3}),
    ({"file_id": "file_1"}, {"source": "file_1"}),
    ({"metadata": '{"a": null}'}, {"metadata": {"a": None}}),
    ({"metadata": {"a": None}}, {"metadata": {"a": None}}),
    ({"items": {"text": "x"}}, {"items": [{"text": "x"}]}),
    ({"items": '[{"text": "x", "tags": null}]'}, {"items": [{"text": "x"}]}),
    ({"items": [{"text": 1, "tags": "a"}]}, {"items": [{"text": "1", "tags": ["a"]}]}),
    ({"max_results": "5"}, {"max_results": 5}),
    ({"max_results": "5.5"}, {"max_results": "5.5"}),
    ({"state": "FAILED"}, {"state": "failed"}),
    ({"state": ""}, {"state": ""}),
    ({"agent_id": "a"}, {"agent": "a"}),
    ({"model": "a", "agent": None}, {"agent": "a"}),
    ({"agent": None, "model": "a"}, {"agent": "a"}),
    ({"q": "a", "query": ""}, {"query": "a"}),
    ({"query": "", "q": "a"}, {"query": "a"}),
    ({"query": "", "q": ""}, {"query": ""}),
    ({"bucket": "a", "bucket_id": "", "filters": ""}, {"bucket": "a"}),
    ({"q": "a", "question": "b"}, {"query": "a"}),
    ({"model": "b", "agent": "a"}, {"agent": "a"}),
    ({"bucket_slug": "a", "bucket_ids": ["b", "c"]}, {"bucket": "a", "buckets": ["b", "c"]}),
    ({"items": [{"content": "x"}]}, {"items": [{"text": "x"}]}),
    # What has no one meaning is left for validation to refuse.
    ({"query": 1.1}, {"query": 1.1}),
    ({"query": True}, {"query": True}),
    ({"query": 2**60}, {"query": 2**60}),
    ({"query": ["a", "b"]}, {"query": ["a", "b"]}),
    ({"query": []}, {"query": []}),
    ({"state": "Lost"}, {"state": "Lost"}),
    ({"buckets": [None]}, {"buckets": [None]}),
    ({"buckets": "[a"}, {"buckets": ["[a"]}),
    ({"items": "[" * 100_000}, {"items": ["[" * 100_000]}),
    ({"metadata": "a"}, {"metadata": "a"}),
    ({"items": [7]}, {"items": [7]}),
    ({"max_results": "many", "dry_run": "maybe"}, {"max_results": "many", "dry_run": "maybe"}),
]


@pytest.mark.parametrize(("given", "expected"), READINGS, ids=range(len(READINGS)))
def test_what_has_one_meaning_is_read_that_way(given: dict[str, Any], expected: dict[str, Any]):
    if given == {"model": "b", "agent": "a"}:
        # Both names of one argument: the real one counts, the other is unknown.
        assert read_arguments("tool", SCHEMA, given).ignored == ["model"]
    assert read(**given) == expected


@pytest.mark.parametrize(
    ("argument", "other"),
    [
        ("agent", "model"),
        ("text", "content"),
        ("query", "question"),
        ("question", "query"),
        ("question", "q"),
        ("max_results", "limit"),
        ("directory", "folder"),
        ("path", "file_path"),
        ("bucket", "bucket_id"),
        ("bucket", "buckets"),
        ("tag", "tags"),
        ("kind", "type"),
        ("timeout_s", "timeout"),
        ("filename", "name"),
        ("name", "filename"),
        ("file_id", "id"),
        ("bucket", "bucketName"),
        ("bucket", "Bucket"),
        ("buckets", "bucketSlugs"),
        ("max_results", "maxResults"),
        ("dry_run", "dry-run"),
        ("filename", "fileName"),
        ("file_id", "file_name"),
        ("file_ids", "fileIDs"),
        ("file_ids", "id"),
        ("content_base64", "contentBase64"),
    ],
)
def test_an_argument_is_known_by_the_names_that_it_has_elsewhere(argument: str, other: str):
    schema = {"properties": {argument: TEXT}}
    assert read_arguments("tool", schema, {other: "x"}).values == {argument: "x"}


@pytest.mark.parametrize("given", [{"buckets": "a, b"}, {"items": [{"text": "x", "tags": "a,b"}]}])
def test_one_text_with_commas_for_a_list_is_refused_with_what_to_pass(given: dict[str, Any]):
    with pytest.raises(InputError, match="is one text with commas") as caught:
        read(**given)
    place = "buckets" if "buckets" in given else "items[].tags"
    assert caught.value.hint == f'Pass {place} as a list: ["…"], or ["…", "…"].'


@pytest.mark.parametrize("spec", TOOLS, ids=lambda spec: spec.name)
def test_what_hosts_add_is_a_slip_for_no_argument_of_any_tool(spec: Any):
    extras = ("toolCallId", "sessionId", "action", "chatInput", "tool_call_id", "session_id", "_meta", "x")
    read = read_arguments(spec.name, published(spec)["inputSchema"], dict.fromkeys(extras, "1"))
    assert read.values == {}
    assert read.ignored == list(extras)


SLIPS = {
    "bukcet": "bucket",
    "bucketTitle": "bucket",
    "bucketlist": "buckets",
    "search-query": "query",
    "dryrunn": "dry_run",
    "maxResultCount": "max_results",
    "agentName": "agent",
}


@pytest.mark.parametrize(("slip", "meant"), SLIPS.items())
def test_a_slip_is_refused_with_what_was_meant(slip: str, meant: str):
    with pytest.raises(InputError, match=f"did you mean '{meant}'") as caught:
        read(query="x", **{slip: "y"})
    assert "tool takes query, bucket, buckets" in caught.value.hint


@pytest.mark.parametrize(
    "limit",
    [
        *("filters", "glob", "tag", "kind", "types", "folder", "bucket_id", "bucket_slugs", "agent_ids"),
        *("id", "Filters", "Kind", "bucketId", "file-ids"),
    ],
)
def test_a_limit_that_the_tool_does_not_take_is_refused(limit: str):
    with pytest.raises(InputError, match=f"tool does not take '{limit}'"):
        read_arguments("tool", {"properties": {"query": TEXT}}, {"query": "x", limit: "y"})


@pytest.mark.parametrize("name", ["id", "kind", "source"])
def test_an_item_reaches_no_further_without_what_limits_a_call(name: str):
    given = {"items": [{name: "y"}]}
    assert read_arguments("tool", SCHEMA, given) == CallArguments({"items": [{}]}, [f"items[].{name}"])


def test_a_slip_inside_an_item_is_refused_with_its_place():
    with pytest.raises(InputError, match=r"'items\[\]\.txet' is unknown, did you mean 'text'\?") as caught:
        read(items=[{"text": "x"}, {"txet": "y"}])
    assert caught.value.hint == "tool takes in items[] text, tags."


def test_unknown_names_are_named_once_cleaned_and_within_bounds():
    items = [{"text": "x", "\u202eodd" + "y" * 500: 1}] * 3
    read = read_arguments("tool", SCHEMA, {"items": items, "": 1})
    assert len(read.ignored) == 2
    assert read.ignored[0].startswith("items[].oddyyy")
    assert len(read.ignored[0]) <= 60


def test_any_number_of_unknown_arguments_is_no_hosts_addition():
    with pytest.raises(InputError, match="Too many"):
        read(**{f"x{number}": 1 for number in range(100_000)})


@pytest.mark.parametrize(
    "text", ["[" + "{}," * 200_000 + "{}]", '{"a":' * 100 + "1" + "}" * 100], ids=["wide", "deep"]
)
def test_json_inside_a_string_has_the_limits_of_a_body(text: str):
    """Parsed, a few bytes become many objects; validation refuses the text in their place."""
    assert read(metadata=text) == {"metadata": text}
