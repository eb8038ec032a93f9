"""Counts what Calypso fetches for a caller: its size shows afterwards, so the most is set aside first."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from calypso_mcp.domain.limits import FILE_BYTES
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.server.quotas.upload_quotas import Arrival
from calypso_mcp.server.scope.quota_room import make_room
from calypso_mcp.server.scope.request_scope import Access


async def count_fetch(
    access: Access, bucket: str, url: str, fetch: Callable[[], Awaitable[FileState]]
) -> FileState:
    """Fetch a page and count it with its true size, after the room of what is gone was given back.

    `bucket` is one of `Destination.names`; `fetch` has Calypso fetch the page.

    Raises:
        QuotaExceeded: The largest source that there can be would not fit; nothing was fetched.
    """
    quotas, grant = access.state.quotas, access.grant
    key = hashlib.sha256(url.encode(errors="replace")).hexdigest()
    largest = [Arrival(bucket, f"room {key}", FILE_BYTES)]
    await make_room(access, largest)
    admission = await quotas.admit(grant, largest)
    try:
        admission.require()
        fetched = await fetch()
    finally:
        # The room that was set aside is given back in any case.
        await quotas.settle(grant, admission, [FileState(outcome="replayed")])
    if not fetched.is_replayed:
        size_bytes = fetched.size_bytes or 0
        counted = await quotas.admit(grant, [Arrival(bucket, f"{key} {size_bytes}", size_bytes)])
        await quotas.settle(grant, counted, [fetched])
    return fetched
