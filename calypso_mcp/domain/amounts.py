"""Sizes and lists as people and models read them: no scientific notation, no list without end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_UNITS = ((1_000_000, "MB"), (1_000, "KB"))


def format_bytes(size_bytes: float) -> str:
    """Return a size in the largest decimal unit that leaves at least one: "812 B", "4.1 KB", "26.2 MB"."""
    for unit, name in _UNITS:
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes:.0f} B"


def join_first(values: Sequence[T], most: int, write: Callable[[T], str] = str) -> str:
    """Return the first `most` values as `write` names them, and how many are left out: "a, b and 3 more"."""
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(map(write, values[:most])) + more
