"""Conversation ids that every worker on one data folder can continue, also after a restart."""

from __future__ import annotations

from calypso_mcp.assembly.sealing import shared_or_own
from calypso_mcp.server.conversations import Conversations
from calypso_mcp.settings import Settings


def conversations(settings: Settings) -> Conversations:
    """Return what makes conversation ids; the data folder is not touched before the first of them."""

    def secret() -> bytes:
        works = "Conversations with agents can be continued"
        return shared_or_own(settings, works, lambda kept, _folder: kept)

    return Conversations(secret)
