"""Uploading one file or many, from their bytes to accepted knowledge files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import anyio

from calypso_mcp.api.sources import Source
from calypso_mcp.client.batches import Batches
from calypso_mcp.client.buckets.sources import BucketSources
from calypso_mcp.client.clock import Clock
from calypso_mcp.client.files import Files
from calypso_mcp.client.policies import ClientPolicies
from calypso_mcp.client.transport.retrying import Retries
from calypso_mcp.client.transport.storage import Storage
from calypso_mcp.client.uploading.batch_run import PENDING_RETRY, BatchTools
from calypso_mcp.client.uploading.batch_uploads import BatchUploads
from calypso_mcp.client.uploading.outcomes import TransferProgress, Upload
from calypso_mcp.client.uploading.recall import Recall
from calypso_mcp.client.uploading.relayed_upload import RelayedUpload
from calypso_mcp.client.uploading.sent_files import SentFiles
from calypso_mcp.client.uploading.single_upload import SingleUpload
from calypso_mcp.client.uploading.transfer import Transfer
from calypso_mcp.client.uploading.versions import Found, Versions
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.domain.uploads.recollection import SentFile

__all__ = ["TransferProgress", "Upload", "Uploads"]


class Uploads:
    """Everything that moves bytes. The number of files sent at once is limited over all calls together."""

    def __init__(
        self,
        *,
        files: Files,
        batches: Batches,
        storage: Storage,
        policies: ClientPolicies,
        clock: Clock,
        dice: Callable[[], float],
        sent: SentFiles,
        sources: BucketSources,
    ) -> None:
        """Use the API side, the storage side and the memory of one client."""
        self._versions = Versions(sources)
        self._sent = sent
        transfer = Transfer(storage, Retries(policies.storage_retry, clock, dice))
        recall = Recall(sent, batches, files)
        self._single = SingleUpload(files, transfer, recall, sent, policies.limits)
        self.relay = RelayedUpload(files, transfer)
        sending = anyio.CapacityLimiter(policies.parallel_uploads)
        tools = BatchTools(batches, transfer, sending, Retries(PENDING_RETRY, clock, dice))
        self._many = BatchUploads(tools, recall, sent, policies.limits, clock)

    async def upload(self, upload: Upload, *, on_progress: Callable[[int], None] | None = None) -> FileState:
        """Upload one file, or find that it is there already. See `SingleUpload.run` for the errors.

        Args:
            upload: The file.
            on_progress: Told the number of bytes newly acknowledged by the storage.
        """
        found = await self._versions.find([upload])
        await self._note_settled([upload], found)
        if 0 in found.settled:
            return found.settled[0]
        # Not queued behind the files of a large batch: the connection pool bounds what is sent at once.
        before = await self._sent_before(upload)
        state = await self._single.run(upload, on_progress, is_superseded=_is_superseded(found, 0, upload))
        if state.changed and before not in (None, state.file_id):
            state = replace(state, earlier_id=before)
        return _with_earlier(state, upload, found.earlier.get(0))

    async def upload_all(
        self,
        uploads: Sequence[Upload],
        *,
        on_progress: Callable[[TransferProgress], None] | None = None,
    ) -> list[FileState]:
        """Upload any number of files.

        Divided into batches of at most 100. Calling again with the same files continues where it stopped
        and repeats nothing. What goes wrong with one file is its outcome and touches no other.

        Args:
            uploads: The files; of sources given as factories only those in flight are open.
            on_progress: Told of progress, at least every few seconds.

        Returns:
            One outcome for every input, in the order given.
        """
        found = await self._versions.find(uploads)
        await self._note_settled(uploads, found)
        left = [index for index in range(len(uploads)) if index not in found.settled]
        states = dict(found.settled)
        superseded = [
            position for position, index in enumerate(left) if _is_superseded(found, index, uploads[index])
        ]
        sent = await self._many.run([uploads[index] for index in left], on_progress, superseded)
        for index, state in zip(left, sent, strict=True):
            states[index] = _with_earlier(state, uploads[index], found.earlier.get(index))
        return [states[index] for index in range(len(uploads))]

    async def sent_from(self, origins: Mapping[str, str], bucket_id: str) -> set[str]:
        """Return the knowledge files that this client sent last from where they are said to come from.

        Args:
            origins: Absolute path by id of the knowledge file.
            bucket_id: Where they were sent to.
        """
        bound = Declaration(destination=Destination(bucket_ids=(bucket_id,)))
        keys = {file_id: bound.latest_key(origin) or "" for file_id, origin in origins.items()}
        sent = await self._sent.find(list(keys.values()))
        # Of what was cut off on its way the id is not known.
        return {
            file_id for file_id, key in keys.items() if key in sent and sent[key].file_id in (None, file_id)
        }

    async def _sent_before(self, upload: Upload) -> str | None:
        """Return the knowledge file sent last from where an upload comes; None where it is unknown."""
        key = upload.declaration.latest_key(upload.origin)
        sent = await self._sent.find([key]) if key is not None else {}
        return sent[key].file_id if key in sent else None

    async def _note_settled(self, uploads: Sequence[Upload], found: Found) -> None:
        """Remember where files lie that were there already, so that they are known to come from there."""
        latest = {
            uploads[index].declaration.latest_key(uploads[index].origin): SentFile(
                state.file_id, state.task_id
            )
            for index, state in found.settled.items()
            if state.earlier != "kept"
        }
        await self._sent.note({key: file for key, file in latest.items() if key is not None})

    async def look_up_all(
        self,
        uploads: Sequence[Upload],
        *,
        on_progress: Callable[[TransferProgress], None] | None = None,
    ) -> list[FileState | None]:
        """Return what `upload_all` would find already there; None for what it would send. Sends nothing.

        Only what this client's memory knows is found: see `BatchUploads.look`.
        """
        found = await self._versions.find(uploads, relabels=False)
        left = [index for index in range(len(uploads)) if index not in {**found.settled, **found.earlier}]
        states: dict[int, FileState | None] = {**found.settled}
        states.update(
            zip(left, await self._many.look([uploads[index] for index in left], on_progress), strict=True)
        )
        return [states.get(index) for index in range(len(uploads))]


def _is_superseded(found: Found, index: int, upload: Upload) -> bool:
    return index in found.earlier and upload.declaration.if_exists == "replace"


def _with_earlier(state: FileState, upload: Upload, earlier: Source | None) -> FileState:
    """Return `state` with what becomes of the version that the bucket holds."""
    if earlier is None or state.outcome != "accepted":
        return state
    word = "replaced" if upload.declaration.if_exists == "replace" else "beside"
    return replace(state, earlier=word, earlier_id=earlier.id)
