"""Reading the body of an API answer: bounded, decoded, and never quoted in an error."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator
from typing import Final, TypeVar

import httpx2
from pydantic import ValidationError

from calypso_mcp import errors
from calypso_mcp.api.wire import WireModel
from calypso_mcp.domain.json_text import parsable

#: Largest JSON answer that is read as a whole. The default agent of a large team lists megabytes of buckets.
LARGEST_ANSWER: Final = 32 * 1024 * 1024
#: The one compression that answers may have.
ACCEPTED_CODING: Final = "gzip"
_GZIP: Final = 16
_PIECE_BYTES: Final = 256 * 1024
_REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id", "x-calypso-request-id")

M = TypeVar("M", bound=WireModel)


class Nothing(WireModel):
    """An answer whose body is ignored."""


async def decoded(response: httpx2.Response, answer: type[M]) -> M:
    """Return the body of a 2xx response.

    Raises:
        ContractError: It is too large, or not what `answer` describes.
    """
    body = await body_of(response, LARGEST_ANSWER)
    if answer is Nothing:
        return answer()
    try:
        decoded = answer.model_validate_json(parsable(body))
    except ValidationError as error:
        raise errors.ContractError(_complaint(error)) from None
    request_id = request_id_of(response)
    if request_id and getattr(decoded, "request_id", request_id) is None:
        return decoded.model_copy(update={"request_id": request_id})
    return decoded


def request_id_of(response: httpx2.Response) -> str | None:
    """Return the API's id of the request, for support."""
    return next((response.headers[name] for name in _REQUEST_ID_HEADERS if name in response.headers), None)


async def body_of(response: httpx2.Response, largest: int, *, cut: bool = False) -> bytes:
    """Return the body, or where `cut` is wanted its first `largest` bytes.

    Raises:
        ContractError: It is larger, and no cut is wanted.
    """
    parts: list[bytes] = []
    size = 0
    async for part in unpacked(response):
        parts.append(part)
        size += len(part)
        if size > largest:
            if cut:
                break
            raise errors.ContractError(f"The answer is larger than {largest // 1_048_576} MB.")
    return b"".join(parts)[:largest]


async def unpacked(response: httpx2.Response) -> AsyncGenerator[bytes]:
    """Yield the body without its compression, never more than `_PIECE_BYTES` of it at once.

    The HTTP library unpacks whatever has arrived as a whole, and layer upon layer where several are named, so
    a few kilobytes could fill the memory before anything is counted.

    Raises:
        ContractError: It is compressed in a way that was not asked for, or damaged.
    """
    if response.is_stream_consumed:  # in memory already
        yield response.content
        return
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        async for part in response.aiter_raw():
            yield part
        return
    if coding != ACCEPTED_CODING:
        raise errors.ContractError("The API's answer is compressed in a way that was not asked for.")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | _GZIP)
    try:
        async for part in response.aiter_raw():
            rest = part
            while rest:
                yield unpacking.decompress(rest, _PIECE_BYTES)
                rest = unpacking.unconsumed_tail
        while piece := unpacking.decompress(b"", _PIECE_BYTES):
            yield piece
    except zlib.error:
        raise errors.ContractError("The answer's compression is damaged.") from None
    if not unpacking.eof:
        raise errors.ConnectionFailed("The connection broke off in the middle.")


def _complaint(error: ValidationError) -> str:
    # Places and kinds only: the values may be addresses or keys.
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found and found[0]["type"] == "json_invalid":
        return "The API's answer is not JSON."
    places = ", ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'body'} ({problem['type']})"
        for problem in found[:5]
    )
    return f"Fields of the API's answer are missing or invalid: {places}."
