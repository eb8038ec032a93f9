import json

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.domain.callers.access import RATE_WINDOW_S, AccessGrant, RateWindows, ScopeLimit
from calypso_mcp.domain.callers.quota import Quota

NAMES = st.frozensets(st.text(min_size=1, max_size=8), max_size=3)


@given(
    st.builds(
        AccessGrant,
        name=st.text(min_size=1),
        limit=st.none() | st.builds(ScopeLimit, NAMES, NAMES),
        read_only=st.booleans(),
        key_reference=st.text(),
        calls_per_minute=st.none() | st.integers(1),
        concurrent_calls=st.none() | st.integers(1),
        quota=st.builds(
            Quota, st.none() | st.integers(1), st.none() | st.integers(1), st.none() | st.integers(1)
        ),
        metrics=st.booleans(),
        expires_at=st.none() | st.integers(0),
        token_hash=st.text(),
    )
)
def test_a_grant_survives_its_journey_as_json(grant: AccessGrant) -> None:
    assert AccessGrant.from_claims(json.loads(json.dumps(grant.to_claims()))) == grant


def test_a_limit_to_nothing_does_not_become_no_limit() -> None:
    grant = AccessGrant("a", limit=ScopeLimit())
    assert AccessGrant.from_claims(grant.to_claims()).limit == ScopeLimit()


def test_a_grant_with_a_missing_field_is_refused_rather_than_widened() -> None:
    for field in AccessGrant("a").to_claims():
        claims = AccessGrant("a").to_claims()
        del claims[field]
        with pytest.raises(KeyError):
            AccessGrant.from_claims(claims)


def test_a_credential_is_void_from_its_moment_on_and_never_where_none_is_set() -> None:
    grant = AccessGrant("a", expires_at=1000)
    assert [grant.has_expired(now) for now in (999.9, 1000.0, 1000.1)] == [False, True, True]
    assert not AccessGrant("a").has_expired(1e12)


def test_the_call_after_the_last_allowed_one_waits_until_the_oldest_is_a_minute_old() -> None:
    windows = RateWindows()
    assert [windows.admit("a", 3, now) for now in (0.0, 1.0, 2.0)] == [None, None, None]
    assert windows.admit("a", 3, 10.0) == 50.0
    assert windows.admit("a", 3, 59.9) == pytest.approx(0.1)
    assert windows.admit("a", 3, 60.0) is None


def test_callers_are_counted_apart() -> None:
    windows = RateWindows()
    assert windows.admit("a", 1, 0.0) is None
    assert windows.admit("b", 1, 0.0) is None
    assert windows.admit("a", 1, 0.0) is not None


def test_a_lowered_limit_counts_at_once() -> None:
    windows = RateWindows()
    for now in range(5):
        assert windows.admit("a", 5, float(now)) is None
    assert windows.admit("a", 2, 5.0) == 58.0


@given(st.lists(st.floats(0, 20), max_size=60), st.integers(1, 5))
def test_no_window_of_a_minute_holds_more_calls_than_allowed(gaps: list[float], limit: int) -> None:
    windows, now, admitted = RateWindows(), 0.0, []
    for gap in gaps:
        now += gap
        if windows.admit("a", limit, now) is None:
            admitted.append(now)
    for start in admitted:
        assert sum(start <= moment < start + RATE_WINDOW_S for moment in admitted) <= limit
