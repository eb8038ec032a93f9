"""What one backend can do beyond the published API: asked once, and remembered from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from calypso_mcp.api.connection import Extension
from calypso_mcp.errors import CalypsoError, ConnectionFailed

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient

#: Longest wait for the answer, in seconds: a list of tools waits for it.
_PATIENCE_S = 3.0


class Abilities:
    """The extensions of the backend behind one client."""

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
