"""The harness itself: each fault reaches client and backend, through a transport and on real sockets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.fault_proxy import fault_proxy
from tests.support.fault_script import (
    GARBAGE,
    PUT,
    Answer,
    AtRandom,
    Drop,
    ExpiredSession,
    Fault,
    Garbage,
    Hang,
    LoseAnswer,
    NoRangeOn308,
    NotHttp,
    On,
    RateLimited,
    Script,
    Slow,
)
from tests.support.fault_transport import FaultyTransport
from tests.support.served_app import serving

BODY = bytes(range(256)) * 400  # 102,400 bytes


@dataclass
class Storage:
    """Counts what arrives and answers 308 with a Range."""

    arrived: list[int] = field(default_factory=list)
    ended: anyio.Event = field(default_factory=anyio.Event)

    async def put(self, request: Request) -> Response:
        size = 0
        try:
            async for piece in request.stream():
                size += len(piece)
        except ClientDisconnect:
            pass
        self.arrived.append(size)
        self.ended.set()
        return Response(b"kept", 308, {"Range": f"bytes=0-{size - 1}"})

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/upload/{secret}", self.put, methods=["PUT"])])


Way = Callable[[Storage, Script], AbstractAsyncContextManager[httpx2.AsyncClient]]


@asynccontextmanager
async def through_a_transport(storage: Storage, script: Script) -> AsyncGenerator[httpx2.AsyncClient]:
    transport = FaultyTransport(httpx2.ASGITransport(storage.app), script)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://calypso.localhost", timeout=0.3
    ) as one:
        yield one


@asynccontextmanager
async def through_a_proxy(storage: Storage, script: Script) -> AsyncGenerator[httpx2.AsyncClient]:
    async with (
        serving(storage.app) as port,
        fault_proxy(port, script) as proxy,
        httpx2.AsyncClient(base_url=proxy.origin, timeout=0.3, trust_env=False) as one,
    ):
        yield one


@pytest.fixture(params=[through_a_transport, through_a_proxy])
def way(request: pytest.FixtureRequest) -> Way:
    return request.param


async def put(client: httpx2.AsyncClient, address: str = "/upload/a") -> httpx2.Response:
    with anyio.fail_after(30):
        return await client.put(address, content=BODY, headers={"Content-Range": "bytes 0-102399/102400"})


async def test_without_a_rule_everything_passes_and_is_recorded(way: Way) -> None:
    storage, script = Storage(), Script()

    async with way(storage, script) as client:
        await put(client)
        await put(client)
        response = await put(client)

    assert (response.status_code, response.content) == (308, b"kept")
    assert response.headers["range"] == "bytes=0-102399"
    assert storage.arrived == [102_400] * 3
    assert [(request.method, request.path, request.status) for request in script.of(PUT)] == [
        ("PUT", "/upload/a", 308)
    ] * 3


async def test_a_drop_lets_exactly_so_many_bytes_through(way: Way) -> None:
    storage, script = Storage(), Script(On(PUT, Drop(after_bytes=70_001)))

    async with way(storage, script) as client:
        with pytest.raises(httpx2.TransportError):
            await put(client)
        with anyio.fail_after(30):
            await storage.ended.wait()

    assert storage.arrived == [70_001]
    assert script.seen[0].body_bytes == 70_001


async def test_a_lost_answer_has_arrived(way: Way) -> None:
    storage, script = Storage(), Script(On(PUT, LoseAnswer()))

    async with way(storage, script) as client:
        with pytest.raises(httpx2.TransportError):
            await put(client)

    assert storage.arrived == [102_400]
    assert script.seen[0].status is None


@pytest.mark.parametrize(
    ("fault", "status", "header", "content"),
    [
        (Answer(503, b"busy"), 503, None, b"busy"),
        (RateLimited(retry_after_s=2), 429, ("retry-after", "2"), None),
        (Garbage(), 200, None, GARBAGE),
        (ExpiredSession(404), 404, None, None),
    ],
)
async def test_a_scripted_answer_never_reaches_the_backend(
    way: Way, fault: Fault, status: int, header: tuple[str, str] | None, content: bytes | None
) -> None:
    storage, script = Storage(), Script(On(PUT, fault))

    async with way(storage, script) as client:
        response = await put(client)

    assert response.status_code == status
    assert header is None or response.headers[header[0]] == header[1]
    assert content is None or response.content == content
    assert storage.arrived == []


async def test_a_hanging_server_runs_into_the_clients_timeout(way: Way) -> None:
    storage, script = Storage(), Script(On(PUT, Hang()))

    async with way(storage, script) as client:
        with pytest.raises(httpx2.ReadTimeout):
            await put(client)

    assert storage.arrived == []


async def test_an_answer_that_is_no_http_is_a_protocol_error(way: Way) -> None:
    storage, script = Storage(), Script(On(PUT, NotHttp()))

    async with way(storage, script) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await put(client)


async def test_a_308_can_lose_its_range(way: Way) -> None:
    storage, script = Storage(), Script(On(PUT, NoRangeOn308()))

    async with way(storage, script) as client:
        response = await put(client)

    assert response.status_code == 308
    assert "range" not in response.headers


async def test_a_slow_link_delivers_everything_in_the_end(way: Way) -> None:
    storage, script = Storage(), Script(On(PUT, Slow(bytes_per_s=2_000_000)))

    async with way(storage, script) as client:
        await put(client)

    assert storage.arrived == [102_400]


async def test_faults_strike_the_nth_of_their_kind_and_as_often_as_they_say(way: Way) -> None:
    storage, script = Storage(), Script(On(PUT, Answer(503, times=2), nth=2))

    async with way(storage, script) as client:
        statuses = [(await put(client)).status_code for _ in range(4)]

    assert statuses == [308, 503, 503, 308]


async def test_an_expired_address_stays_expired_and_others_do_not(way: Way) -> None:
    storage, script = Storage(), Script(On(PUT, ExpiredSession()))

    async with way(storage, script) as client:
        statuses = [
            (await put(client, address)).status_code for address in ("/upload/a", "/upload/a", "/upload/b")
        ]

    assert statuses == [410, 410, 308]


def test_faults_at_random_are_the_same_for_the_same_seed() -> None:
    def struck(seed: int) -> list[bool]:
        script = Script(AtRandom(PUT, (Answer(503),), rate=0.2, seed=seed))
        return [script.begin("PUT", "/upload/a", None).fault is not None for _ in range(500)]

    assert struck(7) == struck(7) != struck(8)
    assert 60 < sum(struck(7)) < 140
