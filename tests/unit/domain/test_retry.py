from __future__ import annotations

from datetime import UTC, datetime

import pytest

from calypso_mcp.domain.retry import RetryPolicy, is_retryable_status, parse_retry_after

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
POLICY = RetryPolicy(attempts=5, base_s=0.5, factor=2.0, cap_s=3.0, retry_after_cap_s=20.0)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_answers_that_change_by_themselves_are_worth_another_attempt(status: int) -> None:
    assert is_retryable_status(status)


@pytest.mark.parametrize(
    "status", [200, 301, 308, 400, 401, 403, 404, 405, 409, 410, 413, 422, 425, 501, 507]
)
def test_answers_that_stay_the_same_are_not(status: int) -> None:
    assert not is_retryable_status(status)


@pytest.mark.parametrize(
    ("attempt", "jitter", "expected"),
    [
        (1, 1.0, 0.5),
        (1, 0.0, 0.25),
        (2, 1.0, 1.0),
        (3, 1.0, 2.0),
        (4, 1.0, 3.0),
        (4, 0.5, 2.25),
        (5, 1.0, None),
        (6, 1.0, None),
    ],
)
def test_the_wait_doubles_up_to_its_cap_until_the_attempts_are_used_up(
    attempt: int, jitter: float, expected: float | None
) -> None:
    assert POLICY.delay_s(attempt, retryable=True, jitter=jitter) == expected


def test_what_cannot_get_better_is_given_up_at_once() -> None:
    assert POLICY.delay_s(1, retryable=False, retry_after_s=1.0) is None


def test_the_server_is_never_asked_earlier_than_it_wants() -> None:
    assert POLICY.delay_s(1, retryable=True, retry_after_s=7.0, jitter=0.0) == 7.0
    assert POLICY.delay_s(1, retryable=True, retry_after_s=7.0, jitter=1.0) == pytest.approx(7.1)


def test_a_longer_wait_than_ours_to_give_is_handed_back() -> None:
    assert POLICY.delay_s(1, retryable=True, retry_after_s=20.0) is not None
    assert POLICY.delay_s(1, retryable=True, retry_after_s=20.1) is None


def test_a_thousandth_attempt_does_not_overflow() -> None:
    patient = RetryPolicy(attempts=100_000)

    assert patient.delay_s(99_999, retryable=True) == patient.cap_s


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("2", 2.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 13:00:30 +0100", 30.0),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30.0),
        ("Fri, 20 Nov 2026 11:59:00 GMT", 0.0),
        ("1" + "0" * 400, 86_400.0),
        ("Fri, 20 Nov 9999 12:00:00 GMT", 86_400.0),
        ("-3", None),
        ("soon", None),
        ("", None),
        (".", None),
        ("٣", None),
        ("1e3", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_never_breaks(
    header: str | None, expected: float | None
) -> None:
    assert parse_retry_after(header, now=NOW) == expected
