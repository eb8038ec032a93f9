"""An OpenAI-compatible embeddings endpoint on a port, whose answers a test can replace."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.support.model_endpoint import ModelEndpoint

DIMENSIONS = 32
#: Words of one meaning.
MEANINGS = (
    ("cancel", "ending", "end", "terminate"),
    ("subscription", "membership"),
    ("refund", "paid"),
    ("car", "vehicle", "automobile"),
)

Answer = Callable[[Sequence[str]], Response | Awaitable[Response]]


def meaning_of(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Return a vector to which words of one meaning add the same."""
    vector = [0.0] * dimensions
    vector[-1] = 0.01
    for word in re.findall(r"\w+", text.lower()):
        meaning = next((place for place, words in enumerate(MEANINGS) if word in words), None)
        if meaning is not None:
            vector[meaning] += 3.0
        else:
            vector[len(MEANINGS) + crc32(word.encode()) % (dimensions - len(MEANINGS))] += 0.1
    length = math.hypot(*vector)
    return [value / length for value in vector]


def listed(vectors: Sequence[object]) -> dict[str, Any]:
    """Return vectors as the API lists them."""
    return {"data": [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]}


def right(texts: Sequence[str]) -> Response:
    """Answer as the API does; the order of the list is free, the index counts."""
    return JSONResponse({"data": listed([meaning_of(text) for text in texts])["data"][::-1]})


@dataclass
class EmbeddingEndpoint(ModelEndpoint):
    """What the endpoint was asked, and what it answers from now on."""

    answer: Answer = right
    texts: list[str] = field(default_factory=list[str])
    models: set[str] = field(default_factory=set[str])

    async def respond(self, request: Request) -> Response:
        body = await request.json()
        self.texts += body["input"]
        self.models.add(body["model"])
        self.headers.append(dict(request.headers))
        answer = self.answer(body["input"])
        if isinstance(answer, Response):
            return answer
        response = Response(status_code=503)
        async with anyio.create_task_group() as tasks:

            async def end() -> None:
                await self.over.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(end)
            response = await answer
            tasks.cancel_scope.cancel()
        return response


@asynccontextmanager
async def embedding_endpoint() -> AsyncGenerator[EmbeddingEndpoint]:
    """Serve an endpoint on a free port."""
    endpoint = EmbeddingEndpoint()
    async with endpoint.serve("/embeddings", endpoint.respond):
        yield endpoint
