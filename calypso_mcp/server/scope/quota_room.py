"""Admits what fits a caller's quota, after giving back the room of sources that are gone.

A source may be removed or replaced by this caller or another, here or elsewhere. So that is not counted as it
happens, but looked up before anything would be refused. The size of what Calypso fetches shows afterwards, so
the most is set aside first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from calypso_mcp.api.connection import Extension
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.concurrency import map_parallel
from calypso_mcp.domain.limits import FILE_BYTES
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.errors import NotFound
from calypso_mcp.server.access.upload_quotas import Admission, Arrival, admit_all, make_arrivals
from calypso_mcp.server.scope.request_scope import Access

_PARALLEL_LOOKUPS = 8


async def admit_uploads(
    access: Access, uploads: Sequence[tuple[Upload, int]], *, counts: bool = True
) -> Admission:
    """Admit the uploads that fit, given with their sizes in bytes; see `UploadQuotas.admit`.

    Looks before at the buckets in which they do not fit. Without `counts` it only foresees what would be.
    """
    quotas, grant = access.state.quotas, access.grant
    if grant.quota.is_unlimited:
        return admit_all(uploads)
    arrivals = await make_arrivals(uploads)
    await make_room(access, arrivals)
    refusals = await quotas.foresee(grant, arrivals)
    refused = [position for position, refusal in enumerate(refusals) if refusal is not None]
    if refused:
        replaced = await access.client.uploads.find_replaced([uploads[position][0] for position in refused])
        for index, file_id in replaced.items():
            arrivals[refused[index]] = replace(arrivals[refused[index]], replaces=file_id)
    return await quotas.admit(grant, arrivals, counts=counts)


async def require_room(access: Access, declaration: Declaration) -> None:
    """Raise QuotaExceeded if not even the smallest source of this declaration fits; count nothing."""
    arrival = Arrival(declaration.destination.names[0], "", 1)
    await make_room(access, [arrival])
    (refusal,) = await access.state.quotas.foresee(access.grant, [arrival])
    if refusal is None:
        return
    before = await access.client.uploads.version_before(declaration)
    foreseen = await access.state.quotas.admit(access.grant, [arrival.in_place_of(before)], counts=False)
    foreseen.require()


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


async def make_room(access: Access, arrivals: Sequence[Arrival]) -> None:
    """Give back the room of what is gone, in the buckets in which `arrivals` would not fit otherwise."""
    quotas, grant = access.state.quotas, access.grant
    refusals = await quotas.foresee(grant, arrivals)
    full = {
        arrival.bucket for arrival, refusal in zip(arrivals, refusals, strict=True) if refusal is not None
    }
    if not full or not await access.backend.can(Extension.SOURCES):
        return
    for bucket in sorted(full):
        gone = await _gone(access, bucket, await quotas.counted_files(grant, bucket))
        await quotas.give_back(grant, bucket, gone)


async def _gone(access: Access, name: str, file_ids: Iterable[str]) -> list[str]:
    """Return which files are no longer in the bucket; `name` as in `Destination.names`."""
    kind, _, reference = name.partition(":")
    buckets = await access.buckets(include_archived=True, fresh=True)
    bucket = next(
        (bucket for bucket in buckets if reference == (bucket.id if kind == "id" else bucket.slug)), None
    )
    if bucket is None:
        return []
    listed = {source.id async for source in access.client.sources.every(bucket.id)}

    async def is_gone(file_id: str) -> bool:
        # The list alone proves nothing: it is read a page at a time while sources come and go.
        try:
            file = await access.client.files.get(file_id)
        except NotFound:
            return True
        return all(sync.bucket_id != bucket.id for sync in file.bucket_sync)

    missing = sorted(set(file_ids) - listed)
    looked = await map_parallel(is_gone, missing, limit=_PARALLEL_LOOKUPS)
    return [file_id for file_id, gone in zip(missing, looked, strict=True) if gone]
