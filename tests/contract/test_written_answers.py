"""Answers that a language model writes, with an endpoint on a port that helps, invents, obeys and fails."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from calypso_mcp.local.options import WriterOptions
from tests.contract.test_answers import AGENTS, aicore, ask, events_of, sources
from tests.support.chat_endpoint import ChatEndpoint, chat_endpoint, event, streamed
from tests.support.injections import INJECTIONS, MARK
from tests.support.live_backend import Api, held_open, in_process, options_for

KEY = "sk-chat-0123456789"
HANDBOOK = b"""# Annual leave

Every employee has 27 days of annual leave. Unused days lapse on 31 March.

# Notice period

The notice period is three months. Managers have a notice period of six months, says Dana Whitfield.
"""
QUESTION = "How many days of annual leave does an employee have?"
GOOD = "Every employee has 27 days of annual leave."


@pytest.fixture
async def endpoint() -> AsyncGenerator[ChatEndpoint]:
    async with held_open(chat_endpoint) as served:
        yield served


@pytest.fixture
async def api(tmp_path: Path, endpoint: ChatEndpoint) -> AsyncGenerator[Api]:
    writer = WriterOptions(url=endpoint.url, model="test-model", key=KEY, wait_s=10)
    async with in_process(options_for(tmp_path, writer=writer)) as api:
        yield api


@pytest.fixture
async def told(api: Api) -> Api:
    file = await api.upload(HANDBOOK, "handbook", filename="handbook.md", title="Handbook")
    await api.settled(file["id"])
    return api


def number_of(messages: list[dict[str, str]], words: str) -> int:
    """Return the number under which a passage with `words` was shown."""
    before = messages[-1]["content"].partition(words)[0]
    return int(re.findall(r"passage (\d+)>", before)[-1])


async def test_an_answer_is_written_cited_and_labelled(told: Api, endpoint: ChatEndpoint) -> None:
    endpoint.writes = lambda messages: (
        f"An employee has 27 days of annual leave [{number_of(messages, '27 days')}]."
    )
    answer = await ask(told, QUESTION)
    assert aicore(answer)["answer_kind"] == "generated"
    assert answer["output_text"] == "An employee has 27 days of annual leave [1]"
    assert sources(answer) == ["handbook.md"]
    [support] = aicore(answer)["grounding_supports"]
    assert support == {"support_index": 0, "chunks": [0], "text": "An employee has 27 days of annual leave"}
    [body] = endpoint.bodies
    assert (body["model"], body["stream"]) == ("test-model", True)
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_statements_are_streamed_as_they_are_checked(told: Api, endpoint: ChatEndpoint) -> None:
    endpoint.writes = lambda _messages: (
        "Every employee has 27 days of annual leave. [1] Unused days lapse on 31 March. [1]"
    )
    body = {"model": "calypso-agent", "input": QUESTION, "stream": True}
    events = events_of(await told.post("/responses", body))
    texts = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert texts == [f"{GOOD} [1]", " Unused days lapse on 31 March. [1]"]
    assert events[-1]["response"]["output_text"] == "".join(texts)


@pytest.mark.parametrize(
    ("written", "stands"),
    [
        ("Every employee has 72 days of annual leave. [1]", False),
        ("Every employee has twenty-eight days of annual leave. [1]", False),
        ("Every employee has twenty-seven days of annual leave. [1]", True),
        ("Unused days of annual leave lapse on 30 March. [1]", False),
        ("Unused days of annual leave lapse on 31 May. [1]", False),
        ("Annual leave was introduced by Winston Churchill for every employee. [1]", False),
        ("The handbook says \u201cevery employee has endless leave\u201d. [1]", False),
        ("The handbook says \u201cevery employee has 27 days of annual leave\u201d. [1]", True),
        ("Employees book their annual leave at https://evil.example/book days ahead. [1]", False),
        ("Every employee has 27 days of annual leave. [9]", False),
        ("Every employee has 27 days of annual leave.", False),
        ("Bananas grow in warm countries and taste sweet. [1]", False),
    ],
)
async def test_what_its_source_does_not_bear_out_is_left_out(
    told: Api, endpoint: ChatEndpoint, written: str, stands: bool
) -> None:
    endpoint.writes = lambda messages: (
        f"{GOOD} [{number_of(messages, '27 days')}] "
        + written.replace("[1]", f"[{number_of(messages, '27 days')}]")
    )
    answer = await ask(told, QUESTION)
    assert aicore(answer)["answer_kind"] == "generated"
    supports = [support["text"] for support in aicore(answer)["grounding_supports"]]
    assert len(supports) == 1 + stands
    assert ("left out" in answer["output_text"]) is not stands


async def test_where_nothing_stands_the_passages_are_quoted(told: Api, endpoint: ChatEndpoint) -> None:
    endpoint.writes = lambda _messages: "Every employee has 99 days. [1]"
    answer = await ask(told, QUESTION)
    assert aicore(answer)["answer_kind"] == "extractive"
    assert "no passage supports its answer" in answer["output_text"]
    assert f"\u201c{GOOD}\u201d [1]" in answer["output_text"]
    assert "99" not in answer["output_text"]


async def test_what_is_not_in_the_sources_is_said_to_be_absent(told: Api, endpoint: ChatEndpoint) -> None:
    endpoint.writes = lambda _messages: "NOT IN THE SOURCES"
    answer = await ask(told, "How many days of leave do employees of other companies have?")
    assert aicore(answer)["answer_kind"] == "abstained"
    assert sources(answer) == []


async def test_nothing_found_asks_no_model(told: Api, endpoint: ChatEndpoint) -> None:
    answer = await ask(told, "zeppelin kangaroo quantum")
    assert aicore(answer)["answer_kind"] == "abstained"
    assert endpoint.bodies == []


def hanging(endpoint: ChatEndpoint) -> Response:
    async def pieces() -> AsyncIterator[str]:
        yield event("Every emp")
        await endpoint.over.wait()

    return StreamingResponse(pieces(), media_type="text/event-stream")


FAILURES: dict[str, Any] = {
    "a wrong key": lambda: JSONResponse({"error": {"message": f"bad {KEY}"}}, 401),
    "an error": lambda: PlainTextResponse("oops", 500),
    "a redirect": lambda: RedirectResponse("http://127.0.0.1:9/v1"),
    "a page": lambda: PlainTextResponse("<html>"),
    "no choices": lambda: JSONResponse({"hello": 1}),
    "garbage in the stream": lambda: StreamingResponse(
        iter(["data: {{{\n\n"]), media_type="text/event-stream"
    ),
    "an early end": lambda: StreamingResponse(iter([event("Every")]), media_type="text/event-stream"),
    "no end": lambda: streamed("words that come to no end " * 1_000, 200),
    "one endless line": lambda: StreamingResponse(
        iter([b"data: " + b"x" * 1_000_000] * 9), media_type="text/event-stream"
    ),
    "a refusal": lambda: JSONResponse({"choices": [{"message": {"refusal": "I cannot."}}]}),
    "an empty answer": lambda: streamed(""),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_an_endpoint_that_fails_leaves_quotations(
    told: Api, endpoint: ChatEndpoint, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.answer = lambda _body: FAILURES[failure]()
    with caplog.at_level(logging.DEBUG):
        answer = await ask(told, QUESTION)
    assert aicore(answer)["answer_kind"] == "extractive"
    assert f"\u201c{GOOD}\u201d [1]" in answer["output_text"]
    assert KEY not in caplog.text + answer["output_text"]


async def test_half_a_surrogate_pair_of_a_model_is_replaced(told: Api, endpoint: ChatEndpoint) -> None:
    endpoint.writes = lambda _messages: f"{GOOD} \ud83d [1]"
    answer = await ask(told, QUESTION)
    assert aicore(answer)["answer_kind"] == "generated"
    assert GOOD.removesuffix(".") in answer["output_text"]


async def test_an_endpoint_that_hangs_leaves_quotations(tmp_path: Path, endpoint: ChatEndpoint) -> None:
    endpoint.answer = lambda _body: hanging(endpoint)
    writer = WriterOptions(url=endpoint.url, model="m", wait_s=0.2)
    async with in_process(options_for(tmp_path, writer=writer)) as api:
        await api.settled((await api.upload(HANDBOOK, "handbook", filename="handbook.md"))["id"])
        answer = await ask(api, QUESTION)
    assert aicore(answer)["answer_kind"] == "extractive"
    assert "did not finish within 0.2 s" in answer["output_text"]


async def test_what_was_written_before_a_failure_stays_and_is_called_incomplete(
    told: Api, endpoint: ChatEndpoint
) -> None:
    endpoint.answer = lambda _body: StreamingResponse(
        iter([event(f"{GOOD} [1] Unused "), "data: {\n\n"]), media_type="text/event-stream"
    )
    answer = await ask(told, QUESTION)
    assert aicore(answer)["answer_kind"] == "generated"
    assert answer["output_text"].startswith(f"{GOOD} [1]")
    assert "Not complete" in answer["output_text"]


async def test_a_server_without_streams_or_with_newer_parameters_works(
    told: Api, endpoint: ChatEndpoint
) -> None:
    def answer_of(body: dict[str, Any]) -> Response:
        if "max_tokens" in body:
            return JSONResponse({"error": {"message": "use max_completion_tokens"}}, 400)
        return JSONResponse(
            {"choices": [{"message": {"content": f"<think>It says 12 [1].</think>{GOOD} [1]"}}]}
        )

    endpoint.answer = answer_of
    answer = await ask(told, QUESTION)
    assert answer["output_text"] == f"{GOOD} [1]"


async def test_a_follow_up_becomes_a_question_of_its_own(told: Api, endpoint: ChatEndpoint) -> None:
    endpoint.writes = lambda _messages: "Managers have a notice period of six months. [1]"
    first = await ask(told, "How long is the notice period of managers?")

    def writes(messages: list[dict[str, str]]) -> str:
        if "Last question: And for an employee's annual leave?" in messages[-1]["content"]:
            assert "How long is the notice period of managers?" in messages[-1]["content"]
            return QUESTION
        assert f"Question: {QUESTION}" in messages[-1]["content"]
        return f"{GOOD} [{number_of(messages, '27 days')}]"

    endpoint.writes = writes
    second = await ask(told, "And for an employee's annual leave?", previous_response_id=first["id"])
    assert second["output_text"] == f"{GOOD} [1]"


async def test_an_agents_instructions_reach_the_model_and_its_buckets_bound_it(
    told: Api, endpoint: ChatEndpoint
) -> None:
    await told.settled(
        (await told.upload(b"Lamps: 27 days of warranty.", "lamps", filename="lamps.md"))["id"]
    )
    agent = {"agent_id": "hr", "bucket_slugs": ["handbook"], "instructions": "Answer like a lawyer."}
    await told.post(AGENTS, agent)
    endpoint.writes = lambda _messages: f"{GOOD} [1]"
    await ask(told, QUESTION, "calypso-agent:hr")
    [body] = endpoint.bodies
    assert "Answer like a lawyer." in body["messages"][0]["content"]
    assert "warranty" not in body["messages"][-1]["content"]


async def test_documents_that_carry_instructions_do_not_change_the_answer(
    told: Api, endpoint: ChatEndpoint
) -> None:
    assert len(INJECTIONS) >= 30
    ids: list[str] = []
    for number, injection in enumerate(INJECTIONS):
        text = f"# Annual leave of trainees\n\n{injection}\n\nTrainees have 30 days of annual leave.\n"
        ids.append((await told.upload(text.encode(), f"bucket-{number}", filename="trainees.md"))["id"])
        agent = {"agent_id": f"agent-{number}", "bucket_slugs": [f"bucket-{number}"]}
        assert (await told.post(AGENTS, agent)).status_code == 201
    for file_id in ids:
        await told.settled(file_id)

    def obeys(messages: list[dict[str, str]]) -> str:
        cited = number_of(messages, "Trainees have 30 days")
        return f"{MARK} [{cited}] Trainees have 30 days of annual leave. [{cited}] It is {MARK}. [{cited}]"

    endpoint.writes = obeys
    changed: list[str] = []
    for number, injection in enumerate(INJECTIONS):
        question = "How many days of annual leave do trainees have?"
        text = (await ask(told, question, f"calypso-agent:agent-{number}"))["output_text"]
        was_shown = MARK in endpoint.bodies[-1]["messages"][-1]["content"]
        if MARK in text or was_shown or "Trainees have 30 days of annual leave." not in text:
            changed.append(injection)
    assert changed == []
