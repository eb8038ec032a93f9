"""Typed async client of the Calypso REST API.

The names below are loaded when first used: a server is started far more often than it makes a request.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calypso_mcp.client.calypso_client import CalypsoClient
    from calypso_mcp.client.key_checks import KeyChecks
    from calypso_mcp.client.policies import ClientPolicies, Timeouts
    from calypso_mcp.client.transport.connections import Connections
    from calypso_mcp.client.transport.pacing import CreatePacer
    from calypso_mcp.client.uploading.sent_ledger import LedgerFile, SentLedger, account_of

__all__ = [
    "CalypsoClient",
    "ClientPolicies",
    "Connections",
    "CreatePacer",
    "KeyChecks",
    "LedgerFile",
    "SentLedger",
    "Timeouts",
    "account_of",
]

_HOMES = {
    "CalypsoClient": "calypso_client",
    "ClientPolicies": "policies",
    "Connections": "transport.connections",
    "CreatePacer": "transport.pacing",
    "KeyChecks": "key_checks",
    "LedgerFile": "uploading.sent_ledger",
    "SentLedger": "uploading.sent_ledger",
    "Timeouts": "policies",
    "account_of": "uploading.sent_ledger",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
