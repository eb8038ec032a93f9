"""Small curves in a line of text, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

_IN_MINUTES_FROM_S = 120
_LEVELS = " ▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[int], most: int) -> str:
    """Return a bar for each value; one of `most` fills the line."""
    top = len(_LEVELS) - 1
    # A few of many must not look like none.
    return "".join(_LEVELS[-(-value * top // most) if most else 0] for value in values)


def growth_lines(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how a bucket grew during its latest upload, as lines; none if nothing grew.

    Each point has `at` (ISO 8601), `sources` and `searchable`.
    """
    if not points:
        return []
    most = max(point["sources"] for point in points)
    first, last = points[0], points[-1]
    begun, ended = (datetime.fromisoformat(point["at"]) for point in (first, last))
    seconds = (ended - begun).total_seconds()
    took = f"{seconds / 60:,.0f} min" if seconds >= _IN_MINUTES_FROM_S else f"{seconds:.1f} s"
    rows = [(name, [point[name] for point in points]) for name in ("sources", "searchable")]
    return [
        f"Latest upload, {begun:%Y-%m-%d %H:%M} UTC, {took}:",
        *(f"  {name:<10}  {sparkline(values, most)}  {values[-1]:,}" for name, values in rows),
    ]
