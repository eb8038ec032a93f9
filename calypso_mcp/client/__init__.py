"""Typed async client of the Calypso REST API: upload, wait until searchable, search.

    async with CalypsoClient(base_url=base_url, api_key=api_key) as client:
        bucket = Destination(bucket="docs", create_missing_buckets=True)
        file = await client.uploads.upload(Upload(BytesSource(b"..."), Declaration("a.md", bucket)))
        await client.readiness.wait(ReadinessTarget(file_ids=(file.id,)), timeout_s=60)
        found = await client.search.search(SearchRequest(query="...", buckets=("docs",)))

What this package exports is public; its modules are not. Errors: `calypso_mcp.errors`.
The names below are loaded when first used: a server is started far more often than it makes a request.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calypso_mcp.api.search import SearchRequest
    from calypso_mcp.client.calypso_client import CalypsoClient
    from calypso_mcp.client.key_checks import KeyChecks
    from calypso_mcp.client.policies import ClientPolicies, Timeouts
    from calypso_mcp.client.readiness_target import ReadinessTarget
    from calypso_mcp.client.transport.connections import Connections
    from calypso_mcp.client.transport.pacing import CreatePacer
    from calypso_mcp.client.transport.sources import BytesSource
    from calypso_mcp.client.uploading.outcomes import TransferProgress, Upload
    from calypso_mcp.client.uploading.sent_ledger import LedgerFile, SentLedger, account_of
    from calypso_mcp.domain.declaration import Declaration, Destination
    from calypso_mcp.domain.file_state import FileState, Reason, StateReport
    from calypso_mcp.domain.readiness import Readiness

__all__ = [
    "BytesSource",
    "CalypsoClient",
    "ClientPolicies",
    "Connections",
    "CreatePacer",
    "Declaration",
    "Destination",
    "FileState",
    "KeyChecks",
    "LedgerFile",
    "Readiness",
    "ReadinessTarget",
    "Reason",
    "SearchRequest",
    "SentLedger",
    "StateReport",
    "Timeouts",
    "TransferProgress",
    "Upload",
    "account_of",
]

_HOMES = {
    "BytesSource": "calypso_mcp.client.transport.sources",
    "CalypsoClient": "calypso_mcp.client.calypso_client",
    "ClientPolicies": "calypso_mcp.client.policies",
    "Connections": "calypso_mcp.client.transport.connections",
    "CreatePacer": "calypso_mcp.client.transport.pacing",
    "Declaration": "calypso_mcp.domain.declaration",
    "Destination": "calypso_mcp.domain.declaration",
    "FileState": "calypso_mcp.domain.file_state",
    "KeyChecks": "calypso_mcp.client.key_checks",
    "LedgerFile": "calypso_mcp.client.uploading.sent_ledger",
    "Readiness": "calypso_mcp.domain.readiness",
    "ReadinessTarget": "calypso_mcp.client.readiness_target",
    "Reason": "calypso_mcp.domain.file_state",
    "SearchRequest": "calypso_mcp.api.search",
    "SentLedger": "calypso_mcp.client.uploading.sent_ledger",
    "StateReport": "calypso_mcp.domain.file_state",
    "Timeouts": "calypso_mcp.client.policies",
    "TransferProgress": "calypso_mcp.client.uploading.outcomes",
    "Upload": "calypso_mcp.client.uploading.outcomes",
    "account_of": "calypso_mcp.client.uploading.sent_ledger",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
