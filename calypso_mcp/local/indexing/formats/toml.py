"""Parses TOML in bounded time: `tomllib` takes time that grows with the square of the dots in one key."""

from __future__ import annotations

import tomllib
from typing import Any, Final

#: Most that the squares of the dots in each line may come to: about five seconds of parsing.
_MOST_WORK: Final = 400_000_000


def parse_toml(text: str) -> dict[str, Any]:
    """Return the values of a TOML text.

    Raises:
        ValueError: It is not valid, or its keys have too many parts.
        RecursionError: It is nested too deeply.
    """
    if sum(line.count(".") ** 2 for line in text.split("\n")) > _MOST_WORK:
        raise ValueError("Its keys have too many parts.")
    return tomllib.loads(text)
