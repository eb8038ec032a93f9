"""Text from an OpenAI-compatible endpoint (`POST /chat/completions`): Ollama, LM Studio, vLLM, OpenAI, ..."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

import anyio
import httpx2

from calypso_mcp.domain.json_values import as_object, is_list
from calypso_mcp.local.model_endpoint import explain_refusal, open_model_client
from calypso_mcp.local.options import WriterOptions

#: Largest answer that is read, its framing included, and longest text that is taken from it.
_LARGEST_ANSWER = 4 * 1_048_576
_LONGEST_TEXT = 16_000
_EVENT_STREAM = "text/event-stream"
Message = dict[str, str]


class WritingFailed(Exception):
    """The model wrote nothing, or not to the end. The message names no text, key or address."""


class ChatEndpoint:
    """Asks one endpoint for texts of one model."""

    def __init__(self, options: WriterOptions) -> None:
        """Prepare to ask the endpoint, whose address was checked: the key goes there."""
        self._model = options.model
        self._address = f"{options.url}/chat/completions"
        self._client = open_model_client(options.url, options.key)

    async def write(
        self, messages: Sequence[Message], *, most_tokens: int, wait_s: float
    ) -> AsyncGenerator[str]:
        """Yield the text as it comes.

        Raises:
            WritingFailed: The endpoint cannot be reached, refuses or sends no valid answer, or the text takes
                longer than `wait_s` seconds.
        """
        deadline = anyio.current_time() + wait_s
        wanted = {"model": self._model, "messages": list(messages), "stream": True}
        # Newer models of OpenAI refuse the parameters that all others understand.
        shapes = (
            {**wanted, "max_tokens": most_tokens, "temperature": 0},
            {**wanted, "max_completion_tokens": most_tokens},
        )
        written = 0
        async with aclosing(self._texts(shapes)) as texts:
            while True:
                try:
                    # Around each piece: a deadline around the loop would reach into the code that takes them.
                    with anyio.fail_after(deadline - anyio.current_time()):
                        piece = await anext(texts, None)
                except TimeoutError:
                    raise WritingFailed(f"The model did not finish within {wait_s:g} s.") from None
                except httpx2.HTTPError as error:
                    raise WritingFailed(
                        f"The model's endpoint cannot be reached ({type(error).__name__})."
                    ) from None
                if piece is None:
                    return
                written += len(piece)
                if written > _LONGEST_TEXT:
                    raise WritingFailed("The model did not stop writing.")
                yield piece

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _texts(self, shapes: Sequence[Mapping[str, Any]]) -> AsyncGenerator[str]:
        for number, shape in enumerate(shapes, start=1):
            async with self._client.stream("POST", self._address, json=dict(shape)) as response:
                if response.status_code == HTTPStatus.BAD_REQUEST and number < len(shapes):
                    continue
                if not response.is_success:
                    raise WritingFailed(f"The model's endpoint {explain_refusal(response)}.")
                async with aclosing(_bounded(response)) as pieces:
                    if _EVENT_STREAM in response.headers.get("content-type", ""):
                        async with aclosing(_streamed(response.request, pieces)) as texts:
                            async for text in texts:
                                if text:  # some endpoints keep the connection alive with empty ones
                                    yield text
                    else:
                        yield _text_of(b"".join([piece async for piece in pieces]), "message")
                return


async def _bounded(response: httpx2.Response) -> AsyncGenerator[bytes]:
    received = 0
    async for piece in response.aiter_raw():
        received += len(piece)
        if received > _LARGEST_ANSWER:
            raise WritingFailed("The answer of the model's endpoint is too long.")
        yield piece


async def _streamed(request: httpx2.Request, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[str]:
    """Yield the texts of server-sent events up to `[DONE]`."""
    bounded = httpx2.Response(
        HTTPStatus.OK, headers={"content-type": _EVENT_STREAM}, content=pieces, request=request
    )
    async for event in httpx2.EventSource(bounded, _LARGEST_ANSWER):
        if event.data.strip() == "[DONE]":
            return
        yield _text_of(event.data, "delta")
    raise WritingFailed("The answer of the model's endpoint broke off.")


def _text_of(data: str | bytes, part: str) -> str:
    """Return the text of one event's `delta` or of a whole `message`."""
    try:
        body: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise WritingFailed("The model's endpoint sends no valid answer.") from None
    choices = as_object(body).get("choices")
    if not is_list(choices):
        raise WritingFailed("The model's endpoint sends no valid answer.")
    if not choices:  # usage alone
        return ""
    said = as_object(as_object(choices[0]).get(part))
    if said.get("refusal"):
        raise WritingFailed("The model refuses to answer.")
    text = said.get("content")
    # JSON can name half of a surrogate pair, which no answer can be sent with.
    return text.encode(errors="replace").decode() if isinstance(text, str) else ""
