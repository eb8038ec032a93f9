"""Vectors from an OpenAI-compatible endpoint (`POST /embeddings`): Ollama, LM Studio, vLLM, OpenAI, ..."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

import anyio
import httpx2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calypso_mcp.domain.retry import is_retryable_status, parse_retry_after
from calypso_mcp.local.model_endpoint import explain_refusal, open_model_client
from calypso_mcp.local.options import EmbeddingOptions
from calypso_mcp.local.semantic.embedder import EmbeddingFailed, Vector, normalize_batch

#: Largest answer that is read: a batch of 4,096 numbers each, written out, several times over.
_LARGEST_ANSWER = 16 * 1_048_576
#: Answers to a text that is too long or that the model refuses for another reason.
_INPUT_REFUSED = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)


class _Item(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    embedding: list[float] = Field(min_length=1)
    index: int | None = None


class _Embeddings(BaseModel):
    data: list[_Item]


class EndpointEmbedder:
    """Asks one endpoint for the vectors of one model."""

    batch = 32

    def __init__(self, options: EmbeddingOptions, url: str) -> None:
        """Prepare to ask the endpoint at `url`, which was checked: the key goes there."""
        self._model = options.model
        self._address = f"{url}/embeddings"
        self._client = open_model_client(url, options.key)

    async def embed(self, texts: Sequence[str], *, wait_s: float) -> list[Vector]:
        """Return the vectors; see `Embedder`."""
        with anyio.move_on_after(wait_s):
            try:
                body = await self._ask(texts)
            except httpx2.HTTPError as error:
                raise EmbeddingFailed(
                    f"The embeddings endpoint cannot be reached ({type(error).__name__})."
                ) from None
            return normalize_batch(_read(body), texts)
        raise EmbeddingFailed(f"The embeddings endpoint did not answer within {wait_s:g} s.")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, texts: Sequence[str]) -> bytes:
        wanted = {"model": self._model, "input": list(texts)}
        async with self._client.stream("POST", self._address, json=wanted) as response:
            if not response.is_success:
                raise _refusal(response)
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > _LARGEST_ANSWER:
                    raise EmbeddingFailed("The embeddings endpoint's answer is too long.")
            return bytes(body)


def _refusal(response: httpx2.Response) -> EmbeddingFailed:
    status = response.status_code
    return EmbeddingFailed(
        f"The embeddings endpoint {explain_refusal(response)}.",
        retryable=is_retryable_status(status),
        retry_after_s=parse_retry_after(response.headers.get("retry-after"), now=datetime.now(UTC)),
        is_inputs_fault=status in _INPUT_REFUSED,
    )


def _read(body: bytes) -> list[list[float]]:
    """Return the vectors of an answer in the order of the texts."""
    try:
        items = _Embeddings.model_validate_json(body).data
    except ValidationError:
        raise EmbeddingFailed("The embeddings endpoint's answer holds no usable vectors.") from None
    places = [item.index for item in items]
    if any(place is not None for place in places):
        if sorted(place if place is not None else -1 for place in places) != list(range(len(items))):
            raise EmbeddingFailed("The embeddings endpoint's answer does not match vectors to texts.")
        items = sorted(items, key=lambda item: item.index or 0)
    return [item.embedding for item in items]
