from __future__ import annotations

import pytest

from calypso_mcp.page.sessions import LINK_S, MOST_USED, SESSION_S, LinkSessions, Passes, link_passes

KEY = "sk_test_0123456789abcdef"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> LinkSessions:
    return LinkSessions(KEY, "run-1", clock)


async def test_a_link_begins_one_session_in_place_of_the_key(sessions: LinkSessions, clock: Clock) -> None:
    link = link_passes(KEY, "run-1", clock).make(LINK_S)
    cookie = await sessions.begin(link)
    assert cookie is not None
    assert KEY not in link + cookie
    assert await sessions.headers(cookie) == {"Authorization": f"Bearer {KEY}"}
    assert await sessions.begin(link) is None


async def test_a_link_and_a_session_end(sessions: LinkSessions, clock: Clock) -> None:
    passes = link_passes(KEY, "run-1", clock)
    late, early = passes.make(LINK_S), passes.make(LINK_S)
    cookie = await sessions.begin(early)
    clock.now += LINK_S
    assert await sessions.begin(late) is None
    assert cookie is not None
    clock.now += SESSION_S - LINK_S - 1
    assert await sessions.headers(cookie) is not None
    clock.now += 1
    assert await sessions.headers(cookie) is None


async def test_used_links_are_remembered_until_they_end_and_no_more_of_them(
    sessions: LinkSessions, clock: Clock
) -> None:
    passes = link_passes(KEY, "run-1", clock)
    for _ in range(MOST_USED):
        assert await sessions.begin(passes.make(LINK_S)) is not None
    assert await sessions.begin(passes.make(LINK_S)) is None
    clock.now += LINK_S
    assert await sessions.begin(passes.make(LINK_S)) is not None


async def test_a_session_outlives_its_process_a_link_does_not(sessions: LinkSessions, clock: Clock) -> None:
    passes = link_passes(KEY, "run-1", clock)
    cookie = await sessions.begin(passes.make(LINK_S))
    restarted = LinkSessions(KEY, "run-2", clock)
    assert cookie is not None
    assert await restarted.headers(cookie) is not None
    assert await restarted.begin(passes.make(LINK_S)) is None


async def test_another_key_makes_no_link_and_no_session(sessions: LinkSessions, clock: Clock) -> None:
    other = LinkSessions("sk_other", "run-1", clock)
    assert await sessions.begin(link_passes("sk_other", "run-1", clock).make(LINK_S)) is None
    cookie = await other.begin(link_passes("sk_other", "run-1", clock).make(LINK_S))
    assert cookie is not None
    assert await sessions.headers(cookie) is None


@pytest.mark.parametrize(
    "given", ["", ".", "..", "1.2.3", "9999999999.nonce.signature", "\u0663.a.b", "é.é.é", "x" * 10_000]
)
async def test_what_is_no_pass_opens_nothing(sessions: LinkSessions, given: str) -> None:
    assert await sessions.begin(given) is None
    assert await sessions.headers(given) is None


async def test_a_pass_is_good_for_its_own_purpose_only(sessions: LinkSessions, clock: Clock) -> None:
    link = link_passes(KEY, "run-1", clock).make(LINK_S)
    assert await sessions.headers(link) is None
    cookie = await sessions.begin(link)
    assert cookie is not None
    assert await sessions.begin(cookie) is None


def test_a_changed_expiry_is_noticed(clock: Clock) -> None:
    made = Passes(KEY, "test", clock).make(10)
    expiry, rest = made.split(".", 1)
    assert Passes(KEY, "test", clock).expiry(made) == int(expiry)
    assert Passes(KEY, "test", clock).expiry(f"{int(expiry) + 1}.{rest}") is None
