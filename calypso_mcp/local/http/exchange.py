"""From HTTP to a handler and back: authentication, bodies, request ids and the error envelope."""

from __future__ import annotations

import errno
import hashlib
import hmac
import logging
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from calypso_mcp.api.wire import WireModel
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.identifiers import new_id
from calypso_mcp.local.refusals import Refusal, invalid
from calypso_mcp.local.store.idempotency import KeyedRequest
from calypso_mcp.local.text_forms import dump_json
from calypso_mcp.sqlite.faults import STORE_TROUBLE, StoreFault, is_busy, is_full

M = TypeVar("M", bound=WireModel)

_LOG = logging.getLogger(__name__)
IDEMPOTENCY_KEY_CHARS = 255
#: System errors that pass by themselves: too many open files (here or everywhere), an interrupted call.
_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EINTR})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns; the request id is added to `body`."""

    body: Mapping[str, object]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def answer_created(body: Mapping[str, object], *, is_replay: bool) -> Answer:
    """Return the answer to a create request; a replay found what an earlier request made."""
    return Answer(body, 201, {"Idempotency-Replayed": "true"} if is_replay else {})


@dataclass(frozen=True, slots=True)
class Events:
    """What a handler returns to be sent as server-sent events, each under the name in its `type`."""

    events: AsyncIterable[Mapping[str, Any]]


Reply = Answer | Events | Response


async def respond(request: Request, handle: Callable[[Backend, Request], Awaitable[Reply]]) -> Response:
    """Return what `handle` answers to who has the key, always in the API's envelope."""
    backend: Backend = request.app.state.backend
    request_id = new_id("req")
    try:
        _check_key(request, backend.options.api_key)
        answer = await handle(backend, request)
    except Exception as error:  # noqa: BLE001 - the outermost handler of the API
        return problem_response(refusal_for(error), request_id)
    if isinstance(answer, Events):
        headers = {"Cache-Control": "no-store"}
        answer = StreamingResponse(
            _event_stream(answer.events), headers=headers, media_type="text/event-stream"
        )
    elif isinstance(answer, Answer):
        body = to_json({**answer.body, "request_id": request_id})
        answer = Response(body, answer.status, answer.headers, "application/json")
    answer.headers["X-Request-Id"] = request_id
    return answer


def _check_key(request: Request, api_key: str) -> None:
    """Check the request's bearer key, in a time that says nothing about the right one.

    Raises:
        Refusal: It is missing or wrong (401 `invalid_api_key`).
    """
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    # compare_digest hides where two values differ only if they are equally long, as hashes are.
    same = hmac.compare_digest(
        hashlib.sha256(given.strip().encode()).digest(), hashlib.sha256(api_key.encode()).digest()
    )
    if scheme.lower() != "bearer" or not same:
        raise Refusal(
            401, "invalid_api_key", "The API key is missing or wrong.", headers={"WWW-Authenticate": "Bearer"}
        )


async def _event_stream(events: AsyncIterable[Mapping[str, Any]]) -> AsyncGenerator[str]:
    async for event in events:
        yield f"event: {event['type']}\ndata: {dump_json(event)}\n\n"


async def read_body(backend: Backend, request: Request, model: type[M]) -> M:
    """Return the request's JSON body.

    Raises:
        Refusal: It is too large (413), or not what `model` describes (400 `invalid_request`).
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > backend.options.body_bytes:
            raise Refusal(413, "request_too_large", f"A body has at most {backend.options.body_bytes} bytes.")
    try:
        return model.model_validate_json(bytes(body or b"{}"))
    except ValidationError as error:
        raise _not_as_described(error) from None


def read_query(request: Request, model: type[M]) -> M:
    """Return the request's query parameters.

    Raises:
        Refusal: They are not what `model` describes (400 `invalid_request`).
    """
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise _not_as_described(error) from None


def _not_as_described(error: ValidationError) -> Refusal:
    problems = [
        {"field": ".".join(str(part) for part in item["loc"]), "problem": item["msg"]}
        for item in error.errors(include_url=False, include_context=False, include_input=False)[:10]
    ]
    text = "; ".join(
        f"{item['field']}: {item['problem']}" if item["field"] else item["problem"] for item in problems[:3]
    )
    return invalid(text, details=problems)


def read_keyed_request(request: Request, operation: str, body: Any) -> KeyedRequest:
    """Return what a create request asks for, with its Idempotency-Key.

    Raises:
        Refusal: The key is empty or too long (400).
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= IDEMPOTENCY_KEY_CHARS:
        raise invalid(f"Idempotency-Key has 1 to {IDEMPOTENCY_KEY_CHARS} characters.")
    return KeyedRequest(operation, key, body)


def refusal_for(error: Exception) -> Refusal:
    """Return how the API words an exception; logs an unexpected one."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, HTTPException):
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        return Refusal(error.status_code, code, error.detail, headers=error.headers)
    if isinstance(error, ClientDisconnect):
        return invalid("The connection ended before the request did.")
    if isinstance(error, STORE_TROUBLE):
        return _storage_refusal(error)
    _LOG.exception("The request failed.", exc_info=error)
    return Refusal(500, "server_error", "The embedded backend failed.", retryable=True)


def _storage_refusal(error: sqlite3.Error | OSError | StoreFault) -> Refusal:
    """Return how the API words trouble with the data folder: only what passes by itself is retryable."""
    if isinstance(error, StoreFault):
        _LOG.error("%s %s", error.message, error.hint)
        return Refusal(503, error.code, f"{error.message} {error.hint}")
    if is_full(error):
        _LOG.error("The disk of the data folder is full.")
        return Refusal(507, "storage_full", "The disk of the embedded backend is full.", retryable=True)
    _LOG.error("The request failed.", exc_info=error)
    if is_busy(error) or (isinstance(error, OSError) and error.errno in _PASSING):
        return Refusal(503, "storage_busy", "The store is busy.", retryable=True)
    # Without the path, which the system's own message names.
    reason = (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
    return Refusal(503, "storage_failed", f"The data folder could not be used: {reason}.")


def problem_response(refusal: Refusal, request_id: str) -> JSONResponse:
    """Return the error envelope."""
    return JSONResponse(
        {**refusal.problem.to_wire(), "request_id": request_id},
        refusal.status,
        {**refusal.headers, "X-Request-Id": request_id},
    )


async def answer_exception(_: Request, error: Exception) -> Response:
    """Answer what no endpoint handled (unknown paths, wrong methods) in the same envelope."""
    return problem_response(refusal_for(error), new_id("req"))
