import anyio
import pytest
from pydantic import SecretStr

from calypso_mcp.errors import Busy, ConnectionFailed
from calypso_mcp.server.access.caller_keys import CallerKeyVerifier
from calypso_mcp.server.access.check_queue import CheckPolicy, CheckQueue
from calypso_mcp.server.access.credentials import grant_of_token
from tests.support.oauth_issuer import Clock

GOOD = "sk-good-0123456789"


class Calypso:
    """Accepts one key and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    async def check(self, key: SecretStr) -> bool:
        self.asked.append(key.get_secret_value())
        await anyio.lowlevel.checkpoint()
        if self.down:
            raise ConnectionFailed
        return key.get_secret_value() == GOOD


@pytest.fixture
def calypso() -> Calypso:
    return Calypso()


async def test_a_good_key_selects_itself_and_does_not_travel_on(calypso: Calypso, clock: Clock) -> None:
    verifier = CallerKeyVerifier(calypso.check, clock=clock)
    token = await verifier.verify_token(GOOD)
    assert token is not None
    assert GOOD not in repr(token)
    key = verifier.key(grant_of_token(token).key_reference)
    assert key is not None
    assert key.get_secret_value() == GOOD


async def test_calypso_is_asked_once_and_again_after_a_while(calypso: Calypso, clock: Clock) -> None:
    verifier = CallerKeyVerifier(calypso.check, clock=clock)
    for _ in range(3):
        assert await verifier.verify_token(GOOD) is not None
        assert await verifier.verify_token("sk-wrong") is None
    assert sorted(calypso.asked) == [GOOD, "sk-wrong"]
    clock.now_s += 301
    await verifier.verify_token(GOOD)
    await verifier.verify_token("sk-wrong")
    assert len(calypso.asked) == 4


async def test_an_outage_is_not_remembered_as_a_wrong_key(calypso: Calypso, clock: Clock) -> None:
    verifier = CallerKeyVerifier(calypso.check, clock=clock)
    calypso.down = True
    with pytest.raises(ConnectionFailed):
        await verifier.verify_token(GOOD)
    calypso.down = False
    assert await verifier.verify_token(GOOD) is not None


@pytest.mark.parametrize("key", ["", "ä" * 20, "sk\x00", "x" * 600, "Bearer sk-x", "sk x"])
async def test_what_cannot_be_a_key_is_refused_without_asking(
    calypso: Calypso, clock: Clock, key: str
) -> None:
    assert await CallerKeyVerifier(calypso.check, clock=clock).verify_token(key) is None
    assert calypso.asked == []


async def test_made_up_keys_do_not_push_out_who_is_being_served(calypso: Calypso, clock: Clock) -> None:
    quick = CheckQueue(CheckPolicy(pause_s=0))
    verifier = CallerKeyVerifier(calypso.check, clock=clock, strangers=quick)
    token = await verifier.verify_token(GOOD)
    assert token is not None
    for number in range(10_001):
        assert await verifier.verify_token(f"sk-made-up-{number}") is None
    assert verifier.key(grant_of_token(token).key_reference) is not None


class HangingCalypso(Calypso):
    """Answers about the good key only."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = anyio.Event()

    async def check(self, key: SecretStr) -> bool:
        if key.get_secret_value() != GOOD:
            self.reached.set()
            await anyio.sleep_forever()
        return await super().check(key)


@pytest.mark.parametrize("later_s", [0, 301], ids=["remembered", "checked-again"])
async def test_strangers_whose_checks_hang_delay_no_known_caller(clock: Clock, later_s: float) -> None:
    calypso = HangingCalypso()
    verifier = CallerKeyVerifier(calypso.check, clock=clock)
    assert await verifier.verify_token(GOOD) is not None
    clock.now_s += later_s
    turned_away = 0

    async def try_key(number: int) -> None:
        nonlocal turned_away
        try:
            await verifier.verify_token(f"sk-made-up-{number}")
        except Busy:
            turned_away += 1

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for number in range(500):
                tasks.start_soon(try_key, number)
            await calypso.reached.wait()
            assert await verifier.verify_token(GOOD) is not None
            assert turned_away == 500 - 32
            tasks.cancel_scope.cancel()


async def test_requests_with_a_known_key_do_not_wait_while_one_of_them_checks_it_again(
    clock: Clock,
) -> None:
    release, asked = anyio.Event(), 0

    async def check(_key: SecretStr) -> bool:
        nonlocal asked
        asked += 1
        if asked > 1:
            await release.wait()
        return True

    verifier = CallerKeyVerifier(check, clock=clock)
    assert await verifier.verify_token(GOOD) is not None
    clock.now_s += 301
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(verifier.verify_token, GOOD)
            await anyio.wait_all_tasks_blocked()
            for _ in range(50):
                assert await verifier.verify_token(GOOD) is not None
            release.set()
    assert asked == 2


async def test_a_revoked_key_is_refused_and_forgotten(clock: Clock) -> None:
    good = True

    async def check(_key: SecretStr) -> bool:
        return good

    verifier = CallerKeyVerifier(check, clock=clock)
    token = await verifier.verify_token(GOOD)
    assert token is not None
    good = False
    clock.now_s += 301
    assert await verifier.verify_token(GOOD) is None
    assert verifier.key(grant_of_token(token).key_reference) is None
