"""Grounded answers of the embedded backend: quoted, cited, labelled, continued, streamed."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.live_backend import Api, in_process, options_for

AGENTS = "/rag-agent/agents"
HANDBOOK = b"""# Notice period

The notice period is three months. Managers have a notice period of six months.

# Parking

A parking space costs twenty euros a month. Ask the front desk for a card.
"""
LAMPS = b"Every lamp carries a warranty of seven years. Zeppelins are not covered."


@pytest.fixture
async def told(api: Api) -> Api:
    """The API with a handbook, a bucket of lamps, and an agent for each."""
    for data, bucket in ((HANDBOOK, "handbook"), (LAMPS, "lamps")):
        file = await api.upload(data, bucket, filename=f"{bucket}.md", title=bucket.title())
        await api.settled(file["id"])
        await api.post(AGENTS, {"agent_id": f"{bucket}-agent", "bucket_slugs": [bucket]})
    return api


async def ask(api: Api, text: Any, model: str = "calypso-agent", **fields: Any) -> dict[str, Any]:
    """Return the body of an answer that has to come."""
    answer = await api.post("/responses", {"model": model, "input": text, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def aicore(answer: dict[str, Any]) -> dict[str, Any]:
    return answer["metadata"]["_aicore"]


def sources(answer: dict[str, Any]) -> list[str]:
    return [source["file_name"] for source in aicore(answer)["grounded_sources"]]


def events_of(answer: httpx2.Response) -> list[dict[str, Any]]:
    """Return the data of every event, each checked against the name it was sent under."""
    found: list[dict[str, Any]] = []
    for block in answer.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


async def test_an_answer_is_quoted_cited_and_labelled(told: Api) -> None:
    answer = await ask(told, "How long is the notice period of managers?")
    text = answer["output_text"]
    assert text.startswith("Extractive answer")
    assert "“Managers have a notice period of six months.” [1]" in text
    assert aicore(answer)["display_text"] == text
    assert aicore(answer)["answer_kind"] == "extractive"
    (source,) = aicore(answer)["grounded_sources"]
    assert (source["label"], source["file_name"], source["index"]) == ("Handbook", "handbook.md", 1)
    assert "six months" in source["snippet"]
    assert source["attributes"]["line_start"] == 1
    (message,) = answer["output"]
    (part,) = message["content"]
    assert part["text"] == text
    assert [note["filename"] for note in part["annotations"]] == ["handbook.md"]
    assert answer["usage"] == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}


async def test_every_quotation_stands_word_for_word_in_the_source_it_names(told: Api) -> None:
    answer = await ask(told, "What costs twenty euros: a lamp, its warranty or a parking space?")
    found = aicore(answer)
    assert found["grounding_supports"]
    for support in found["grounding_supports"]:
        (position,) = support["chunks"]
        snippet = " ".join(found["grounded_sources"][position]["snippet"].split())
        assert support["text"] in snippet
        assert f"“{support['text']}” [{position + 1}]" in answer["output_text"]


async def test_a_heading_that_only_repeats_the_question_is_no_answer(told: Api) -> None:
    answer = await ask(told, "notice period")
    assert "“Notice period”" not in answer["output_text"]
    assert "three months" in answer["output_text"]


@pytest.mark.parametrize("question", ["Who won the world cup in 1990?", "¿?", "zeppelin kangaroo quantum"])
async def test_what_no_passage_answers_is_said_to_be_unanswered(told: Api, question: str) -> None:
    answer = await ask(told, question)
    assert "no stored passage" in answer["output_text"]
    assert aicore(answer)["answer_kind"] == "abstained"
    assert sources(answer) == []
    assert answer["output"][0]["content"][0]["annotations"] == []


@pytest.mark.parametrize(
    "question", ["What does a parking space cost in Antarctica?", "What does a parking space cost below B2?"]
)
async def test_a_question_about_a_name_or_code_that_no_passage_holds_is_unanswered(
    told: Api, question: str
) -> None:
    assert aicore(await ask(told, "What does a parking space cost?"))["answer_kind"] == "extractive"
    assert aicore(await ask(told, question))["answer_kind"] == "abstained"


async def test_the_first_line_of_a_file_is_quoted_though_it_is_found_by_it(api: Api) -> None:
    note = b"Wifi password: swordfish42\n\nThe wifi password changes every month.\n"
    await api.settled((await api.upload(note, "notes", filename="wifi.txt"))["id"])
    assert "swordfish42" in (await ask(api, "What is the wifi password?"))["output_text"]


async def test_an_agent_answers_from_its_buckets_only(told: Api) -> None:
    question = "How many years is the warranty on a lamp?"
    assert sources(await ask(told, question, "calypso-agent:lamps-agent")) == ["lamps.md"]
    assert sources(await ask(told, question, "calypso-rag-agent:lamps-agent")) == ["lamps.md"]
    elsewhere = await ask(told, question, "calypso-agent:handbook-agent")
    assert aicore(elsewhere)["answer_kind"] == "abstained"
    assert "seven" not in json.dumps(elsewhere)


@pytest.mark.parametrize(
    "shape",
    [
        "How long is the parking card valid, what does parking cost?",
        [{"role": "user", "content": [{"type": "input_text", "text": "What does a parking space cost?"}]}],
        [
            {"type": "input_text", "text": "What does a parking"},
            {"type": "input_text", "text": "space cost?"},
        ],
        [
            {"role": "user", "content": "What is a zeppelin?"},
            {"role": "user", "content": "What does a parking space cost?"},
        ],
    ],
)
async def test_the_input_is_taken_in_every_known_shape(told: Api, shape: Any) -> None:
    assert "twenty euros" in (await ask(told, shape))["output_text"]


@pytest.mark.parametrize("conversation", [{"id": "conv_0123"}, "conv_0123"])
async def test_a_short_follow_up_is_read_together_with_the_question_before(
    told: Api, conversation: Any
) -> None:
    first = await ask(told, "How long is the notice period?", conversation=conversation)
    assert first["conversation"] == {"id": "conv_0123"}
    alone = await ask(told, "and for managers?")
    later = await ask(told, "and for managers?", previous_response_id=first["id"])
    assert later["conversation"] == {"id": "conv_0123"}
    assert "It takes the previous question into account" in later["output_text"]
    assert "previous question" not in alone["output_text"]
    lines = later["output_text"].splitlines()
    assert "Managers have a notice period of six months" in lines[2]
    chained = await ask(told, "and the front desk?", previous_response_id=later["id"])
    assert "notice period" in chained["output_text"]
    other = await ask(told, "What does a parking space cost?", previous_response_id=chained["id"])
    assert "previous question" not in other["output_text"]


async def test_naming_the_conversation_again_goes_on_with_it(told: Api) -> None:
    await ask(told, "How long is the notice period?", conversation="conv_a")
    later = await ask(told, "and for managers?", conversation="conv_a")
    assert "previous question" in later["output_text"]
    other = await ask(told, "and for managers?", conversation="conv_b")
    assert "previous question" not in other["output_text"]


async def test_a_turn_that_is_unknown_or_not_this_agents_cannot_be_continued(told: Api) -> None:
    of_lamps = await ask(told, "What is the warranty?", "calypso-agent:lamps-agent")
    unkept = await ask(told, "What is the warranty?", store=False)
    refusals = [
        await told.post(
            "/responses",
            {"model": "calypso-agent", "input": "and zeppelins?", "previous_response_id": turn},
        )
        for turn in (of_lamps["id"], unkept["id"], "resp_none", "x" * 500)
    ]
    assert {(refusal.status_code, refusal.json()["error"]["code"]) for refusal in refusals} == {
        (400, "previous_response_not_found")
    }
    assert len({refusal.json()["error"]["message"] for refusal in refusals}) == 1


async def test_a_stream_tells_the_same_answer_as_a_body(told: Api) -> None:
    body = await ask(told, "How long is the notice period?")
    asked = {"model": "calypso-agent", "input": "How long is the notice period?", "stream": True}
    answer = await told.post("/responses", asked)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-request-id"]
    events = events_of(answer)
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    whole = events[-1]["response"]
    assert events[0]["response"]["id"] == whole["id"]
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == whole["output_text"] == body["output_text"]
    assert len(deltas) > 1
    assert set(whole) == set(body) - {"request_id"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"model": "calypso-agent"}, "invalid_request"),
        ({"model": "", "input": "x"}, "invalid_request"),
        ({"model": "calypso-agent", "input": " \n"}, "invalid_request"),
        ({"model": "calypso-agent", "input": []}, "invalid_request"),
        ({"model": "calypso-agent", "input": [{"type": "input_file", "file_id": "f"}]}, "invalid_request"),
        ({"model": "calypso-agent", "input": 7}, "invalid_request"),
        ({"model": "calypso-agent", "input": "x" * 8_001}, "invalid_request"),
        ({"model": "calypso-agent", "input": "x", "conversation": "c" * 201}, "invalid_request"),
        ({"model": "calypso-agent:none", "input": "x"}, "agent_not_found"),
        ({"model": "gpt", "input": "x", "stream": True}, "agent_not_found"),
    ],
)
async def test_an_answer_that_cannot_be_given_says_why(api: Api, body: dict[str, Any], code: str) -> None:
    answer = await api.post("/responses", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


async def test_an_agent_without_buckets_has_no_answer(api: Api) -> None:
    assert aicore(await ask(api, "Anything?"))["answer_kind"] == "abstained"


@pytest.fixture
async def clocked(tmp_path: Path) -> AsyncGenerator[tuple[Api, list[float]]]:
    """An API whose time a test moves."""
    now = [1_700_000_000.0]
    async with in_process(options_for(tmp_path / "data", clock=lambda: now[0])) as api:
        yield api, now


async def test_a_turn_can_be_continued_for_a_while_only(clocked: tuple[Api, list[float]]) -> None:
    api, now = clocked
    turn = await ask(api, "Anything?", conversation="conv_a")
    now[0] += 7 * 86_400 - 10
    await ask(api, "more?", previous_response_id=turn["id"])
    now[0] += 20
    body = {"model": "calypso-agent", "input": "more?", "previous_response_id": turn["id"]}
    assert (await api.post("/responses", body)).json()["error"]["code"] == "previous_response_not_found"


async def test_a_turn_is_continued_after_a_restart_and_by_another_process(tmp_path: Path) -> None:
    options = options_for(tmp_path / "data")
    async with in_process(options) as first:
        turn = await ask(first, "How long is the notice period?")
        async with in_process(options) as second:
            later = await ask(second, "and managers?", previous_response_id=turn["id"])
    async with in_process(options) as third:
        last = await ask(third, "and lamps?", previous_response_id=later["id"])
    assert last["conversation"] == turn["conversation"]


async def test_an_agent_asked_for_some_of_its_buckets_answers_from_those_alone(told: Api) -> None:
    listed = (await told.get("/knowledge/buckets")).json()["buckets"]
    ids = {bucket["slug"]: bucket["id"] for bucket in listed}
    question = "How long is the warranty of a lamp?"
    assert sources(await ask(told, question)) == ["lamps.md"]
    assert sources(await ask(told, question, buckets=[ids["lamps"]])) == ["lamps.md"]
    for buckets in ([ids["handbook"]], ["no_such_bucket"], []):
        narrowed = await ask(told, question, buckets=buckets)
        assert "lamps.md" not in json.dumps(narrowed)
        assert "seven years" not in json.dumps(narrowed)
    # It never gets a bucket that is not its own.
    other = await ask(told, question, model="calypso-agent:handbook-agent", buckets=[ids["lamps"]])
    assert sources(other) == []
