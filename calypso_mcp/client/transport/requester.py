"""The one place where a JSON request is sent: key, timeouts, retries, pacing, decoding, error mapping."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache, partial
from typing import Any, Final, Generic, TypeVar

import anyio
import httpx2

from calypso_mcp import errors
from calypso_mcp.api import problem
from calypso_mcp.api.wire import WireModel
from calypso_mcp.client.clock import Clock
from calypso_mcp.client.policies import ClientPolicies
from calypso_mcp.client.transport.bodies import ACCEPTED_CODING, body_of, decoded, request_id_of
from calypso_mcp.client.transport.connections import Connections, user_agent
from calypso_mcp.client.transport.exchanges import exchange
from calypso_mcp.client.transport.pacing import CreatePacer
from calypso_mcp.client.transport.retrying import Retries
from calypso_mcp.client.transport.transport_errors import mapped
from calypso_mcp.domain.retry import parse_retry_after

_LARGEST_PROBLEM: Final = 64 * 1024
_REPLAYED_HEADER: Final = "idempotency-replayed"

_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_STREAM_OR_JSON: Final = "text/event-stream, application/json"

#: Taking an address apart costs as much as the rest of a request, and most are asked for again.
_address = lru_cache(64)(httpx2.URL)

M = TypeVar("M", bound=WireModel)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ApiAnswer(Generic[M]):
    """An answer of the API, decoded.

    Attributes:
        body: What the API said.
        replayed: Whether the server states that it answered this idempotency key before. False also where
            it does not say.
        repeated: Whether this request was sent more than once, so that a lost answer may have preceded.
    """

    body: M
    replayed: bool = False
    repeated: bool = False


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
        refused_key_hint: str = "",
    ) -> None:
        """Send with one key over connections that others may share; see `CalypsoClient` for the rest."""
        self._refused_key_hint = refused_key_hint
        self._connections = connections
        self._base_url = base_url
        self._api_key = api_key
        self._policies = policies
        self._pacer = pacer
        self._retries = Retries(policies.retry, clock, dice)

    async def send(
        self,
        method: str,
        path: str,
        answer: type[M],
        body: WireModel | None = None,
        *,
        params: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        origin: str | None = None,
        creates: bool = False,
    ) -> ApiAnswer[M]:
        """Send a request and decode the answer.

        Args:
            method: Such as `GET`. A repeated `DELETE` may find it gone.
            path: From `api.paths`, already filled.
            answer: What a 2xx body is read as; `Nothing` to ignore it.
            body: The JSON object to send.
            params: The query.
            idempotency_key: Made by the caller, so that it stays the same over all attempts.
            origin: Origin of the browser page that will send the bytes, or None.
            creates: Whether the team's limit on create requests applies to this one.

        Raises:
            ApiError: The API answered 4xx or 5xx, after all attempts.
            ConnectionFailed: No answer, after all attempts.
            ContractError: An answer that breaks the contract.
        """
        request = self._request(method, path, params=params, body=body.to_wire() if body else None)
        if idempotency_key is not None:
            request.headers["Idempotency-Key"] = idempotency_key
        if origin is not None:
            request.headers["Origin"] = origin

        async def read(response: httpx2.Response) -> ApiAnswer[M]:
            replayed = response.headers.get(_REPLAYED_HEADER, "").strip().lower() == "true"
            return ApiAnswer(await decoded(response, answer), replayed, attempts > 1)

        attempts = 0

        async def attempt() -> ApiAnswer[M]:
            nonlocal attempts
            attempts += 1
            async with self._pacer.turn() if creates else nullcontext():
                return await self._attempt(request, read, self._policies.timeouts.answer_s)

        return await self._retries.run(attempt)

    async def get_and_read(
        self,
        path: str,
        read: Callable[[httpx2.Response], Awaitable[T]],
        *,
        params: Mapping[str, str] | None = None,
    ) -> T:
        """Ask for something whose 2xx answer `read` takes piece by piece. Errors: see `send`."""
        request = self._request("GET", path, params=params)
        return await self._retries.run(
            partial(self._attempt, request, read, self._policies.timeouts.answer_s)
        )

    async def post_and_listen(
        self, path: str, body: WireModel, read: Callable[[httpx2.Response], Awaitable[T]], *, wait_s: float
    ) -> T:
        """Send `body` and let `read` read a 2xx answer while it comes, for at most `wait_s` seconds in all.

        Sent again only while there was no answer: never after a 2xx or a timeout, because the API may be
        at work already. The errors of `read` pass through.

        Raises:
            RequestTimedOut: The answer was not complete in time.
            CalypsoError: See `send`.
        """
        request = self._request("POST", path, body=body.to_wire(), accept=_STREAM_OR_JSON, silence_s=wait_s)

        has_begun = False

        async def read_once(response: httpx2.Response) -> T:
            nonlocal has_begun
            has_begun = True
            return await read(response)

        attempt = partial(self._attempt, request, read_once, wait_s, self._connections.streams)

        def is_final(error: errors.CalypsoError) -> bool:
            return has_begun or isinstance(error, errors.RequestTimedOut)

        with anyio.move_on_after(wait_s):
            return await self._retries.run(attempt, is_final=is_final)
        raise errors.RequestTimedOut(f"The answer was not complete within {wait_s:g} s.")

    @cached_property
    def _headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of every request."""
        return [
            (b"Host", _address(self._base_url).netloc),
            (b"Authorization", f"Bearer {self._api_key}".encode()),
            (b"Accept-Encoding", ACCEPTED_CODING.encode()),
            (b"User-Agent", user_agent().encode()),
        ]

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        accept: str = "application/json",
        silence_s: float | None = None,
    ) -> httpx2.Request:
        """Return a request; `silence_s` replaces the usual limit between two pieces of an answer."""
        timeouts = self._connections.api.timeout.as_dict()
        if silence_s is not None:
            timeouts["read"] = silence_s
        headers = [*self._headers, (b"Accept", accept.encode())]
        content = b""
        if body is not None:
            content = _COMPACT.encode(body).encode()
            headers += [(b"Content-Length", b"%d" % len(content)), (b"Content-Type", b"application/json")]
        try:
            # With a stream, the library adds no headers of its own: merging them costs more than the rest.
            return httpx2.Request(
                method,
                _address(self._base_url + path),
                params=params,
                headers=headers,
                stream=httpx2.ByteStream(content),
                extensions={"timeout": timeouts},
            )
        except httpx2.InvalidURL:  # base URL and path are in order
            raise errors.InputError("A value is too long.", code="invalid_arguments") from None

    async def _attempt(
        self,
        request: httpx2.Request,
        read: Callable[[httpx2.Response], Awaitable[T]],
        wait_s: float,
        over: httpx2.AsyncClient | None = None,
    ) -> T:
        with exchange("api", request.method, request.url.path) as made, anyio.move_on_after(wait_s):
            try:
                with mapped():
                    sent = (over or self._connections.api).send(request, stream=True)
                    async with aclosing(await sent) as response:
                        made.status = response.status_code
                        made.request_id = request_id_of(response)
                        if not response.is_success:
                            raise await self._refusal(response)
                        answered = await read(response)
            except errors.CalypsoError as error:
                error.request_id = error.request_id or made.request_id
                raise
            body: object = getattr(answered, "body", answered)
            made.request_id = made.request_id or getattr(body, "request_id", None)
            return answered
        raise errors.RequestTimedOut("The answer did not arrive completely in time.")

    async def _refusal(self, response: httpx2.Response) -> errors.CalypsoError:
        if not response.is_error:
            return errors.ContractError(
                f"The API answered {response.status_code}, a redirect. calypso-mcp does not follow it, "
                "because it would pass the API key on."
            )
        body = await body_of(response, _LARGEST_PROBLEM, cut=True)
        error = problem.to_error(
            response.status_code,
            # A server that quotes the key back must not make us print it.
            body.replace(self._api_key.encode(), b"[API key]"),
            request_id=request_id_of(response),
            retry_after_s=parse_retry_after(response.headers.get("retry-after"), now=datetime.now(UTC)),
        )
        if isinstance(error, errors.AuthenticationFailed) and self._refused_key_hint:
            error.hint = self._refused_key_hint
        return error
