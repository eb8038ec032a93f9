"""Counts what Calypso fetches for a caller: its size shows afterwards, so the most is set aside first."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from calypso_mcp.domain.declaration import Destination
from calypso_mcp.domain.file_state import FileState
from calypso_mcp.server.scope.request_scope import Access
from calypso_mcp.server.upload_quotas import Arrival


async def count_fetch(
    access: Access, destination: Destination, url: str, fetch: Callable[[], Awaitable[FileState]]
) -> FileState:
    """Return what `fetch` comes to, counted with its true size.

    Raises:
        QuotaExceeded: The largest source that there can be would not fit; nothing was fetched.
    """
    quotas, grant = access.state.quotas, access.grant
    bucket = destination.names[0]
    key = hashlib.sha256(url.encode(errors="replace")).hexdigest()
    admission = await quotas.admit(
        grant, [Arrival(bucket, f"room {key}", access.state.upload_limits.file_bytes)]
    )
    try:
        admission.require()
        fetched = await fetch()
    finally:
        # What was set aside is given back whatever came of it.
        await quotas.settle(grant, admission, [FileState(outcome="replayed")])
    if not fetched.is_replayed:
        size_bytes = fetched.size_bytes or 0
        await quotas.admit(grant, [Arrival(bucket, f"{key} {size_bytes}", size_bytes)])
    return fetched
