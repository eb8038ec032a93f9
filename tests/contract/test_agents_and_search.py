"""Agents bound to buckets, and search within buckets or an agent's scope."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.live_backend import Api

AGENTS = "/rag-agent/agents"


async def models(api: Api) -> dict[str, dict[str, Any]]:
    answer = await api.get("/rag-agent/models")
    assert answer.json()["object"] == "rag_agent_model_list"
    return {model["id"]: model for model in answer.json()["data"]}


async def bucket(api: Api, name: str) -> str:
    return (await api.post("/knowledge/buckets", {"name": name})).json()["id"]


async def test_the_default_agent_covers_every_bucket(api: Api) -> None:
    ids = [await bucket(api, "a"), await bucket(api, "b")]
    (default,) = (await models(api)).values()
    assert (default["id"], default["profile_id"], default["source"]) == (
        "calypso-agent",
        None,
        "default_policy",
    )
    assert default["bucket_ids"] == ids
    assert [entry["slug"] for entry in default["buckets"]] == ["a", "b"]


async def test_a_named_agent_is_bound_to_its_buckets(api: Api) -> None:
    first, second = await bucket(api, "a"), await bucket(api, "b")
    await bucket(api, "c")
    body = {"agent_id": "Support Team", "name": "Support", "bucket_ids": [first], "bucket_slugs": ["b", "a"]}
    answer = await api.post(AGENTS, body)
    assert answer.status_code == 201
    assert (answer.json()["model"], answer.json()["agent_id"]) == (
        "calypso-agent:support-team",
        "support-team",
    )
    named = (await models(api))["calypso-agent:support-team"]
    assert (named["source"], named["profile_id"]) == ("named_profile", "support-team")
    assert (named["bucket_ids"], named["missing_bucket_ids"]) == ([first, second], [])


async def test_there_are_no_more_agents_than_every_request_can_read(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calypso_mcp.local.store.agents.MOST_AGENTS", 2)
    await bucket(api, "a")
    made = [await api.post(AGENTS, {"agent_id": f"n{number}", "bucket_slugs": ["a"]}) for number in range(3)]
    assert [answer.status_code for answer in made] == [201, 201, 403]
    assert made[2].json()["error"]["code"] == "agent_limit_reached"
    assert len(await models(api)) == 3


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"agent_id": "x"}, 400, "bucket_required"),
        ({"agent_id": "x", "bucket_ids": ["bucket_none"]}, 400, "bucket_not_found"),
        ({"agent_id": "x", "bucket_slugs": ["none"]}, 400, "bucket_not_found"),
        ({"agent_id": "!", "bucket_slugs": ["a"]}, 400, "invalid_request"),
        ({"agent_id": "taken", "bucket_slugs": ["a"]}, 409, "agent_id_exists"),
    ],
)
async def test_an_agent_that_cannot_be_made_says_why(
    api: Api, body: dict[str, Any], status: int, code: str
) -> None:
    await bucket(api, "a")
    await api.post(AGENTS, {"agent_id": "taken", "bucket_slugs": ["a"]})
    answer = await api.post(AGENTS, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_replayed_create_answers_the_same_agent(api: Api) -> None:
    await bucket(api, "a")
    body = {"agent_id": "support", "bucket_slugs": ["a"]}
    first = await api.post(AGENTS, body, Idempotency_Key="k")
    again = await api.post(AGENTS, body, Idempotency_Key="k")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["model"] == first.json()["model"]
    other = await api.post(AGENTS, {**body, "name": "Other"}, Idempotency_Key="k")
    assert other.json()["error"]["code"] == "idempotency_key_reused"


async def test_an_agent_changes_in_what_is_given_and_keeps_the_rest(api: Api) -> None:
    first, second = await bucket(api, "a"), await bucket(api, "b")
    await api.post(AGENTS, {"agent_id": "support", "name": "Support", "bucket_ids": [first]})
    changed = await api.http.patch(f"{AGENTS}/support", json={"bucket_slugs": ["b"]})
    assert changed.status_code == 200
    body = changed.json()
    assert (body["model"], body["name"], body["bucket_ids"]) == ("calypso-agent:support", "Support", [second])
    await api.http.patch(f"{AGENTS}/support", json={"name": "Help", "instructions": "Be kind."})
    named = (await models(api))["calypso-agent:support"]
    assert (named["name"], named["bucket_ids"]) == ("Help", [second])


@pytest.mark.parametrize(
    ("agent_id", "body", "status", "code"),
    [
        ("none", {"name": "x"}, 404, "agent_not_found"),
        ("support", {"bucket_ids": []}, 400, "bucket_required"),
        ("support", {"bucket_ids": ["bucket_none"]}, 400, "bucket_not_found"),
    ],
)
async def test_a_change_that_cannot_be_made_says_why_and_changes_nothing(
    api: Api, agent_id: str, body: dict[str, Any], status: int, code: str
) -> None:
    first = await bucket(api, "a")
    await api.post(AGENTS, {"agent_id": "support", "name": "Support", "bucket_ids": [first]})
    answer = await api.http.patch(f"{AGENTS}/{agent_id}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    named = (await models(api))["calypso-agent:support"]
    assert (named["name"], named["bucket_ids"]) == ("Support", [first])


async def test_search_stays_within_the_buckets_or_the_agent_asked_for(api: Api) -> None:
    in_a = await api.upload(
        b"The zebra in bucket a.", bucket="a", filename="a.txt", content_type="text/plain"
    )
    in_b = await api.upload(
        b"The zebra in bucket b.", bucket="b", filename="b.txt", content_type="text/plain"
    )
    for file in (in_a, in_b):
        await api.settled(file["id"])
    await api.post(AGENTS, {"agent_id": "only-b", "bucket_slugs": ["b"]})

    async def found(**fields: Any) -> set[str]:
        return {result["filename"] for result in await api.searched("zebra", **fields)}

    assert await found() == {"a.txt", "b.txt"}
    assert await found(agent="calypso-agent") == {"a.txt", "b.txt"}
    assert await found(agent="calypso-rag-agent") == {"a.txt", "b.txt"}
    assert await found(buckets=["a"]) == {"a.txt"}
    assert await found(buckets=in_b["bucket_ids"]) == {"b.txt"}
    assert await found(buckets=["a", *in_b["bucket_ids"]]) == {"a.txt", "b.txt"}
    assert await found(agent="calypso-agent:only-b") == {"b.txt"}
    assert await found(buckets=[]) == set()
    assert len(await api.searched("zebra", max_results=1)) == 1


async def test_a_search_result_can_be_checked(api: Api) -> None:
    text = b"# Animals\n\nintro\n\n## Zebra\n\nStripes everywhere.\n"
    file = await api.upload(text, filename="animals.md", title="Animals")
    await api.settled(file["id"])
    answer = (await api.post("/search", {"query": "stripes"})).json()
    assert (answer["object"], answer["query"], answer["strategy"]) == ("search", "stripes", "lexical")
    assert answer["usage"] == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    (result,) = answer["results"]
    assert (result["source_index"], result["type"], result["title"]) == (0, "file", "Animals")
    assert "Stripes" in result["text"]
    attributes = result["attributes"]
    assert attributes["bucket_ids"] == file["bucket_ids"]
    assert attributes["score"] > 0
    assert (attributes["line_start"], attributes["line_end"]) == (1, 7)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"query": ""}, "invalid_request"),
        ({"query": " \n"}, "invalid_request"),
        ({"query": "x" * 8_001}, "invalid_request"),
        ({"query": "x", "max_results": 0}, "invalid_request"),
        ({"query": "x", "max_results": 21}, "invalid_request"),
        ({"query": "x", "per_file": 0}, "invalid_request"),
        ({"query": "x", "tags": "a"}, "invalid_request"),
        ({"query": "x", "buckets": ["a"], "agent": "calypso-agent"}, "invalid_request"),
        ({"query": "x", "buckets": ["none"]}, "bucket_not_found"),
        ({"query": "x", "buckets": ["none" * 1_000]}, "bucket_not_found"),
        ({"query": "x", "agent": "calypso-agent:none"}, "agent_not_found"),
        ({"query": "x", "agent": "gpt"}, "agent_not_found"),
    ],
)
async def test_a_search_that_cannot_be_made_says_why(api: Api, body: dict[str, Any], code: str) -> None:
    await bucket(api, "a")
    answer = await api.post("/search", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert len(answer.content) < 500


@pytest.mark.parametrize("query", ['"', "zebra AND", "NEAR(", "col:zebra", "*", "🦓", "-", "zebra*^"])
async def test_any_text_is_a_query(api: Api, query: str) -> None:
    await bucket(api, "a")
    assert await api.searched(query) == []


async def test_any_number_of_buckets_is_ranked_together(api: Api) -> None:
    for number in range(7):
        body = f"zebra {'zebra ' * number}among other words".encode()
        file = await api.upload(body, bucket=f"b{number}", filename=f"f{number}.txt")
        await api.settled(file["id"])
    results = await api.searched("zebra", buckets=[f"b{number}" for number in range(1, 7)])
    assert [result["filename"] for result in results] == [f"f{number}.txt" for number in range(6, 0, -1)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"tags": ["old"]}, {"a.md", "b.txt"}),
        ({"tags": ["old", "draft"]}, {"b.txt"}),
        ({"source": "*.md"}, {"a.md", "c.md", "d.md"}),
        ({"source": "a.md"}, {"a.md"}),
        ({"source": "A.MD"}, {"a.md"}),
        ({"source": "docs"}, {"d.md"}),
        ({"source": "Docs/"}, {"d.md"}),
        ({"source": "docs/D*"}, {"d.md"}),
        ({"source": "no*"}, set[str]()),
        ({"metadata": {"year": 2024}}, {"c.md"}),
        ({"metadata": {"year": "2024"}}, {"c.md"}),
        ({"metadata": {"year": "2025"}}, set[str]()),
        ({"metadata": {"is_final": True}}, {"c.md"}),
        ({"metadata": {"is_final": "true"}}, {"c.md"}),
        ({"metadata": {"year": None}}, set[str]()),
        ({"tags": ["old"], "source": "*.txt"}, {"b.txt"}),
        ({"source": "*a" * 120}, set[str]()),
    ],
)
async def test_a_search_is_filtered_by_what_is_known_of_sources(
    api: Api, filters: dict[str, Any], expected: set[str]
) -> None:
    sources: dict[str, dict[str, Any]] = {
        "a.md": {"tags": ["old"]},
        "b.txt": {"tags": ["old", "draft"]},
        "c.md": {"metadata": {"year": 2024, "is_final": True}},
        "d.md": {"path": "Docs/d.md"},
    }
    for name, fields in sources.items():
        file = await api.upload(f"zebra in {name}".encode(), filename=name, **fields)
        await api.settled(file["id"])
    assert {result["filename"] for result in await api.searched("zebra", **filters)} == expected


async def test_a_search_is_narrowed_to_one_source_by_its_id(api: Api) -> None:
    for name in ("a.md", "b.md"):
        file = await api.settled((await api.upload(f"zebra in {name}".encode(), filename=name))["id"])
    assert [result["filename"] for result in await api.searched("zebra", source=file["id"])] == ["b.md"]
    assert await api.searched("zebra", source="file_*") == []


async def test_a_hit_says_when_its_source_last_changed(api: Api) -> None:
    file = await api.settled((await api.upload(b"Refunds take fourteen days.", filename="a.txt"))["id"])
    [result] = await api.searched("refunds")
    assert result["attributes"]["updated_at"] == file["updated_at"]


async def test_a_search_names_copies_and_words_that_no_document_holds(api: Api) -> None:
    for name in ("first.txt", "second.txt"):
        file = await api.upload(b"Refunds take fourteen days.", filename=name, if_exists="keep_both")
        await api.settled(file["id"])
    answer = (await api.post("/search", {"query": "refund of a zeppelin hangar"})).json()
    [result] = answer["results"]
    assert answer["absent_words"] == ["zeppelin", "hangar"]
    [copy] = result["attributes"]["also_in"]
    assert {result["filename"], copy["filename"]} == {"first.txt", "second.txt"}
    answer = (await api.post("/search", {"query": "refund of the old zeppelin"})).json()
    assert answer["absent_words"] == ["old", "zeppelin"]
    assert "absent_words" not in (await api.post("/search", {"query": "How long do refunds take?"})).json()
