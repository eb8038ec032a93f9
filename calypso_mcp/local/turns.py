"""One request at a time for each upload; the newest wins.

A client that lost its connection asks again while its old request may still hang in the server. The old
one has lost its reader, so it must stop at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio

T = TypeVar("T")


@dataclass(slots=True)
class _Turn:
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    over: anyio.Event = field(default_factory=anyio.Event)


class Turns:
    """The newest request of each upload in this process."""

    def __init__(self) -> None:
        self._newest: dict[str, _Turn] = {}

    async def take(self, key: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """Cancel the work of older requests of the same key, wait until it has ended, and do `work`.

        Returns None if a newer request came before it was done.
        """
        older = self._newest.get(key)
        turn = self._newest[key] = _Turn()
        try:
            if older is not None:
                older.scope.cancel()
                with anyio.CancelScope(shield=True):  # a newer one waits for this one, and so for that
                    await older.over.wait()
            with turn.scope:
                return None if turn.scope.cancel_called else await work()
        finally:
            if self._newest[key] is turn:
                del self._newest[key]
            turn.over.set()
        return None
