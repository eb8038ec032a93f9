"""How many uploads may be created per second (seed: single upload), over all processes."""

from __future__ import annotations

import sqlite3

from calypso_mcp.local.refusals import Refusal

_WINDOW_S = 1.0


def count_create(connection: sqlite3.Connection, *, per_second: int | None, now: float) -> None:
    """Count one create request of the team, single or batch, in the transaction that carries it out.

    Raises:
        Refusal: The requests of the last second reach the limit (429).
    """
    if per_second is None:
        return
    # A time in the future was recorded before the clock was set back.
    connection.execute("DELETE FROM creates WHERE at <= ? OR at > ?", (now - _WINDOW_S, now + _WINDOW_S))
    (counted,) = connection.execute("SELECT count(*) FROM creates").fetchone()
    if counted >= per_second:
        raise Refusal(
            429,
            "rate_limited",
            f"At most {per_second} uploads may be created per second.",
            retryable=True,
            # Whole seconds are all that the header can say.
            headers={"Retry-After": "1"},
        )
    connection.execute("INSERT INTO creates (at) VALUES (?)", (now,))
