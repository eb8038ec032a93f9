"""One request at a time for each upload; the newest wins.

A client that lost its connection asks again while its old request may still hang in the server. The old
one has lost its reader, so it must stop at once, and must not start after a newer one has arrived.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import anyio

#: Uploads whose last request is remembered.
REMEMBERED = 4_096


@dataclass(slots=True)
class _Turn:
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    over: anyio.Event = field(default_factory=anyio.Event)


class Overtaken(Exception):
    """A newer request of the same upload came first."""


class Turns:
    """The current and the newest request of each upload in this process."""

    def __init__(self) -> None:
        self._tickets = count()
        self._last_ticket: dict[str, int] = {}
        self._current: dict[str, _Turn] = {}

    def arrive(self) -> int:
        """Return the ticket of a request; call before anything is awaited."""
        return next(self._tickets)

    @asynccontextmanager
    async def take(self, key: str, ticket: int) -> AsyncGenerator[None]:
        """Cancel any older request of the same key, wait until it has ended, then run the block.

        The block may end early without an exception when a newer request takes its turn.

        Raises:
            Overtaken: There was a newer request already.
        """
        if self._last_ticket.get(key, -1) > ticket:
            raise Overtaken
        self._remember(key, ticket)
        while (current := self._current.get(key)) is not None:
            current.scope.cancel()
            await current.over.wait()
            if self._last_ticket.get(key) != ticket:
                raise Overtaken
        turn = self._current[key] = _Turn()
        try:
            with turn.scope:
                yield
        finally:
            del self._current[key]
            turn.over.set()

    def _remember(self, key: str, ticket: int) -> None:
        self._last_ticket.pop(key, None)
        self._last_ticket[key] = ticket
        while len(self._last_ticket) > REMEMBERED:
            del self._last_ticket[next(iter(self._last_ticket))]
