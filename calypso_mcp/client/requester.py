"""The one place where a JSON request is sent: key, timeouts, retries, pacing, decoding, error mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

import anyio
import httpx2
from pydantic import ValidationError

from calypso_mcp import errors
from calypso_mcp.api import problem
from calypso_mcp.api.wire import WireModel
from calypso_mcp.client.clock import Clock
from calypso_mcp.client.connections import Connections
from calypso_mcp.client.exchanges import exchange
from calypso_mcp.client.pacing import CreatePacer
from calypso_mcp.client.policies import ClientPolicies
from calypso_mcp.client.retrying import retrying
from calypso_mcp.client.transport_errors import mapped
from calypso_mcp.domain.retry import is_retryable_status, parse_retry_after

#: Largest JSON answer that is read. Listings of large teams reach several megabytes.
LARGEST_ANSWER: Final = 32 * 1024 * 1024
_LARGEST_PROBLEM: Final = 64 * 1024
_REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id", "x-calypso-request-id")
_REPLAYED_HEADER: Final = "idempotency-replayed"

M = TypeVar("M", bound=WireModel)


@dataclass(frozen=True, slots=True)
class Answer(Generic[M]):
    """A decoded answer.

    Attributes:
        body: What the API said.
        replayed: Whether the server states that it answered this idempotency key before. False also where
            it does not say.
        repeated: Whether this request was sent more than once, so that a lost answer may have preceded.
    """

    body: M
    replayed: bool = False
    repeated: bool = False


class Nothing(WireModel):
    """An answer nobody reads."""


class Requester:
    """Sends JSON requests for one API key."""

    def __init__(
        self,
        connections: Connections,
        *,
        base_url: str,
        api_key: str,
        policies: ClientPolicies,
        pacer: CreatePacer,
        clock: Clock,
        dice: Callable[[], float],
    ) -> None:
        """Tie a key to its connections.

        Args:
            connections: Where requests go through.
            base_url: The checked base URL, without a trailing slash.
            api_key: Sent as a bearer token, shown nowhere.
            policies: Retry policy and timeouts.
            pacer: Shared by everything in the process that uses this key.
            clock: Where time comes from.
            dice: Random numbers from 0 to 1 for the jitter between attempts.
        """
        self._connections = connections
        self._base_url = base_url
        self._api_key = api_key
        self._policies = policies
        self._pacer = pacer
        self._clock = clock
        self._dice = dice

    async def get(self, path: str, answer: type[M], *, params: Mapping[str, str] | None = None) -> Answer[M]:
        """Ask for something. See `post` for the errors."""
        return await self._send("GET", path, answer, params=params)

    async def post(
        self,
        path: str,
        answer: type[M],
        body: WireModel | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        creates: bool = False,
    ) -> Answer[M]:
        """Send `body` and decode the answer.

        Args:
            path: From `api.paths`, already filled.
            answer: What a 2xx body is read as; `Nothing` to ignore it.
            body: The JSON object to send.
            idempotency_key: Made by the caller, so that it stays the same over all attempts.
            creates: Whether the team's limit on create requests applies to this one.

        Raises:
            ApiError: The API answered 4xx or 5xx, after all attempts.
            ConnectionFailed: No answer, after all attempts.
            ContractError: An answer that breaks the contract.
        """
        fields = body.to_wire() if isinstance(body, WireModel) else dict(body)
        return await self._send(
            "POST", path, answer, json=fields, idempotency_key=idempotency_key, creates=creates
        )

    async def _send(
        self,
        method: str,
        path: str,
        answer: type[M],
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        creates: bool = False,
    ) -> Answer[M]:
        headers = {"Authorization": f"Bearer {self._api_key}", "Accept": "application/json"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        request = self._connections.api.build_request(
            method, self._base_url + path, params=params, json=json, headers=headers
        )

        attempts = 0

        async def attempt() -> Answer[M]:
            nonlocal attempts
            attempts += 1
            async with AsyncExitStack() as turn:
                if creates:
                    await turn.enter_async_context(self._pacer.turn())
                return await self._attempt(request, answer)

        answered: Answer[M] = await retrying(self._policies.retry, self._clock, self._dice)(attempt)
        return replace(answered, repeated=attempts > 1)

    async def _attempt(self, request: httpx2.Request, answer: type[M]) -> Answer[M]:
        with (
            exchange("api", request.method, request.url.path) as made,
            anyio.move_on_after(self._policies.timeouts.answer_s),
            mapped(),
        ):
            response = await self._connections.api.send(request, stream=True)
            made.status = response.status_code
            made.request_id = _request_id(response)
            try:
                decoded = await self._read(response, answer)
            finally:
                await response.aclose()
            made.request_id = made.request_id or getattr(decoded.body, "request_id", None)
            return decoded
        raise errors.RequestTimedOut("No complete answer came in time.")

    async def _read(self, response: httpx2.Response, answer: type[M]) -> Answer[M]:
        request_id = _request_id(response)
        if response.is_success:
            body = await _body(response, LARGEST_ANSWER)
            if body is None:
                raise errors.ContractError(
                    f"The answer is larger than {LARGEST_ANSWER // 1_048_576} MB.", request_id=request_id
                )
            replayed = response.headers.get(_REPLAYED_HEADER, "").strip().lower() == "true"
            return Answer(_decode(body, answer, request_id), replayed)
        if not response.is_error:
            raise errors.ContractError(
                f"The API answered {response.status_code}, a redirect. It is not followed, because the API "
                "key would go with it.",
                request_id=request_id,
            )
        raise self._problem(response, await _body(response, _LARGEST_PROBLEM, cut=True) or b"", request_id)

    def _problem(self, response: httpx2.Response, body: bytes, request_id: str | None) -> errors.ApiError:
        # A server that quotes the key back must not make us print it.
        text = body.replace(self._api_key.encode(), b"[API key]")
        retry_after_s = parse_retry_after(response.headers.get("retry-after"), now=datetime.now(UTC))
        status = response.status_code
        try:
            error = problem.to_error(status, text, request_id=request_id, retry_after_s=retry_after_s)
        except RecursionError:  # nested deeper than the JSON reader goes
            error = problem.to_error(status, b"", request_id=request_id, retry_after_s=retry_after_s)
        if not is_retryable_status(status):
            error.retryable = False
        elif status == HTTPStatus.REQUEST_TIMEOUT:
            error.retryable = True
        return error


def _request_id(response: httpx2.Response) -> str | None:
    return next((response.headers[name] for name in _REQUEST_ID_HEADERS if name in response.headers), None)


async def _body(response: httpx2.Response, largest: int, *, cut: bool = False) -> bytes | None:
    """Return the body; beyond `largest` bytes None, or its beginning where `cut` is wanted."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > largest:
            return b"".join(parts)[:largest] if cut else None
    return b"".join(parts)


def _decode(body: bytes, answer: type[M], request_id: str | None) -> M:
    if answer is Nothing:
        return answer()
    try:
        decoded = answer.model_validate_json(body)
    except ValidationError as error:
        raise errors.ContractError(_complaint(error), request_id=request_id) from None
    if request_id and getattr(decoded, "request_id", request_id) is None:
        return decoded.model_copy(update={"request_id": request_id})
    return decoded


def _complaint(error: ValidationError) -> str:
    # Places and kinds only: the values may be addresses or keys.
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found and found[0]["type"] == "json_invalid":
        return "The API's answer is not JSON."
    places = ", ".join(
        f"{'.'.join(str(part) for part in one['loc']) or 'body'} ({one['type']})" for one in found[:5]
    )
    return f"The API's answer lacks or garbles: {places}."
