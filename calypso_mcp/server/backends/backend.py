"""The Calypso API that requests go to, as one API key sees it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import anyio

from calypso_mcp.api.connection import Extension
from calypso_mcp.errors import CalypsoError
from calypso_mcp.server.backends.catalogue import Catalogue

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient

BackendLabel = Literal["hosted", "embedded"]
#: Longest wait of a list for the answer, in seconds. Hosts list the tools while they start.
_PATIENCE_S = 3.0


class Abilities:
    """What one backend can do beyond the published API."""

    def __init__(self, client: CalypsoClient, known: frozenset[Extension] | None = None) -> None:
        """Ask nothing yet; what is `known` need not be asked."""
        self._client = client
        self._known = known

    async def all(self) -> frozenset[Extension]:
        """Return what the backend can do; a slow one is waited for as long as the caller may wait.

        Raises:
            CalypsoError: It could not be asked.
        """
        return await self._client.connection.extensions() if self._known is None else self._known

    async def have(self, extension: Extension) -> bool:
        """Whether the backend can do this; raises as `all`."""
        return extension in await self.all()

    async def to_offer(self) -> frozenset[Extension]:
        """Return what a list offers: everything while the backend does not say what it can do.

        What a list leaves out counts as impossible, and hosts keep lists; a call finds out by itself.
        """
        with anyio.move_on_after(_PATIENCE_S), suppress(CalypsoError):
            found = await self.all()
            if not self._client.connection.is_assuming:
                return found
        return frozenset(Extension)


@dataclass(frozen=True, slots=True)
class Backend:
    """One Calypso API as one API key sees it."""

    client: CalypsoClient
    catalogue: Catalogue
    label: BackendLabel
    abilities: Abilities

    @classmethod
    def of(cls, client: CalypsoClient, label: BackendLabel) -> Backend:
        """Return the backend of an open client, with an empty catalogue."""
        # The embedded one is of this version: it need not be started to be known.
        known = frozenset(Extension) if label == "embedded" else None
        return cls(client, Catalogue(client), label, Abilities(client, known))
