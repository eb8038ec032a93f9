"""Asking an agent: what hosted APIs are known, or have to be expected, to answer."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import httpx2
import pytest

from calypso_mcp import errors
from calypso_mcp.api.answers import AnswerRequest, Conversation
from calypso_mcp.client import ClientPolicies, Timeouts
from calypso_mcp.client.retrieval.answers import GroundedAnswer
from calypso_mcp.domain.retry import RetryPolicy
from tests.support.answer_events import STREAM, completed, delta, event, grounded, source, streamed
from tests.support.faulty_transport import Answer, FakeClock, problem, scripted_client

RESPONSES = "POST /v1/responses"
MODEL = "calypso-agent:support"
ASKED = AnswerRequest(model=MODEL, input="How long?", stream=True, conversation=Conversation(id="conv_1"))


def done(text: str) -> str:
    return event("response.output_text.done", text=text)


async def asked(*answers: Answer, heard: list[int] | None = None) -> GroundedAnswer:
    """Return what the client makes of the API's answers."""
    client, _ = scripted_client({RESPONSES: list(answers)})
    async with client:
        return await client.answers.ask(ASKED, heard.append if heard is not None else lambda _: None)


async def test_the_request_is_worded_as_the_api_sheet_says() -> None:
    client, api = scripted_client({RESPONSES: [streamed(completed(output_text="Yes."))]})
    async with client:
        await client.answers.ask(ASKED)
        later = AnswerRequest(model=MODEL, input="And then?", stream=True, previous_response_id="resp_1")
        await client.answers.ask(later)
    shared = {"model": MODEL, "stream": True, "store": True}
    rag = {"metadata": {"_aicore": {"file_input_strategy": "rag_policy"}}}
    assert api.json(0) == {**shared, **rag, "input": "How long?", "conversation": {"id": "conv_1"}}
    assert api.json(1) == {**shared, **rag, "input": "And then?", "previous_response_id": "resp_1"}
    assert "text/event-stream" in api.requests[0].headers["accept"]


async def test_an_agent_may_be_silent_for_as_long_as_its_answer_may_take() -> None:
    policies = ClientPolicies(timeouts=Timeouts(read_s=1.0, agent_s=7.0))
    script = {RESPONSES: [streamed(completed(output_text="Yes."))]}
    client, api = scripted_client(script, policies=policies)
    async with client:
        await client.answers.ask(ASKED)
    assert api.requests[0].extensions["timeout"]["read"] == 7.0


async def test_a_streamed_answer_is_put_together_and_heard_while_it_comes() -> None:
    heard: list[int] = []
    stream = streamed(
        event("response.created", response={"id": "resp_1"}),
        ": heartbeat\n\n",
        delta("Three "),
        event("response.something.new", surprise=True),
        delta("months."),
        done("Three months."),
        completed(**grounded(source("file_1", "The notice period is three months."))),
        "data: [DONE]\n\n",
    )
    answer = await asked(stream, heard=heard)
    assert (answer.text, answer.response_id, answer.kind) == ("Three months.", "resp_1", None)
    assert [(entry.file_id, entry.text) for entry in answer.sources] == [
        ("file_1", "The notice period is three months.")
    ]
    assert max(heard) == len("Three months.")
    assert heard == sorted(heard)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"output_text": "plain", **grounded(text="canonical")}, "canonical"),
        ({"output_text": "plain", "output": [{"type": "message", "content": [{"text": "x"}]}]}, "plain"),
        (
            {
                "output": [
                    {"type": "file_search_call", "results": [{"filename": "a.md", "text": "found"}]},
                    {"type": "message", "content": [{"text": "one"}, {"text": "two"}]},
                ]
            },
            "one\ntwo",
        ),
    ],
)
async def test_the_canonical_text_comes_first(fields: dict[str, Any], text: str) -> None:
    assert (await asked({"id": "resp_1", **fields})).text == text


async def test_deltas_make_the_text_where_nothing_else_says_it() -> None:
    assert (await asked(streamed(delta("a"), delta("b \ud83d"), completed()))).text == "ab \ufffd"


async def test_a_body_is_read_although_a_stream_was_asked_for() -> None:
    body = {"id": "resp_2", "output_text": "At once.", "request_id": "req_1", "new": {"field": 1}}
    answer = await asked(body)
    assert (answer.text, answer.response_id) == ("At once.", "resp_2")


@pytest.mark.parametrize(
    ("annotation", "name", "url"),
    [
        ({"type": "file_citation", "filename": "a.md"}, "a.md", None),
        ({"name": "Guide", "url": "https://example.com/g"}, "Guide", "https://example.com/g"),
    ],
)
@pytest.mark.parametrize("way", ["annotation event", "item event", "completed", "body"])
async def test_both_shapes_of_annotations_are_citations_wherever_they_stand(
    annotation: dict[str, Any], name: str, url: str | None, way: str
) -> None:
    item = {"type": "message", "content": [{"text": "Yes.", "annotations": [annotation]}]}
    answers: dict[str, Answer] = {
        "annotation event": streamed(
            done("Yes."),
            event("response.output_text.annotation.added", annotation=annotation),
            completed(),
        ),
        "item event": streamed(event("response.output_item.done", item=item), completed()),
        "completed": streamed(completed(output=[item])),
        "body": {"id": "resp_1", "output": [item]},
    }
    answer = await asked(answers[way])
    assert answer.text == "Yes."
    assert [(entry.title, entry.url) for entry in answer.sources] == [(name, url)]


@pytest.mark.parametrize("has_id_first", [True, False])
async def test_a_passage_named_by_its_file_in_one_place_and_by_its_id_in_another_is_one(
    has_id_first: bool,
) -> None:
    by_id = {"label": "a.md", "knowledge_id": "file_1"}
    by_name = {"filename": "a.md"}
    first, second = (by_id, by_name) if has_id_first else (by_name, by_id)
    search = {"type": "file_search_call", "results": [{**second, "filename": "a.md", "text": "30 \n days."}]}
    message = {"type": "message", "content": [{"text": "30.", "annotations": [{"filename": "a.md"}]}]}
    answer = await asked(
        {"id": "resp_1", "output": [search, message], **grounded({**first, "snippet": "30 days."})}
    )
    assert [(entry.file_id, entry.text) for entry in answer.sources] == [("file_1", "30 days.")]


async def test_equal_passages_of_two_files_of_one_name_are_two() -> None:
    sources = [source(file_id, "30 days.", label="a.md") for file_id in ("file_1", "file_2", "file_2")]
    answer = await asked({"id": "resp_1", "output_text": "30.", **grounded(*sources)})
    assert [entry.file_id for entry in answer.sources] == ["file_1", "file_2"]


@pytest.mark.parametrize(
    ("ending", "code", "retryable", "words"),
    [
        (
            [
                event(
                    "response.failed",
                    response={"id": "r", "error": {"code": "server_error", "message": "Ouch"}},
                )
            ],
            "server_error",
            True,
            "Ouch",
        ),
        ([event("response.failed", response={"id": "r"})], "answer_failed", True, "failed"),
        (
            [
                event(
                    "response.incomplete",
                    response={"id": "r", "incomplete_details": {"reason": "content_filter"}},
                )
            ],
            "answer_incomplete",
            False,
            "content_filter",
        ),
        (
            [event("error", code="rate_limit_exceeded", message="Slow down")],
            "rate_limit_exceeded",
            True,
            "Slow",
        ),
        ([event("error", error={"message": "Unknown RAG profile x"})], "answer_failed", False, "Unknown RAG"),
        (["event: error\ndata: {}\n\n"], "answer_failed", True, "no reason"),
        ([], "answer_incomplete", True, "broke off"),
        (["data: [DONE]\n\n"], "answer_incomplete", True, "broke off"),
        (["event: response.completed\ndata: {garbled\n\n"], "answer_empty", True, "empty"),
        ([completed()[:-20]], "answer_incomplete", True, "broke off"),
    ],
)
async def test_a_stream_that_fails_or_breaks_off_is_an_error_and_asked_for_only_once(
    ending: list[str], code: str, retryable: bool, words: str
) -> None:
    begun = [] if code == "answer_empty" else [delta("Half an ans")]
    client, api = scripted_client({RESPONSES: [streamed(*begun, *ending)]})
    async with client:
        with pytest.raises(errors.AnswerFailed) as raised:
            await client.answers.ask(ASKED)
    assert (raised.value.code, raised.value.retryable) == (code, retryable)
    assert words in raised.value.message
    assert "search_bucket" in raised.value.hint
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "empty",
    [
        streamed(completed()),
        streamed(delta(" \n"), completed(**grounded(source("file_1")))),
        httpx2.Response(200, json={"id": "resp_1", "output": []}),
    ],
)
async def test_an_empty_answer_is_an_error(empty: httpx2.Response) -> None:
    with pytest.raises(errors.AnswerFailed) as raised:
        await asked(empty)
    assert raised.value.code == "answer_empty"


class _Breaking(httpx2.AsyncByteStream):
    """A stream whose connection breaks after its first piece, or stays silent."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        yield delta("Half").encode()
        if self._error is None:
            await anyio.sleep_forever()
        else:
            raise self._error


class _OneStream(httpx2.AsyncBaseTransport):
    def __init__(self, stream: httpx2.AsyncByteStream, coding: str = "identity") -> None:
        self._stream = stream
        self._coding = coding
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(
            200,
            headers={**STREAM, "x-request-id": "req_9", "content-encoding": self._coding},
            stream=self._stream,
        )


async def failed_with(transport: _OneStream, policies: ClientPolicies | None = None) -> errors.CalypsoError:
    from calypso_mcp.client import CalypsoClient

    async with CalypsoClient(
        base_url="https://api.calypso.test/v1", api_key="sk_x", transport=transport, policies=policies
    ) as client:
        with anyio.fail_after(30), pytest.raises(errors.CalypsoError) as raised:
            await client.answers.ask(ASKED)
    return raised.value


async def test_a_connection_that_breaks_in_the_middle_is_not_asked_twice() -> None:
    transport = _OneStream(_Breaking(httpx2.RemoteProtocolError("gone")))
    error = await failed_with(transport)
    assert isinstance(error, errors.ConnectionFailed)
    assert (error.retryable, error.request_id, len(transport.requests)) == (True, "req_9", 1)


async def test_an_agent_that_falls_silent_is_given_up_with_what_to_do() -> None:
    transport = _OneStream(_Breaking(None))
    error = await failed_with(transport, ClientPolicies(timeouts=Timeouts(agent_s=0.05)))
    assert isinstance(error, errors.RequestTimedOut)
    assert "search_bucket" in error.hint
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    "unanswered",
    [httpx2.ConnectError("refused"), problem(503), problem(429, retry_after="1")],
)
async def test_what_was_not_answered_is_asked_again(unanswered: Answer) -> None:
    clock = FakeClock()
    client, api = scripted_client(
        {RESPONSES: [unanswered, streamed(completed(output_text="Yes."))]}, clock=clock
    )
    async with client:
        assert (await client.answers.ask(ASKED)).text == "Yes."
    assert len(api.requests) == 2
    assert len(clock.slept) == 1


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (httpx2.ReadTimeout("slow"), errors.RequestTimedOut),
        (problem(400, "agent_not_found"), errors.InvalidRequest),
        (httpx2.Response(500, text="Unknown RAG profile: x"), errors.ServerError),
        (httpx2.Response(404, json={"detail": "Not Found"}), errors.NotFound),
        (httpx2.Response(200, text="<html>"), errors.ContractError),
        (httpx2.Response(302, headers={"location": "https://evil.example"}), errors.ContractError),
    ],
)
async def test_what_cannot_get_better_is_asked_once(refusal: Answer, kind: type[Exception]) -> None:
    client, api = scripted_client({RESPONSES: [refusal]})
    async with client:
        with pytest.raises(kind):
            await client.answers.ask(ASKED)
    assert len(api.requests) == 1


async def test_the_retries_of_the_policy_are_not_exceeded() -> None:
    policies = ClientPolicies(retry=RetryPolicy(attempts=3))
    client, api = scripted_client({RESPONSES: [problem(503)]}, policies=policies)
    async with client:
        with pytest.raises(errors.ServerError):
            await client.answers.ask(ASKED)
    assert len(api.requests) == 3


class _Endless(httpx2.AsyncByteStream):
    """Repeats itself for ever, and counts what was taken of it."""

    def __init__(self, piece: bytes) -> None:
        self._piece = piece * (65_536 // len(piece) + 1)
        self.taken = 0

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        while True:
            await anyio.lowlevel.checkpoint()
            self.taken += len(self._piece)
            yield self._piece


@pytest.mark.parametrize(
    "piece",
    [
        done("word " * 200),
        event("response.output_text.annotation.added", annotation={"text": "x" * 1_000}),
        event("response.output_item.done", item={"text": "x" * 1_000}),
        event("response.something.new", text="x" * 1_000),
        delta("x"),
        ": comment\n",
        "data: a line without an end ",
        "data: an event without an end\n",
    ],
)
async def test_a_stream_that_does_not_end_is_cut_off_whatever_it_repeats(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calypso_mcp.client.retrieval.answers._LARGEST_STREAM", 4_000_000)
    monkeypatch.setattr("calypso_mcp.client.retrieval.answers._PACED_PER_S", 1e12)
    stream = _Endless(piece.encode())
    error = await failed_with(_OneStream(stream))
    assert (error.code, error.retryable) == ("answer_too_long", False)
    assert stream.taken < 10_000_000


async def test_a_stream_faster_than_any_model_is_read_no_faster_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("calypso_mcp.client.retrieval.answers._UNPACED", 100_000)
    monkeypatch.setattr("calypso_mcp.client.retrieval.answers._PACED_PER_S", 100_000)
    piece = event("response.something.new", text="x" * 1_000).encode()
    stream = _Endless(piece)
    started_at = anyio.current_time()
    with anyio.move_on_after(0.3):
        await failed_with(_OneStream(stream))
    took_s = anyio.current_time() - started_at
    # Without the limit it takes megabytes; a few pieces may be on their way.
    assert 0 < stream.taken <= 100_000 * (1 + took_s) + 10 * len(piece)


@pytest.mark.parametrize("layers", [1, 2])
async def test_a_compressed_flood_is_cut_off_before_it_is_unpacked(
    layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calypso_mcp.client.retrieval.answers._PACED_PER_S", 1e12)
    bomb = b"".join(b": %d\n" % number + b"x" * 1_000_000 for number in range(200))
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    coding = ", ".join(["gzip"] * layers)
    tracemalloc.start()
    error = await failed_with(_OneStream(_Whole(bomb), coding))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(error, errors.AnswerFailed if layers == 1 else errors.ContractError)
    assert peak < 100_000_000


class _Whole(httpx2.AsyncByteStream):
    """All of a body in one piece."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        yield self._body
