from __future__ import annotations

import gzip
import inspect
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.metadata import version
from typing import Any

import anyio
import httpx2
import pytest

from calypso_mcp import errors
from calypso_mcp.api.buckets import CreateBucket
from calypso_mcp.api.search import SearchRequest
from calypso_mcp.client import CalypsoClient, ClientPolicies, Timeouts
from calypso_mcp.domain.retry import RetryPolicy
from tests.support.faulty_transport import API_KEY, BASE_URL, FakeClock, problem, scripted_client

LIST = "GET /v1/knowledge/buckets"
CREATE = "POST /v1/knowledge/buckets"
BUCKETS: dict[str, Any] = {"team_id": "t", "buckets": [], "request_id": "req_1"}
BUCKET: dict[str, Any] = {"id": "bucket_1", "slug": "a", "surprise": [1, {"x": None}]}


async def test_every_request_carries_key_and_name_and_nothing_else_about_us() -> None:
    client, api = scripted_client({LIST: [BUCKETS], CREATE: [BUCKET]})
    async with client:
        await client.buckets.list(include_archived=True)
        await client.buckets.create(CreateBucket(name="B\u00fccher"))

    always = {
        "host": "api.calypso.test",
        "authorization": f"Bearer {API_KEY}",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "user-agent": f"calypso-mcp/{version('calypso-mcp')}",
    }
    listing, creation = api.requests
    assert str(listing.url) == f"{BASE_URL}/knowledge/buckets?include_archived=true"
    assert dict(listing.headers) == always
    assert api.bodies == [b"", b'{"name":"B\xc3\xbccher"}']
    key = creation.headers["idempotency-key"]
    of_body = {"content-type": "application/json", "content-length": "18"}
    assert dict(creation.headers) == {**always, **of_body, "idempotency-key": key}


@pytest.mark.parametrize("failures", [0, 2, 4])
@pytest.mark.parametrize(
    "failure", [problem(503), problem(408), problem(429), httpx2.ConnectError("x"), httpx2.ReadTimeout("x")]
)
async def test_what_passes_is_waited_out(failures: int, failure: Any) -> None:
    clock = FakeClock()
    client, api = scripted_client({LIST: [*[failure] * failures, BUCKETS]}, clock=clock)
    async with client:
        await client.buckets.list()

    assert len(api.requests) == failures + 1
    assert clock.slept == [0.5, 1.0, 2.0, 4.0][:failures]


async def test_what_lasts_is_raised_as_it_was_last_seen() -> None:
    client, api = scripted_client({LIST: [problem(500), problem(503, "overloaded")]})
    async with client:
        with pytest.raises(errors.ServerError) as raised:
            await client.buckets.list()

    assert (raised.value.status, raised.value.code, raised.value.retryable) == (503, "overloaded", True)
    assert len(api.requests) == RetryPolicy().attempts


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.AuthenticationFailed),
        (403, errors.PermissionDenied),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (418, errors.ApiError),
        (422, errors.InvalidRequest),
        (501, errors.ServerError),
    ],
)
async def test_a_refusal_is_raised_at_once(status: int, kind: type[errors.ApiError]) -> None:
    client, api = scripted_client({LIST: [problem(status)]})
    async with client:
        with pytest.raises(kind) as raised:
            await client.buckets.list()

    assert raised.value.status == status
    assert not raised.value.retryable
    assert len(api.requests) == 1


async def test_a_refusal_that_may_pass_says_so_but_is_not_tried_again_at_once() -> None:
    answer = {"error": {"code": "url_fetch_failed", "message": "The site is down.", "retryable": True}}
    client, api = scripted_client({CREATE: [httpx2.Response(422, json=answer)]})
    async with client:
        with pytest.raises(errors.InvalidRequest) as raised:
            await client.buckets.create(CreateBucket(name="A"))

    assert raised.value.retryable
    assert len(api.requests) == 1


async def test_an_unknown_profile_is_not_tried_again_although_it_is_a_500() -> None:
    answer = httpx2.Response(500, json={"error": "Unknown RAG profile: support"})
    client, api = scripted_client({"GET /v1/rag-agent/models": [answer]})
    async with client:
        with pytest.raises(errors.ServerError) as raised:
            await client.agents.list()

    assert not raised.value.retryable
    assert len(api.requests) == 1


async def test_the_wait_the_server_asks_for_is_kept() -> None:
    clock = FakeClock()
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True)
    answers = [problem(429, **{"Retry-After": "3"}), problem(503, **{"Retry-After": when}), BUCKETS]
    client, _ = scripted_client({LIST: answers}, clock=clock)
    async with client:
        await client.buckets.list()

    assert clock.slept[0] == pytest.approx(3.1)
    assert 7 < clock.slept[1] < 9.2


async def test_a_very_long_wait_is_handed_back_instead() -> None:
    client, api = scripted_client({LIST: [problem(429, **{"Retry-After": "3600"})]})
    async with client:
        with pytest.raises(errors.RateLimited) as raised:
            await client.buckets.list()

    assert raised.value.retry_after_s == 3600
    assert len(api.requests) == 1


async def test_the_idempotency_key_stays_the_same_over_all_attempts() -> None:
    client, api = scripted_client({CREATE: [problem(503), httpx2.ReadError("x"), BUCKET]})
    async with client:
        bucket = await client.buckets.create(CreateBucket(name="A"))

    assert bucket.id == "bucket_1"
    first, *others = [request.headers["idempotency-key"] for request in api.requests]
    assert others == [first, first]
    assert api.bodies == [b'{"name":"A"}'] * 3


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx2.Response(200, text="<html>Welcome to hotel wifi</html>"), "not JSON"),
        (httpx2.Response(200, content=b""), "not JSON"),
        (httpx2.Response(200, content=b"\x89\xff\x00"), "not JSON"),
        (httpx2.Response(200, json=[1]), "body"),
        (httpx2.Response(200, json={"buckets": [{"id": 7, "slug": "a"}]}), "buckets.0.id"),
        (httpx2.Response(200, content=b'{"buckets":' + b"[" * 100_000), "not JSON"),
        (httpx2.Response(302, headers={"Location": "https://elsewhere.test/"}), "302"),
    ],
)
async def test_an_answer_that_breaks_the_contract_says_how_and_is_not_asked_for_again(
    answer: httpx2.Response, said: str
) -> None:
    client, api = scripted_client({LIST: [answer]})
    async with client:
        with pytest.raises(errors.ContractError, match=said) as raised:
            await client.buckets.list()

    assert raised.value.hint
    assert len(api.requests) == 1


async def test_an_endless_answer_is_cut_off_even_when_it_is_compressed() -> None:
    bomb = gzip.compress(b" " * (65 * 1024 * 1024))

    async def body() -> AsyncGenerator[bytes]:
        yield bomb

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Encoding": "gzip"}, content=body())

    transport = httpx2.MockTransport(answer)
    async with CalypsoClient(base_url=BASE_URL, api_key=API_KEY, transport=transport) as client:
        with pytest.raises(errors.ContractError, match="larger than 64 MB"):
            await client.buckets.list()
        with pytest.raises(errors.ContractError, match="larger than 32 MB"):
            await client.agents.list()


async def test_a_list_of_buckets_asked_for_again_parses_only_what_changed() -> None:
    body = {"buckets": [{"id": "a", "slug": "a"}, {"id": "b", "slug": "b"}]}
    async with CalypsoClient(
        base_url=BASE_URL,
        api_key=API_KEY,
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=body)),
    ) as client:
        first = await client.buckets.list()
        again = await client.buckets.list(include_archived=True)
        body["buckets"][0]["slug"] = "other"
        changed = await client.buckets.list()
    assert again.buckets is first.buckets
    assert changed.buckets[0].slug == "other"
    assert changed.buckets[1] is first.buckets[1]


async def test_a_dripping_answer_ends_with_the_time_allowed_for_it() -> None:
    async def drip() -> AsyncGenerator[bytes]:
        yield b"{"
        await anyio.sleep_forever()

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=drip())

    policies = ClientPolicies(retry=RetryPolicy(attempts=2), timeouts=Timeouts(answer_s=0.01))
    async with CalypsoClient(
        base_url=BASE_URL,
        api_key=API_KEY,
        transport=httpx2.MockTransport(answer),
        policies=policies,
        clock=FakeClock().clock,
    ) as client:
        with anyio.fail_after(30), pytest.raises(errors.RequestTimedOut):
            await client.buckets.list()


@pytest.mark.parametrize(
    ("answer", "request_id"),
    [
        (httpx2.Response(200, json=BUCKETS, headers={"X-Request-Id": "req_h"}), "req_1"),
        (httpx2.Response(200, json={"buckets": []}, headers={"X-Request-Id": "req_h"}), "req_h"),
        (httpx2.Response(200, json={"buckets": []}), None),
    ],
)
async def test_the_request_id_comes_from_the_body_else_from_the_header(
    answer: httpx2.Response, request_id: str | None
) -> None:
    client, _ = scripted_client({LIST: [answer]})
    async with client:
        assert (await client.buckets.list()).request_id == request_id


async def test_an_error_keeps_the_request_id_for_support() -> None:
    client, _ = scripted_client({LIST: [problem(400, **{"X-Request-Id": "req_9"})]})
    async with client:
        with pytest.raises(errors.InvalidRequest) as raised:
            await client.buckets.list()

    assert raised.value.request_id == "req_9"


async def test_a_key_that_the_server_quotes_back_is_not_passed_on() -> None:
    answer = httpx2.Response(401, json={"error": {"code": "invalid_api_key", "message": f"Bad {API_KEY}!"}})
    client, _ = scripted_client({LIST: [answer]})
    async with client:
        with pytest.raises(errors.AuthenticationFailed) as raised:
            await client.buckets.list()

    assert raised.value.message == "Bad [API key]!"


async def test_an_error_nested_deeper_than_python_reads_is_still_that_error() -> None:
    client, _ = scripted_client({LIST: [httpx2.Response(400, content=b"[" * 60_000)]})
    async with client:
        with pytest.raises(errors.InvalidRequest):
            await client.buckets.list()


FAILURES = [
    kind
    for _, kind in inspect.getmembers(httpx2, inspect.isclass)
    if issubclass(kind, (httpx2.HTTPError, httpx2.InvalidURL)) and kind is not httpx2.HTTPStatusError
]
MISTAKES = [
    httpx2.CookieConflict,
    httpx2.StreamError,
    httpx2.StreamConsumed,
    httpx2.StreamClosed,
    httpx2.ResponseNotRead,
    httpx2.RequestNotRead,
]


@pytest.mark.parametrize("kind", FAILURES)
async def test_no_exception_of_the_http_library_gets_out(kind: type[Exception]) -> None:
    address = "https://storage.test/upload/secret"
    client, _ = scripted_client({LIST: [kind(f"trouble at {address}")]})
    async with client:
        with pytest.raises(errors.CalypsoError) as raised:
            await client.buckets.list()

    is_wrong_answer = kind in (httpx2.DecodingError, httpx2.TooManyRedirects)
    is_wrong_request = kind in (httpx2.InvalidURL, httpx2.LocalProtocolError, httpx2.UnsupportedProtocol)
    is_slow = issubclass(kind, httpx2.TimeoutException)
    assert isinstance(raised.value, errors.RequestTimedOut) == is_slow
    assert isinstance(raised.value, errors.ContractError) == is_wrong_answer
    assert raised.value.retryable != (is_wrong_answer or is_wrong_request)
    assert address not in raised.value.message
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("kind", MISTAKES)
async def test_mistakes_of_ours_stay_visible(kind: type[Exception]) -> None:
    error = kind("x") if kind in {httpx2.CookieConflict, httpx2.StreamError} else kind()
    client, _ = scripted_client({LIST: [error]})
    async with client:
        with pytest.raises(kind):
            await client.buckets.list()


def test_the_key_is_in_no_repr() -> None:
    client, _ = scripted_client({})

    assert API_KEY not in repr(client) + repr(vars(client)) + repr(client.buckets)


@pytest.mark.parametrize("key", ["", "sk a", "sk_1\n", "sk_ü"])
def test_a_key_that_no_header_can_hold_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(errors.ConfigError) as raised:
        CalypsoClient(base_url=BASE_URL, api_key=key)

    assert not key or key not in str(raised.value)


async def test_searching_is_repeated_like_everything_else() -> None:
    client, api = scripted_client({"POST /v1/search": [problem(502), {"results": []}]})
    async with client:
        await client.search.search(SearchRequest(query="x"))

    assert len(api.requests) == 2
