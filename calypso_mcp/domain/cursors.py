"""Cursors of listings: a place in an order, as text that callers pass back unchanged."""

from __future__ import annotations

import base64
import json
from types import UnionType
from typing import Any, Final

from calypso_mcp.domain.json_values import is_list
from calypso_mcp.errors import InputError

#: SQLite keeps whole numbers in 64 bits.
_LARGEST: Final = 2**63 - 1


def write_cursor(*place: str | float) -> str:
    """Return a cursor for the last item that the reader has seen."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type | UnionType) -> tuple[Any, ...] | None:
    """Return the place that `write_cursor` wrote, of parts of these `kinds`; None for any other text."""
    try:
        place: object = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        # `write_cursor` never writes half a character or NaN.
        json.dumps(place, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):  # not ASCII, Base64, UTF-8 or JSON, or nested too deeply
        return None
    if not is_list(place) or len(place) != len(kinds) or not all(map(_fits, place, kinds)):
        return None
    return tuple(place)


def unknown_cursor(listing: str) -> InputError:
    """Return the error for a cursor that `listing`, a tool or a method of MCP, did not return."""
    return InputError(
        f"The cursor is not one that {listing} returned.",
        code="invalid_cursor",
        hint=f"Call {listing} without cursor, then pass its next_cursor unchanged.",
    )


def _fits(part: object, kind: type | UnionType) -> bool:
    """Whether a part has its type, and a number the size that a database can compare."""
    if isinstance(part, int | float) and (isinstance(part, bool) or abs(part) > _LARGEST):
        return False
    return isinstance(part, kind)
