"""The ASGI layers, driven message by message: no server, no waiting."""

import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import anyio
import anyio.lowlevel
import httpx2
import pytest
from mcp.server.auth.provider import AccessToken
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.domain.json_text import JsonShape
from calypso_mcp.errors import Busy, ConnectionFailed
from calypso_mcp.server.access.body_limits import BodyPolicy
from calypso_mcp.server.access.credentials import NO_ACCESS, access_token, grant_of_user
from calypso_mcp.server.access.gate import AccessControl
from calypso_mcp.server.access.limits import HttpLimits, wrap
from calypso_mcp.server.access.oauth.protected_resource import ProtectedResource
from tests.support.oauth_issuer import Clock

SECURITY = TransportSecuritySettings(
    allowed_hosts=["calypso.example"], allowed_origins=["https://app.example"]
)
METADATA = "https://calypso.example/.well-known/oauth-protected-resource/mcp"


class Verifier:
    """Knows some agents; `down` stands for an issuer that cannot be reached."""

    grants: ClassVar = {
        "good": AccessGrant("one", ScopeLimit(frozenset({"a"}))),
        "slow": AccessGrant("two", None, calls_per_minute=2, concurrent_calls=1),
        "wide": AccessGrant("three", None, concurrent_calls=1_000),
    }

    async def verify_token(self, token: str) -> AccessToken | None:
        if token == "down":
            raise ConnectionFailed
        if token == "busy":
            raise Busy
        if token == "hangs":
            await anyio.sleep_forever()
        grant = self.grants.get(token)
        return None if grant is None else access_token(grant, "f")


CONTROL = AccessControl(Verifier(), ProtectedResource("https://calypso.example/mcp"))


async def echo(request: Request) -> JSONResponse:
    body = await request.body()
    return JSONResponse({"name": grant_of_user(request.scope.get("user")).name, "bytes": len(body)})


def protected(
    limits: HttpLimits | None = None,
    control: AccessControl | None = CONTROL,
    app: ASGIApp | None = None,
    **more: Any,
) -> ASGIApp:
    routes = [
        Route("/mcp", echo, methods=["GET", "POST"]),
        Route("/healthz", echo),
        Route("/uploads/{x}", echo, methods=["PUT"]),
    ]
    return wrap(
        app or Starlette(routes=routes), limits or HttpLimits(), security=SECURITY, control=control, **more
    )


@asynccontextmanager
async def client(app: ASGIApp, token: str | None = "good") -> AsyncGenerator[httpx2.AsyncClient]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://calypso.example", headers=headers
    ) as http:
        yield http


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "BREW"]
)
@pytest.mark.parametrize(
    "path",
    [
        "/mcp",
        "/",
        "/unknown",
        "/mcp/",
        "/metrics",
        "/healthz/",
        "/HEALTHZ",
        "//healthz",
        "/uploads/x",
        "/readyz",
    ],
)
async def test_every_route_answers_strangers_alike(method: str, path: str) -> None:
    answers = set()
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic Z29vZA=="},
        {"Authorization": "good"},
        {"Calypso-Api-Key": "good"},
    ):
        async with client(protected(), token=None) as http:
            response = await http.request(method, path, headers=headers)
        assert response.status_code == 401
        assert f'resource_metadata="{METADATA}"' in response.headers["www-authenticate"]
        answers.add((response.content, tuple(response.headers.items())))
    assert len(answers) == 1


async def test_two_authorization_headers_are_no_credential() -> None:
    async with client(protected(), token=None) as http:
        headers = [("Authorization", "Bearer wrong"), ("Authorization", "Bearer good")]
        assert (await http.get("/mcp", headers=headers)).status_code == 401


async def test_a_good_token_passes_with_its_grant() -> None:
    for spelling in ("Bearer good", "bearer good", "BEARER  good"):
        async with client(protected(), token=None) as http:
            response = await http.post("/mcp", headers={"Authorization": spelling}, content=b"{}")
        assert response.json() == {"name": "one", "bytes": 2}


async def test_liveness_is_open_for_reading_only() -> None:
    async with client(protected(), token=None) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.post("/healthz")).status_code == 401


async def test_an_unreachable_issuer_is_an_outage_and_not_a_wrong_token() -> None:
    async with client(protected(), token="down") as http:
        response = await http.get("/mcp")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"


async def test_a_key_of_the_callers_own_arrives_in_the_declared_header_only() -> None:
    app = protected(control=AccessControl(Verifier(), ProtectedResource(header="Calypso-Api-Key")))
    async with client(app, token="good") as http:
        refused = await http.get("/mcp")
        assert refused.status_code == 401
        assert "Calypso-Api-Key" in refused.headers["www-authenticate"]
        assert (await http.get("/mcp", headers={"Calypso-Api-Key": "good"})).json()["name"] == "one"


async def test_an_address_that_is_a_credential_passes_without_another() -> None:
    async def capability(method: str, path: str) -> AccessToken | None:
        return (
            access_token(AccessGrant("holder"), "t") if (method, path) == ("PUT", "/uploads/ticket") else None
        )

    app = protected(control=AccessControl(Verifier(), capability=capability))
    async with client(app, token=None) as http:
        assert (await http.put("/uploads/ticket", content=b"x")).json()["name"] == "holder"
        assert (await http.put("/uploads/other", content=b"x")).status_code == 401
        assert (await http.post("/uploads/ticket", content=b"x")).status_code == 401


def test_a_request_that_met_no_gate_may_do_nothing() -> None:
    assert grant_of_user(None) == NO_ACCESS
    assert NO_ACCESS.limit == ScopeLimit()


@pytest.mark.parametrize("control", [None, CONTROL])
@pytest.mark.parametrize("path", ["/mcp", "/healthz", "/unknown"])
async def test_a_foreign_host_or_origin_is_refused_on_every_route(
    control: AccessControl | None, path: str
) -> None:
    async with client(protected(control=control)) as http:
        for host in ("evil.example", "calypso.example.evil.example", "calypso.example:81", "", "127.0.0.1"):
            assert (await http.get(path, headers={"Host": host})).status_code == 421
        for origin in ("https://evil.example", "null", "https://app.example.evil.example"):
            assert (await http.get(path, headers={"Origin": origin})).status_code == 403
        assert (await http.get(path, headers={"Origin": "https://app.example"})).status_code in (200, 404)
        doubled = [("Origin", "https://app.example"), ("Origin", "https://evil.example")]
        assert (await http.get(path, headers=doubled)).status_code == 403


async def test_no_host_or_origin_hides_behind_a_port_or_reaches_the_log_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    security = TransportSecuritySettings(
        allowed_hosts=["calypso.example:*"], allowed_origins=["https://app.example:*"]
    )
    good = {"Host": "calypso.example:1", "Origin": "https://app.example:1"}
    app = wrap(Starlette(routes=[Route("/healthz", echo)]), HttpLimits(), security=security)
    async with client(app) as http:
        for bad in (":1@evil.example", ":1/evil.example", "\x1b[31m", "\x85forged", ":1" * 9_000):
            for header, status in (("Host", 421), ("Origin", 403)):
                headers = good | {header: good[header][:-2] + bad}
                raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
                assert (await http.get("/healthz", headers=raw)).status_code == status
    assert all(text.isprintable() and len(text) < 200 for text in caplog.messages)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * 1001, 413),
        (json.dumps({"a": [[[1]]]}).encode(), 200),
        (json.dumps({"a": [[[[1]]]]}).encode(), 400),
        (json.dumps({"a": "x" * 101}).encode(), 400),
        (b"[]" * 30, 400),
        (b"", 200),
    ],
)
async def test_a_body_keeps_its_size_depth_and_shape(body: bytes, status: int) -> None:
    policy = BodyPolicy(size_bytes=1000, shape=JsonShape(depth=4, string_bytes=100, tokens=50))
    async with client(protected(HttpLimits(body=policy))) as http:
        assert (await http.post("/mcp", content=body)).status_code == status


async def test_a_streamed_upload_is_left_to_its_handler() -> None:
    async with client(protected(HttpLimits(body=BodyPolicy(size_bytes=10)))) as http:
        assert (await http.put("/uploads/x", content=b"[" * 100)).json()["bytes"] == 100


async def test_a_caller_who_calls_too_often_is_told_when_to_come_back(clock: Clock) -> None:
    app = protected(clock=clock)
    async with client(app, "slow") as http, client(app, "good") as other:
        assert [(await http.get("/mcp")).status_code for _ in range(3)] == [200, 200, 429]
        assert (await http.get("/mcp")).headers["retry-after"] == "60"
        assert (await other.get("/mcp")).status_code == 200
        clock.now_s += 60
        assert (await http.get("/mcp")).status_code == 200


def scope_of(token: str, path: str = "/mcp", method: str = "POST", **headers: str) -> Scope:
    pairs = {"host": "calypso.example", "authorization": f"Bearer {token}", **headers}
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in pairs.items()],
    }


async def answered(app: ASGIApp, scope: Scope, receive: Receive | None = None) -> list[Message]:
    sent: list[Message] = []

    async def empty() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    with anyio.fail_after(30):
        await app(scope, receive or empty, send)
    return sent


def holding(release: anyio.Event, entered: Callable[[], Awaitable[None]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await entered()
        await release.wait()
        await JSONResponse({})(scope, receive, send)

    return app


async def test_strangers_whose_credentials_are_being_checked_take_no_place_of_known_callers() -> None:
    app = protected(HttpLimits(concurrent=1))
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(answered, app, scope_of("hangs"))
            await anyio.wait_all_tasks_blocked()
            assert (await answered(app, scope_of("good")))[0]["status"] == 200
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("scopes", [(), ("calypso.read", "calypso.write")])
async def test_a_stranger_learns_which_scopes_to_ask_the_issuer_for(scopes: tuple[str, ...]) -> None:
    asking = replace(CONTROL, resource=replace(CONTROL.resource, scopes=scopes))
    async with client(protected(control=asking), token=None) as http:
        challenge = (await http.get("/mcp")).headers["www-authenticate"]
    assert re.findall(r' scope="([^"]*)"', challenge) == ([" ".join(scopes)] if scopes else [])


async def test_a_token_that_lacks_a_scope_is_answered_403_with_the_scopes_it_needs() -> None:
    lacking = replace(CONTROL, required_scopes=("calypso.read", "calypso.write"))
    async with client(protected(control=lacking)) as http:
        response = await http.get("/mcp")
    assert response.status_code == 403
    assert response.json()["error"] == "insufficient_scope"
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_scope"')
    assert 'scope="calypso.read calypso.write"' in challenge
    assert f'resource_metadata="{METADATA}"' in challenge


@pytest.mark.parametrize(
    "slip", [{"Authorization": "Bearer wrong"}, {"Host": "evil.example"}, {"Origin": "https://e"}]
)
async def test_a_flood_of_refusals_is_slowed_down_and_known_callers_are_not(slip: dict[str, str]) -> None:
    app = protected()
    async with client(app) as http, anyio.create_task_group() as tasks:
        answered: list[int] = []

        async def try_it() -> None:
            answered.append((await http.get("/mcp", headers=slip)).status_code)

        with anyio.fail_after(30):
            for _ in range(200):
                tasks.start_soon(try_it)
            while len(answered) < 50:
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            assert len(answered) < 200
            assert (await http.get("/mcp")).status_code == 200
            tasks.cancel_scope.cancel()


async def test_a_server_that_checks_too_many_credentials_says_come_back_and_logs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with client(protected(), token="busy") as http:
        response = await http.get("/mcp")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert not caplog.records


@pytest.mark.parametrize(
    ("limits", "first", "second", "status"),
    [
        (HttpLimits(), "slow", "slow", 429),
        (HttpLimits(concurrent_per_caller=1), "good", "good", 429),
        (HttpLimits(concurrent=1), "good", "slow", 503),
        (HttpLimits(concurrent=2), "wide", "wide", 429),
        (HttpLimits(concurrent=2), "wide", "good", 200),
        (HttpLimits(concurrent_per_caller=1), "good", "slow", 200),
    ],
)
async def test_requests_at_once_are_bounded_for_each_caller_and_for_all(
    limits: HttpLimits, first: str, second: str, status: int
) -> None:
    release, busy = anyio.Event(), anyio.Event()

    async def entered() -> None:
        if busy.is_set():
            release.set()
        busy.set()

    app = protected(limits, app=holding(release, entered))
    results: list[list[Message]] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: _collect(results, app, first))
        await busy.wait()
        blocked = await answered(app, scope_of(second))
        assert blocked[0]["status"] == status
        release.set()
    assert results[0][0]["status"] == 200
    assert (await answered(app, scope_of(first)))[0]["status"] == 200


def compute(seconds: float) -> None:
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        pass


async def test_a_caller_who_keeps_the_event_loop_busy_does_not_keep_the_others_waiting() -> None:
    async def work(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(10):
            compute(0.002)
            await anyio.lowlevel.checkpoint()
        await JSONResponse(grant_of_user(scope.get("user")).name)(scope, receive, send)

    app = protected(HttpLimits(calls_per_minute=100_000), app=work)
    greedy = 0

    async def call_without_end() -> None:
        nonlocal greedy
        while True:
            assert (await answered(app, scope_of("wide")))[0]["status"] == 200
            greedy += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(call_without_end)
        while not greedy:
            await answered(app, scope_of("good"))
        greedy = 0
        for _ in range(5):
            assert (await answered(app, scope_of("good")))[0]["status"] == 200
        tasks.cancel_scope.cancel()
    # With requests served in the order in which they come, it would be one of the patient to fifty.
    assert greedy < 15 * 5


async def test_requests_that_wait_for_something_keep_no_other_request_of_their_caller_waiting() -> None:
    """Even on a busy event loop."""
    release, waiting = anyio.Event(), 0

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 10:
            release.set()
        await release.wait()
        await JSONResponse({})(scope, receive, send)

    async def spin() -> None:
        while not release.is_set():
            compute(0.01)
            await anyio.lowlevel.checkpoint()

    app = protected(app=wait)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(spin)
            for _ in range(10):
                tasks.start_soon(answered, app, scope_of("good"))
    assert waiting == 10


async def test_a_full_server_still_says_that_it_runs() -> None:
    release, busy = anyio.Event(), anyio.Event()

    async def entered() -> None:
        busy.set()

    app = protected(HttpLimits(concurrent=1), app=holding(release, entered))
    alive: list[list[Message]] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: _collect([], app, "good"))
        await busy.wait()

        async def ask() -> None:
            alive.append(await answered(app, {**scope_of("good"), "method": "GET", "path": "/healthz"}))

        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert (await answered(app, scope_of("good")))[0]["status"] == 503
        release.set()
    assert alive[0][0]["status"] == 200


async def _collect(results: list[list[Message]], app: ASGIApp, token: str) -> None:
    results.append(await answered(app, scope_of(token)))


async def test_a_body_that_never_ends_is_given_up() -> None:
    async def trickle() -> Message:
        if not sent:
            sent.append(1)
            return {"type": "http.request", "body": b"{", "more_body": True}
        await anyio.sleep_forever()
        raise AssertionError

    sent: list[int] = []
    app = protected(HttpLimits(body=BodyPolicy(arrival_s=0.05)))
    assert (await answered(app, scope_of("good"), trickle))[0]["status"] == 408


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_not_answered() -> None:
    async def leave() -> Message:
        return {"type": "http.disconnect"}

    assert await answered(protected(), scope_of("good"), leave) == []


async def test_a_call_that_takes_too_long_is_ended_with_504() -> None:
    async def hang(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await anyio.sleep_forever()

    limits = HttpLimits(call_s=0.05)
    assert (await answered(protected(limits, app=hang), scope_of("good")))[0]["status"] == 504


async def test_nothing_follows_a_complete_answer_whose_handler_does_not_end() -> None:
    async def linger(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({})(scope, receive, send)
        await anyio.sleep_forever()

    sent = await answered(protected(HttpLimits(call_s=0.05), app=linger), scope_of("good"))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


async def test_an_answer_that_has_begun_is_closed_when_the_time_is_up() -> None:
    async def events() -> AsyncIterator[bytes]:
        yield b": ping\r\n\r\n"
        await anyio.sleep_forever()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(events())(scope, receive, send)

    async def silent() -> Message:
        if first:
            return first.pop()
        await anyio.sleep_forever()
        raise AssertionError

    first: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
    sent = await answered(protected(HttpLimits(call_s=0.2), app=stream), scope_of("good"), silent)
    assert sent[0]["status"] == 200
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_a_subscription_may_last_longer_than_a_call() -> None:
    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(0.2)
        await JSONResponse({})(scope, receive, send)

    app = protected(HttpLimits(call_s=0.05, stream_s=5), app=hang)
    assert (await answered(app, scope_of("good", **{"mcp-method": "subscriptions/listen"})))[0][
        "status"
    ] == 200
    assert (await answered(app, scope_of("good", **{"mcp-method": "tools/call"})))[0]["status"] == 504


@pytest.mark.parametrize("token", ["good", "wrong"])
async def test_websockets_are_closed_unopened(token: str) -> None:
    scope = {**scope_of(token), "type": "websocket"}
    assert await answered(protected(), scope) == [{"type": "websocket.close", "code": 1008}]


async def test_the_lifespan_reaches_the_app() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    await answered(protected(app=app), {"type": "lifespan"})
    assert seen == ["lifespan"]
