"""Parses TOML in bounded time: `tomllib` takes time that grows with the square of the dots in one key.

It also walks the key of a table again for each line below it.
"""

from __future__ import annotations

import tomllib
from typing import Any, Final

#: Most work that a text may cause, in pairs of dots within one key: about five seconds of parsing.
_MOST_WORK: Final = 400_000_000
#: What one step along the key of the table costs, in the same unit.
_STEP_WORK: Final = 25


def parse_toml(text: str) -> dict[str, Any]:
    """Return the values of a TOML text.

    Raises:
        ValueError: It is not valid, or its keys have too many parts.
        RecursionError: It is nested too deeply.
    """
    if _work_of(text) > _MOST_WORK:
        raise ValueError("Its keys have too many parts.")
    return tomllib.loads(text)


def _work_of(text: str) -> int:
    work = deepest = 0
    for line in text.split("\n"):
        dots = line.count(".")
        # The deepest so far, not the last: a line that looks like a shallow table may be part of a string.
        if line.lstrip(" \t").startswith("["):
            deepest = max(deepest, dots)
        work += (dots + 1) * (dots + _STEP_WORK * deepest)
    return work
