"""The Calypso API that requests go to, as one API key sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from calypso_mcp.api.connection import Extension
from calypso_mcp.server.backends.abilities import Abilities
from calypso_mcp.server.backends.catalogue import Catalogue

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient

BackendLabel = Literal["hosted", "embedded"]


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
