from __future__ import annotations

from typing import Any

import httpx2
import pytest

from calypso_mcp import errors
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.search import SearchRequest
from tests.support.faulty_transport import Answer, FakeClock, problem, scripted_client

CONNECTION = "GET /v1/connection"
SEARCH = "POST /v1/search"
MODELS = "GET /v1/rag-agent/models"
BUCKETS = "GET /v1/knowledge/buckets"
RESPONSES = "POST /v1/responses"


def model(name: str, *bucket_ids: str, **fields: Any) -> dict[str, Any]:
    """Return an agent as the API lists it."""
    return {"id": f"calypso-agent:{name}", "profile_id": name, "bucket_ids": bucket_ids, **fields}


def way_round(*models: dict[str, Any], answers: list[Answer] | None = None) -> dict[str, list[Answer]]:
    """Return the scripts of a server without `/search`."""
    buckets = [{"id": f"b{n}", "slug": f"s{n}"} for n in range(1, 5)]
    return {
        SEARCH: [httpx2.Response(404, json={"detail": "Not Found"})],
        MODELS: [{"data": list(models)}],
        BUCKETS: [{"buckets": buckets}],
        RESPONSES: answers or [answered("a passage")],
    }


def answered(text: str, name: str = "a.md") -> dict[str, Any]:
    """Return a grounded answer with one source."""
    source = {"label": "A", "snippet": text, "knowledge_id": "file_1", "file_name": name}
    return {"id": "resp_1", "metadata": {"_aicore": {"grounded_sources": [source]}}}


async def test_the_search_endpoint_is_used_where_there_is_one() -> None:
    result = {"source_index": 0, "type": "file", "text": "x", "file_id": "f", "new_field": 1}
    client, api = scripted_client({SEARCH: [{"results": [result], "strategy": "hybrid"}]})
    async with client:
        found = await client.search.search(SearchRequest(query="q", buckets=("b1",), max_results=3))

    assert api.json(0) == {"query": "q", "buckets": ["b1"], "max_results": 3}
    assert (found.results[0].text, found.strategy) == ("x", "hybrid")


@pytest.mark.parametrize(
    "missing",
    [
        httpx2.Response(404, json={"detail": "Not Found"}),
        httpx2.Response(404, text="<html>nothing here</html>"),
        httpx2.Response(405),
        problem(405, "method_not_allowed"),
        problem(404, "route_not_found"),
    ],
)
async def test_without_the_endpoint_an_agent_of_just_these_buckets_is_asked(missing: httpx2.Response) -> None:
    scripts = way_round(model("wide", "b1", "b2"), model("fit", "b1")) | {SEARCH: [missing]}
    client, api = scripted_client(scripts)
    async with client:
        found = await client.search.search(SearchRequest(query="q", buckets=("s1",)))

    assert api.json(-1) == {
        "model": "calypso-agent:fit",
        "input": "q",
        "stream": False,
        "store": False,
        "metadata": {"_aicore": {"file_input_strategy": "rag_policy"}},
    }
    assert found.agent == "calypso-agent:fit"
    assert [(result.text, result.file_id, result.filename, result.title) for result in found.results] == [
        ("a passage", "file_1", "a.md", "A")
    ]


async def test_agents_are_combined_when_none_covers_all_buckets_alone() -> None:
    agents = (
        model("one", "b1"),
        model("pair", "b1", "b2"),
        model("three", "b3"),
        model("off", "b3", enabled=False),
    )
    scripts = way_round(*agents, answers=[answered("from pair"), answered("from three", "b.md")])
    client, api = scripted_client(scripts)
    async with client:
        found = await client.search.search(SearchRequest(query="q", buckets=("b1", "s2", "b3")))

    asked = [api.json(n)["model"] for n, line in enumerate(api.lines()) if line == RESPONSES]
    assert asked == ["calypso-agent:pair", "calypso-agent:three"]
    assert [result.text for result in found.results] == ["from pair", "from three"]


@pytest.mark.parametrize(
    "models",
    [
        (),
        (model("wide", "b1", "b2"),),
        (model("empty"),),
        (model("off", "b1", enabled=False),),
        (model("other", "b2"),),
    ],
)
async def test_the_search_is_refused_rather_than_widened(models: tuple[dict[str, Any], ...]) -> None:
    client, api = scripted_client(way_round(*models))
    async with client:
        with pytest.raises(errors.ScopeError) as raised:
            await client.search.search(SearchRequest(query="q", buckets=("b1",)))

    assert raised.value.code == "no_agent_in_scope"
    assert RESPONSES not in api.lines()


async def test_a_part_of_the_buckets_is_not_passed_off_as_all() -> None:
    client, api = scripted_client(way_round(model("one", "b1")))
    async with client:
        with pytest.raises(errors.ScopeError):
            await client.search.search(SearchRequest(query="q", buckets=("b1", "b2")))
        with pytest.raises(errors.ScopeError):
            await client.search.search(SearchRequest(query="q", buckets=("b1", "no-such")))

    assert RESPONSES not in api.lines()


async def test_a_named_agent_is_asked_itself_and_nobody_else_the_default_one() -> None:
    default = {"id": "calypso-rag-agent", "source": "default_policy", "bucket_ids": ["b1"]}
    client, api = scripted_client(way_round(model("one", "b1"), default))
    async with client:
        await client.search.search(SearchRequest(query="q", agent="calypso-rag-agent:old"))
        await client.search.search(SearchRequest(query="q"))

    asked = [api.json(n)["model"] for n, line in enumerate(api.lines()) if line == RESPONSES]
    assert asked == ["calypso-rag-agent:old", "calypso-rag-agent"]


async def test_a_missing_endpoint_is_remembered_for_a_while() -> None:
    clock = FakeClock()
    client, api = scripted_client(way_round(model("one", "b1")), clock=clock)
    request = SearchRequest(query="q", buckets=("b1",))
    async with client:
        await client.search.search(request)
        await client.search.search(request)
        clock.now_s += 301
        await client.search.search(request)

    assert api.lines().count(SEARCH) == 2
    assert api.lines().count(RESPONSES) == 3


@pytest.mark.parametrize("code", ["bucket_not_found", "agent_not_found"])
async def test_a_404_about_the_request_is_no_missing_endpoint(code: str) -> None:
    client, api = scripted_client({SEARCH: [problem(404, code)]})
    async with client:
        with pytest.raises(errors.NotFound) as raised:
            await client.search.search(SearchRequest(query="q", buckets=("b1",)))

    assert raised.value.code == code
    assert api.lines() == [SEARCH]


@pytest.mark.parametrize(
    "body",
    [
        {"status": "failed"},
        {"error": {"message": "out of tokens"}},
        {"error": "out of tokens"},
        {"error": [1]},
    ],
)
async def test_a_failed_answer_is_an_error_not_an_empty_result(body: dict[str, Any]) -> None:
    client, _ = scripted_client(way_round(model("one", "b1"), answers=[{"id": "resp_1", **body}]))
    async with client:
        with pytest.raises(errors.AnswerFailed):
            await client.search.search(SearchRequest(query="q", buckets=("b1",)))


async def test_evidence_is_read_from_every_place_it_is_known_to_be_in() -> None:
    answer: dict[str, Any] = {
        "metadata": {
            "_aicore": {
                "grounded_sources": [
                    {"label": "Guide", "quote": "one", "knowledge_id": "file_1"},
                    {"filename": "b.md", "excerpt": "two"},
                    "nonsense",
                ]
            }
        },
        "output": [
            {
                "type": "file_search_call",
                "results": [{"filename": "b.md", "text": " two "}, {"filename": "c.md", "text": "three"}],
            },
            {
                "type": "message",
                "content": [
                    {
                        "type": "output_text",
                        "text": "An answer.",
                        "annotations": [
                            {"type": "file_citation", "filename": "c.md"},
                            {"type": "file_citation", "filename": "d.md"},
                            {"type": "odd"},
                            {"name": "Web", "url": "https://docs.test/"},
                        ],
                    }
                ],
            },
            7,
        ],
    }
    client, _ = scripted_client(way_round(model("one", "b1"), answers=[answer]))
    async with client:
        found = await client.search.search(SearchRequest(query="q", buckets=("b1",)))

    assert [
        (result.source_index, result.text, result.filename or result.title) for result in found.results
    ] == [
        (0, "one", "Guide"),
        (1, "two", "b.md"),
        (2, "three", "c.md"),
        (3, None, "d.md"),
        (4, None, "Web"),
    ]


async def test_no_more_is_returned_than_asked_for() -> None:
    sources = [{"label": f"{n}", "snippet": f"{n}"} for n in range(30)]
    answer: dict[str, Any] = {"metadata": {"_aicore": {"grounded_sources": sources}}}
    client, _ = scripted_client(way_round(model("one", "b1"), answers=[answer]))
    async with client:
        default = await client.search.search(SearchRequest(query="q", buckets=("b1",)))
        three = await client.search.search(SearchRequest(query="q", buckets=("b1",), max_results=3))

    assert (len(default.results), len(three.results)) == (8, 3)


async def test_the_connection_is_checked_by_its_endpoint_or_else_by_the_listing() -> None:
    client, api = scripted_client({CONNECTION: [problem(404)], BUCKETS: [{"buckets": []}]})
    async with client:
        await client.connection.check()
    assert api.lines() == [CONNECTION, BUCKETS]

    client, api = scripted_client({CONNECTION: [httpx2.Response(204)]})
    async with client:
        await client.connection.check()
    assert len(api.requests) == 1


@pytest.mark.parametrize("broken", [problem(500), problem(503), httpx2.Response(200, text="<html>")])
async def test_an_api_that_breaks_the_endpoint_counts_as_one_without_extensions_for_a_while(
    broken: httpx2.Response, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    answers: list[Answer] = [broken]
    client, api = scripted_client({CONNECTION: answers}, clock=clock)
    async with client:
        assert await client.connection.extensions() == frozenset()
        asked = len(api.requests)
        assert await client.connection.extensions() == frozenset()
        assert (len(api.requests), client.connection.is_assuming) == (asked, True)

        clock.now_s += 3_600
        assert not client.connection.is_assuming
        assert await client.connection.extensions() == frozenset()
        assert len(api.requests) > asked
        assert len([record for record in caplog.records if "does not say" in record.message]) == 1

        clock.now_s += 3_600
        answers.append({"extensions": ["qa"]})
        assert await client.connection.extensions() == {Extension.QA}
        assert not client.connection.is_assuming


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_no_sign_of_an_api_without_extensions(status: int) -> None:
    client, _ = scripted_client({CONNECTION: [problem(status)]})
    async with client:
        with pytest.raises(errors.ApiError):
            await client.connection.extensions()
        assert not client.connection.is_assuming


async def test_an_api_that_breaks_the_endpoint_is_checked_by_the_listing() -> None:
    client, _ = scripted_client({CONNECTION: [problem(500)], BUCKETS: [{"buckets": []}]})
    async with client:
        await client.connection.check()


async def test_a_wrong_key_fails_the_connection_check() -> None:
    client, _ = scripted_client({CONNECTION: [problem(401, "invalid_api_key")]})
    async with client:
        with pytest.raises(errors.AuthenticationFailed):
            await client.connection.check()
