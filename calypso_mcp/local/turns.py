"""One request at a time for each upload; the newest wins.

A client that lost its connection asks again while its old request may still hang in the server. The old
one has lost its reader, so it must make way at once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio


@dataclass(slots=True)
class _Turn:
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    over: anyio.Event = field(default_factory=anyio.Event)


class Turns:
    """Who is at work on which upload in this process."""

    def __init__(self) -> None:
        self._current: dict[str, _Turn] = {}

    @asynccontextmanager
    async def take(self, key: str) -> AsyncGenerator[None]:
        """Run the block after any other of the same key was cancelled and has ended.

        The block may end early without an exception when a newer request takes its turn.
        """
        while (current := self._current.get(key)) is not None:
            current.scope.cancel()
            await current.over.wait()
        turn = self._current[key] = _Turn()
        try:
            with turn.scope:
                yield
        finally:
            del self._current[key]
            turn.over.set()
