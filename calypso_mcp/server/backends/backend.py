"""The Calypso API that requests go to, as one API key sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import anyio

from calypso_mcp.api.connection import Extension
from calypso_mcp.errors import CalypsoError, ConnectionFailed
from calypso_mcp.server.backends.catalogue import Catalogue

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient

BackendLabel = Literal["hosted", "embedded"]
#: Longest wait for the answer, in seconds: a list of tools waits for it.
_PATIENCE_S = 3.0


class Abilities:
    """What one backend can do beyond the published API: asked once, and remembered from then on."""

    def __init__(self, client: CalypsoClient, known: frozenset[Extension] | None = None) -> None:
        """Ask nothing yet.

        Args:
            client: Whom to ask.
            known: What its backend can do, where that need not be asked.
        """
        self._client = client
        self._known = known

    async def all(self) -> frozenset[Extension]:
        """Return what the backend can do.

        Raises:
            CalypsoError: It could not be asked.
        """
        if self._known is None:
            with anyio.move_on_after(_PATIENCE_S):
                self._known = await self._client.connection.extensions()
        if self._known is None:
            raise ConnectionFailed(f"The API did not answer within {_PATIENCE_S:g} s.")
        return self._known

    async def have(self, extension: Extension) -> bool:
        """Whether the backend can do this; raises as `all`."""
        return extension in await self.all()

    async def known(self) -> frozenset[Extension]:
        """Return what the backend is known to be able to do: nothing, for now, while it does not answer."""
        try:
            return await self.all()
        except CalypsoError:
            return frozenset()


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
