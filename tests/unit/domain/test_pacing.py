from __future__ import annotations

import pytest

from calypso_mcp.domain.pacing import SlidingWindow


def test_the_sixth_request_waits_for_a_second_after_the_first_answer() -> None:
    window = SlidingWindow(5)
    for _ in range(5):
        assert window.wait_s(0.0) == 0.0
        window.start()
    for answered_at in (0.3, 0.4, 0.5, 0.6, 0.7):
        window.answer(answered_at)

    assert window.wait_s(0.8) == pytest.approx(0.5)
    assert window.wait_s(1.3) == 0.0


def test_with_all_turns_under_way_only_an_answer_helps() -> None:
    window = SlidingWindow(1)
    window.start()

    assert window.wait_s(100.0) is None

    window.answer(100.0)

    assert window.wait_s(100.0) == 1.0


def test_requests_under_way_and_just_answered_count_together() -> None:
    window = SlidingWindow(3)
    for _ in range(3):
        window.start()
    window.answer(10.0)

    assert window.wait_s(10.5) == 0.5
