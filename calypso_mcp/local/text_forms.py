"""How values are written as text: JSON, times, and names to be compared."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from calypso_mcp.domain.unicode_forms import normalize

_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def dump_json(value: Any) -> str:
    """Return `value` as compact JSON, the form its size is measured in."""
    return _COMPACT.encode(value)


@lru_cache(maxsize=1_024)
def parse_texts(text: str) -> tuple[str, ...]:
    """Return the JSON array of strings that a column holds; most rows hold the same few."""
    return tuple(json.loads(text))


@lru_cache(maxsize=1_024)
def format_time(seconds: float) -> str:
    """Return a Unix time as the API writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fold_case(text: str) -> str:
    """Return `text` in the form in which names are compared: the case of letters does not count."""
    return normalize("NFC", text).casefold()
