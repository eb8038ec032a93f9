from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.server.conversations import Conversations, Turn, new_conversation_id, reach_digest

CONVERSATIONS = Conversations(lambda: b"the same in every worker")
ONE = AccessGrant(name="one")
TURN = Turn("calypso-agent:support", "resp_0123456789abcdef01234567", reach_digest(["bucket_a"]))


def test_an_id_opens_for_its_caller_and_shows_nothing() -> None:
    made = CONVERSATIONS.seal(TURN, ONE)
    assert CONVERSATIONS.open(made, ONE) == TURN
    assert re.fullmatch(r"conv_[\w-]{100,140}", made)
    assert made != CONVERSATIONS.seal(TURN, ONE)


@pytest.mark.parametrize(
    "other",
    [
        AccessGrant(name="two"),
        AccessGrant(name=""),
        AccessGrant(name="one", key_reference="env:OTHER_KEY"),
    ],
)
def test_an_id_opens_for_nobody_else(other: AccessGrant) -> None:
    assert CONVERSATIONS.open(CONVERSATIONS.seal(TURN, ONE), other) is None


def test_an_id_opens_under_no_other_secret() -> None:
    other = Conversations(lambda: b"another secret, as long")
    assert other.open(CONVERSATIONS.seal(TURN, ONE), ONE) is None
    assert Conversations().open(Conversations().seal(TURN, ONE), ONE) is None


@given(st.one_of(st.text(max_size=200), st.text("abcdXYZ019_-=", max_size=200).map("conv_{}".format)))
def test_whatever_is_made_up_opens_to_nothing(text: str) -> None:
    assert CONVERSATIONS.open(text, ONE) is None


@given(st.integers(min_value=5), st.sampled_from("abXY09_-"))
def test_an_id_with_one_other_character_opens_to_nothing_else(place: int, letter: str) -> None:
    made = CONVERSATIONS.seal(TURN, ONE)
    place = 5 + place % (len(made) - 5)
    changed = made[:place] + letter + made[place + 1 :]
    # The last character may hold bits that say nothing.
    assert CONVERSATIONS.open(changed, ONE) == (TURN if changed == made else None) or place == len(made) - 1


def test_an_overlong_id_is_not_even_read() -> None:
    assert CONVERSATIONS.open("conv_" + "a" * 10_000_000, ONE) is None


def test_the_apis_own_ids_are_32_hex_digits_and_never_the_same() -> None:
    assert re.fullmatch("conv_[0-9a-f]{32}", new_conversation_id())
    assert new_conversation_id() != new_conversation_id()


def test_the_digest_of_buckets_knows_no_order() -> None:
    assert reach_digest(["a", "b"]) == reach_digest(("b", "a")) != reach_digest(["a"])
