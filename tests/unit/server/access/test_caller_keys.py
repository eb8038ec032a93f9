import anyio
import pytest
from pydantic import SecretStr

from calypso_mcp.errors import ConnectionFailed
from calypso_mcp.server.access.caller_keys import CallerKeyVerifier
from calypso_mcp.server.access.credentials import GRANT_CLAIM
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
    assert token.claims is not None
    assert GOOD not in repr(token)
    key = verifier.key(token.claims[GRANT_CLAIM]["key_reference"])
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


@pytest.mark.parametrize("key", ["", "ä" * 20, "sk\x00", "x" * 600])
async def test_what_cannot_be_a_key_is_refused_without_asking(
    calypso: Calypso, clock: Clock, key: str
) -> None:
    assert await CallerKeyVerifier(calypso.check, clock=clock).verify_token(key) is None
    assert calypso.asked == []


async def test_made_up_keys_do_not_push_out_who_is_being_served(calypso: Calypso, clock: Clock) -> None:
    verifier = CallerKeyVerifier(calypso.check, clock=clock)
    token = await verifier.verify_token(GOOD)
    assert token is not None
    assert token.claims is not None
    for number in range(10_001):
        assert await verifier.verify_token(f"sk-made-up-{number}") is None
    assert verifier.key(token.claims[GRANT_CLAIM]["key_reference"]) is not None
