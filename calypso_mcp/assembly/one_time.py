"""One-time upload addresses, with a secret and a memory that all workers on one data folder share."""

from __future__ import annotations

from pathlib import Path

from calypso_mcp.assembly.access import Callers
from calypso_mcp.assembly.sealing import shared_or_own
from calypso_mcp.server.one_time.one_time_uploads import OneTimePolicy, OneTimeUploads
from calypso_mcp.server.one_time.tickets import TicketSeal
from calypso_mcp.server.one_time.upload_ledger import LEDGER_FILE, UploadLedger
from calypso_mcp.settings import Settings


def one_time_uploads(settings: Settings, callers: Callers) -> OneTimeUploads:
    """Return what hands out upload addresses."""

    def sealed(secret: bytes, folder: Path | None) -> tuple[TicketSeal, UploadLedger]:
        return TicketSeal(secret), UploadLedger(folder / LEDGER_FILE if folder else None)

    seal, ledger = shared_or_own(settings, "One-time upload addresses work", sealed)
    return OneTimeUploads(
        seal,
        ledger,
        OneTimePolicy(public_url=settings.public_url),
        current_grant=callers.current_grant,
        caller_key=callers.brought_key,
    )
