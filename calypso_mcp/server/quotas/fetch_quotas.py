"""Counts what Calypso fetches for a caller: its size shows afterwards, so the most is set aside first."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.server.quotas.upload_quotas import Arrival, UploadQuotas


async def count_fetch(
    quotas: UploadQuotas, grant: AccessGrant, page: Arrival, fetch: Callable[[], Awaitable[FileState]]
) -> FileState:
    """Fetch a page and count it with its true size.

    Args:
        quotas: The record to count in.
        grant: Of the caller.
        page: Its bucket; as key its address, as size the largest that it may have.
        fetch: Has Calypso fetch it.

    Raises:
        QuotaExceeded: The largest source that there can be would not fit; nothing was fetched.
    """
    key = hashlib.sha256(page.key.encode(errors="replace")).hexdigest()
    admission = await quotas.admit(grant, [Arrival(page.bucket, f"room {key}", page.size_bytes)])
    try:
        admission.require()
        fetched = await fetch()
    finally:
        # What was set aside is given back whatever came of it.
        await quotas.settle(grant, admission, [FileState(outcome="replayed")])
    if not fetched.is_replayed:
        size_bytes = fetched.size_bytes or 0
        await quotas.admit(grant, [Arrival(page.bucket, f"{key} {size_bytes}", size_bytes)])
    return fetched
