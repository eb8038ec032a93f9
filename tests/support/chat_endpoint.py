"""An OpenAI-compatible chat endpoint on a port, whose answers a test writes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tests.support.model_endpoint import ModelEndpoint

#: Takes the messages and returns what the model writes.
Model = Callable[[list[dict[str, str]]], str]


def event(text: str) -> str:
    """Return one event of a streamed answer."""
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n"


def streamed(text: str, width: int = 7) -> Response:
    """Answer with `text` in pieces of `width` characters."""
    pieces = [event(text[start : start + width]) for start in range(0, len(text), width)]
    usage = f"data: {json.dumps({'choices': [], 'usage': {'total_tokens': 9}})}\n\n"
    return StreamingResponse(iter([*pieces, usage, "data: [DONE]\n\n"]), media_type="text/event-stream")


@dataclass
class ChatEndpoint(ModelEndpoint):
    """What the endpoint was asked, and what it answers from now on.

    Attributes:
        writes: Makes the text of an answer.
        answer: Makes the whole response instead, where set.
    """

    writes: Model = lambda _messages: "NOT IN THE SOURCES"
    answer: Callable[[dict[str, Any]], Response] | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def respond(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if self.answer is not None:
            return self.answer(body)
        return streamed(self.writes(body["messages"]))


@asynccontextmanager
async def chat_endpoint() -> AsyncGenerator[ChatEndpoint]:
    """Serve an endpoint on a free port."""
    endpoint = ChatEndpoint()
    async with endpoint.serve("/chat/completions", endpoint.respond):
        yield endpoint
