import gzip
import tracemalloc
from collections.abc import AsyncIterator

import anyio
import httpx2
import pytest

from calypso_mcp.errors import Busy, ConfigError, ConnectionFailed
from calypso_mcp.server.access.oauth.signing_keys import MAX_AGE_S, MAX_STALE_S, MIN_REFRESH_S, SigningKeys
from tests.support.oauth_issuer import Clock, Issuer

URL = "https://issuer.example/jwks"


class Stream(httpx2.AsyncByteStream):
    """A body that is sent as it is."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


@pytest.fixture
def keys(issuer: Issuer, clock: Clock) -> SigningKeys:
    return SigningKeys(URL, transport=issuer.transport, clock=clock)


async def test_many_requests_at_once_cost_one_fetch(issuer: Issuer, keys: SigningKeys) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(keys.find, "k1", "RS256")
    assert await keys.find("k1", "RS256")
    assert issuer.fetches == 1


async def test_a_fetch_that_hangs_holds_up_nobody_whose_key_is_known(issuer: Issuer, clock: Clock) -> None:
    hangs, reached = False, anyio.Event()

    async def handle(request: httpx2.Request) -> httpx2.Response:
        if hangs:
            reached.set()
            await anyio.sleep_forever()
        return issuer.handle(request)

    keys = SigningKeys(URL, transport=httpx2.MockTransport(handle), clock=clock)
    assert await keys.find("k1", "RS256")
    hangs = True
    for age_s in (MIN_REFRESH_S, MAX_AGE_S + 1):
        clock.now_s += age_s
        reached = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keys.find, "invented", "RS256")
            await reached.wait()
            with anyio.fail_after(3):  # below the time a fetch may take
                assert await keys.find("k1", "RS256")
            tasks.cancel_scope.cancel()


async def test_a_rotated_key_is_found_and_the_old_one_forgotten(
    issuer: Issuer, keys: SigningKeys, clock: Clock
) -> None:
    assert await keys.find("k1", "RS256")
    issuer.keys.clear()
    issuer.add_key("k2")
    clock.now_s += MIN_REFRESH_S
    assert await keys.find("k2", "RS256")
    assert not await keys.find("k1", "RS256")


async def test_invented_key_ids_cannot_make_the_server_fetch_more_than_once_in_a_while(
    issuer: Issuer, keys: SigningKeys, clock: Clock
) -> None:
    for number in range(100):
        assert not await keys.find(f"invented-{number}", "RS256")
        clock.now_s += MIN_REFRESH_S / 100
    assert issuer.fetches <= 2


async def test_known_keys_outlive_an_outage_for_a_day_and_no_longer(
    issuer: Issuer, keys: SigningKeys, clock: Clock
) -> None:
    assert await keys.find("k1", "RS256")
    issuer.answer = httpx2.ConnectError("down")
    clock.now_s += MAX_AGE_S + 1
    assert await keys.find("k1", "RS256")
    clock.now_s += MAX_STALE_S
    with pytest.raises(ConnectionFailed):
        await keys.find("k1", "RS256")


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.ConnectError("down"),
        httpx2.Response(500),
        httpx2.Response(302, headers={"location": "http://169.254.169.254/"}),
        httpx2.Response(200, content=b"[]"),
        httpx2.Response(200, content=b"<html>"),
        httpx2.Response(200, json={"keys": []}),
        httpx2.Response(200, content=b" " * 300_000),
    ],
)
async def test_a_useless_answer_is_an_outage_and_not_a_wrong_token(
    issuer: Issuer, keys: SigningKeys, answer: object
) -> None:
    issuer.answer = answer
    with pytest.raises(ConnectionFailed):
        await keys.find("k1", "RS256")
    assert issuer.fetches == 1


async def test_while_the_issuer_is_down_nothing_is_said_of_a_key_that_may_be_new(
    issuer: Issuer, keys: SigningKeys, clock: Clock
) -> None:
    assert await keys.find("k1", "RS256")
    clock.now_s += MIN_REFRESH_S
    issuer.answer = httpx2.Response(500)
    for _ in range(2):
        with pytest.raises(Busy):  # the gate logs no line for each of them
            await keys.find("k2", "RS256")
        assert await keys.find("k1", "RS256")
    clock.now_s += MIN_REFRESH_S
    issuer.answer = None
    assert await keys.find("k2", "RS256") == []
    assert issuer.fetches == 3


@pytest.mark.parametrize("encoding", ["gzip", "br", "x-unknown"])
async def test_a_compressed_set_is_refused_before_it_is_unpacked(
    issuer: Issuer, keys: SigningKeys, encoding: str
) -> None:
    packed = gzip.compress(b" " * 50_000_000)
    issuer.answer = httpx2.Response(200, headers={"content-encoding": encoding}, stream=Stream(packed))
    tracemalloc.start()
    with pytest.raises(ConnectionFailed):
        await keys.find("k1", "RS256")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000_000
    assert issuer.asked["accept-encoding"] == "identity"


async def test_invented_ids_at_an_issuer_that_hangs_wait_in_a_small_queue(clock: Clock) -> None:
    reached = anyio.Event()

    async def handle(_request: httpx2.Request) -> httpx2.Response:
        reached.set()
        await anyio.sleep_forever()
        raise AssertionError

    keys = SigningKeys(URL, transport=httpx2.MockTransport(handle), clock=clock)
    turned_away = 0

    async def ask(number: int) -> None:
        nonlocal turned_away
        try:
            await keys.find(f"invented-{number}", "RS256")
        except Busy:
            turned_away += 1

    async with anyio.create_task_group() as tasks:
        for number in range(300):
            tasks.start_soon(ask, number)
        await reached.wait()
        await anyio.wait_all_tasks_blocked()
        assert turned_away == 300 - 32
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    "url", ["http://issuer.example/jwks", "ftp://issuer.example", "jwks", "http://127.0.0.1.evil/"]
)
def test_plain_http_to_another_machine_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        SigningKeys(url)


def test_plain_http_to_this_machine_is_allowed() -> None:
    for url in ("http://127.0.0.1:9/jwks", "http://localhost/jwks", "http://[::1]:8/jwks"):
        SigningKeys(url)
