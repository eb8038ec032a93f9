"""How a bucket grew, from the times at which its sources came and became searchable."""

from __future__ import annotations

import pytest

from calypso_mcp.cli.commands.sources.list import growth_lines, sparkline
from calypso_mcp.domain.growth import PAUSE_S, POINTS, Growth


@pytest.mark.parametrize(
    ("added", "begun"),
    [
        ([], None),
        ([5.0], 5.0),
        ([30.0, 10.0, 20.0], 10.0),
        ([0.0, PAUSE_S + 1, PAUSE_S + 2], PAUSE_S + 1),
        ([0.0, PAUSE_S, 2 * PAUSE_S], 0.0),
    ],
)
def test_the_latest_upload_begins_after_the_last_pause(added: list[float], begun: float | None) -> None:
    assert Growth.of(added, [], is_settled=False).latest_upload() == begun


def test_a_curve_ends_with_the_last_change_or_now() -> None:
    settled = Growth.of([0.0, 10.0], [47.0], is_settled=True).curve(0.0, now=1_000.0)
    assert (len(settled), settled[0], settled[-1]) == (POINTS, (0.0, 1, 0), (47.0, 2, 1))
    assert [point[1:] for point in settled[9:12]] == [(1, 0), (2, 0), (2, 0)]
    pending = Growth.of([0.0, 10.0], [47.0], is_settled=False).curve(0.0, now=1_000.0)
    assert pending[-1] == (1_000.0, 2, 1)
    set_back = Growth.of([0.0, 10.0], [47.0], is_settled=False).curve(0.0, now=5.0)
    assert set_back[-1] == (47.0, 2, 1)
    # What was there before an upload is counted from its beginning on.
    assert Growth.of([0.0, 900.0], [1.0, 901.0], is_settled=True).curve(900.0, 2_000.0)[0] == (900.0, 2, 1)


def test_a_terminal_shows_few_of_many_as_few() -> None:
    assert sparkline([0, 1, 500, 1_000], 1_000) == " \u2581\u2584\u2588"
    assert sparkline([0, 0], 0) == "  "
    points = [
        {"at": "2026-05-02T09:00:00.000Z", "sources": 8, "searchable": 0},
        {"at": "2026-05-02T09:00:04.500Z", "sources": 8, "searchable": 8},
    ]
    assert growth_lines(points) == [
        "Latest upload, 2026-05-02 09:00 UTC, 4.5 s:",
        "  sources     \u2588\u2588  8",
        "  searchable   \u2588  8",
    ]
    assert growth_lines([]) == []
