"""The client asks the embedded backend: in this process all at once, over a port as it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2
import pytest

from calypso_mcp.api.answers import AnswerRequest, Conversation
from calypso_mcp.client import CalypsoClient
from calypso_mcp.errors import InvalidRequest
from calypso_mcp.local.app import open_backend
from tests.support.live_backend import Api, held_open, in_process, options_for, serving

TEXT = b"The notice period is three months. Managers have a notice period of six months."


@pytest.fixture(params=["in process", "socket"])
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[CalypsoClient]:
    options = options_for(tmp_path / "data")
    async with in_process(options) as api:
        await _filled(api)
    if request.param == "socket":
        with serving(options) as origin:
            async with CalypsoClient(base_url=f"{origin}/v1", api_key=options.api_key) as client:
                yield client
        return
    async with held_open(lambda: open_backend(options)) as app:
        transport = httpx2.ASGITransport(app)
        base_url = "http://calypso.localhost/v1"
        async with CalypsoClient(base_url=base_url, api_key=options.api_key, transport=transport) as client:
            yield client


async def _filled(api: Api) -> None:
    file = await api.upload(TEXT, filename="contract.md", title="Contract")
    await api.settled(file["id"])


@pytest.mark.parametrize("stream", [True, False])
async def test_a_question_is_answered_and_the_conversation_goes_on(
    client: CalypsoClient, *, stream: bool
) -> None:
    heard: list[int] = []
    question = AnswerRequest(
        model="calypso-agent",
        input="How long is the notice period?",
        stream=stream,
        conversation=Conversation(id="conv_1"),
    )
    answer = await client.answers.ask(question, heard.append)
    assert "three months" in answer.text
    assert answer.kind == "extractive"
    (source,) = answer.sources
    assert (source.title, source.filename, source.text) == ("Contract", "contract.md", TEXT.decode())
    assert source.attributes["bucket_ids"]
    assert (max(heard, default=0) == len(answer.text)) is stream
    later = AnswerRequest(
        model="calypso-agent",
        input="and for managers?",
        stream=stream,
        previous_response_id=answer.response_id,
    )
    assert "previous question" in (await client.answers.ask(later)).text


@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_is_the_same_error_streamed_or_not(client: CalypsoClient, *, stream: bool) -> None:
    question = AnswerRequest(
        model="calypso-agent", input="x", stream=stream, previous_response_id="resp_nobodys"
    )
    with pytest.raises(InvalidRequest) as raised:
        await client.answers.ask(question)
    assert raised.value.code == "previous_response_not_found"
    assert raised.value.request_id
