"""What the checks of an installation find, for the page: many may ask, but the checks run rarely."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import anyio

#: How long findings are reused, and how soon the checks may run again, in seconds: they read the whole
#: store.
_KEPT_S = 300.0
_SOONEST_S = 5.0

#: Runs every check and returns the findings as JSON.
Look = Callable[[], Awaitable[Sequence[Mapping[str, str]]]]


class Findings:
    """The findings of one server."""

    def __init__(self, look: Look, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare; the checks run when findings are first asked for."""
        self._look = look
        self._clock = clock
        self._looking = anyio.Lock()
        self._found: Sequence[Mapping[str, str]] = ()
        self._found_at = float("-inf")

    async def found(self, *, anew: bool) -> dict[str, Any]:
        """Return the findings and their age in seconds: of the last minutes, or made `anew`."""
        async with self._looking:
            if self._clock() - self._found_at >= (_SOONEST_S if anew else _KEPT_S):
                self._found = await self._look()
                self._found_at = self._clock()
            return {"findings": list(self._found), "age_s": int(self._clock() - self._found_at)}
