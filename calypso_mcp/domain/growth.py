"""How a bucket grew: its sources, and those of them that were searchable, at even steps of time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Steps of a curve.
POINTS: Final = 48
#: A pause of this length, in seconds, ends an upload: a source that comes later belongs to the next one.
PAUSE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Growth:
    """What happened to the sources that a bucket holds; times in seconds since 1970, each list sorted.

    Attributes:
        added: When each source was added.
        ready: When each searchable source became searchable.
        is_settled: Whether no source is pending.
    """

    added: Sequence[float]
    ready: Sequence[float]
    is_settled: bool

    @classmethod
    def of(cls, added: Sequence[float], ready: Sequence[float], *, is_settled: bool) -> Growth:
        """Sort the times."""
        return cls(sorted(added), sorted(ready), is_settled)

    def latest_upload(self) -> float | None:
        """Return when the latest upload began: after the last pause between two sources."""
        begun = self.added[-1] if self.added else None
        for earlier, later in zip(reversed(self.added[:-1]), reversed(self.added), strict=False):
            if later - earlier > PAUSE_S:
                break
            begun = earlier
        return begun

    def curve(self, start: float, now: float) -> list[tuple[float, int, int]]:
        """Return (time, sources, searchable sources) from `start` until the last change; `now` if pending."""
        last = max([*self.added[-1:], *self.ready[-1:], start])
        end = last if self.is_settled else max(now, last)
        steps = [start + (end - start) * step / (POINTS - 1) for step in range(POINTS)]
        return [(at, bisect_right(self.added, at), bisect_right(self.ready, at)) for at in steps]
