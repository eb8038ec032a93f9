"""Uploading one file or many, from their bytes to accepted knowledge files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import anyio

from calypso_mcp.api.sources import Source
from calypso_mcp.api.states import state_of_file
from calypso_mcp.client.buckets.sources import BucketSources
from calypso_mcp.client.clock import Clock
from calypso_mcp.client.files import Files
from calypso_mcp.client.policies import ClientPolicies
from calypso_mcp.client.transport.connections import Connections
from calypso_mcp.client.transport.retrying import Retries
from calypso_mcp.client.uploading.batch_run import PENDING_RETRY, BatchTools
from calypso_mcp.client.uploading.batch_uploads import BatchUploads
from calypso_mcp.client.uploading.progress import TransferProgress
from calypso_mcp.client.uploading.recall import Recall
from calypso_mcp.client.uploading.relayed_upload import RelayedUpload
from calypso_mcp.client.uploading.sent_files import SentFiles
from calypso_mcp.client.uploading.single_upload import SingleUpload
from calypso_mcp.client.uploading.transfer import Transfer
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.client.uploading.versions import Found, Versions
from calypso_mcp.domain.states.file_state import EarlierVersion, FileState
from calypso_mcp.domain.uploads.declaration import Declaration, Destination, IfExists

#: What becomes of the version before, by what was asked for.
_FATES: Final[Mapping[IfExists, EarlierVersion]] = {
    "replace": "replaced",
    "keep_both": "beside",
    "skip": "kept",
}


class Uploads:
    """Everything that moves bytes. The number of files sent at once is limited over all calls together."""

    def __init__(
        self,
        *,
        files: Files,
        connections: Connections,
        policies: ClientPolicies,
        clock: Clock,
        dice: Callable[[], float],
        sent: SentFiles,
        sources: BucketSources,
    ) -> None:
        self._versions = Versions(sources, files, sent)
        self._sent = sent
        transfer = Transfer(connections, Retries(policies.storage_retry, clock, dice))
        recall = Recall(sent, files)
        self._single = SingleUpload(files, transfer, recall, sent)
        self.relay = RelayedUpload(files, transfer)
        sending = anyio.CapacityLimiter(policies.parallel_uploads)
        tools = BatchTools(files, sent, transfer, sending, Retries(PENDING_RETRY, clock, dice))
        self._many = BatchUploads(tools, recall)

    async def upload(self, upload: Upload, *, on_progress: Callable[[int], None] | None = None) -> FileState:
        """Upload one file, or find that it is there already. See `SingleUpload.run` for the errors.

        `on_progress` is called with the number of bytes newly acknowledged by the storage.
        """

        async def send(uploads: Sequence[Upload]) -> list[FileState]:
            # Not queued behind the files of a large batch: the connection pool bounds what is sent at once.
            return [await self._single.run(upload, on_progress) for upload in uploads]

        [state] = await self._send([upload], send)
        return state

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
            on_progress: Called with the progress whenever it has changed.

        Returns:
            One outcome for every input, in the order given.
        """
        return await self._send(uploads, lambda left: self._many.run(left, on_progress))

    async def _send(
        self,
        uploads: Sequence[Upload],
        send: Callable[[Sequence[Upload]], Awaitable[list[FileState]]],
    ) -> list[FileState]:
        """Send what the buckets do not hold already; returns one state for each upload, in their order."""
        found = await self._versions.find(uploads)
        await self._note_settled(found)
        before = await self._sent_before(found.uploads)
        left = found.left
        states = dict(found.settled)
        for index, state in zip(left, await send([found.uploads[index] for index in left]), strict=True):
            held = found.earlier.get(index)
            identified = replace(state, id=state.file_id or state.id)
            states[index] = _with_earlier(identified, found.uploads[index], held, before.get(index))
        return [states[index] for index in range(len(uploads))]

    async def sent_from(self, origins: Mapping[str, Iterable[str]], bucket_id: str) -> set[str]:
        """Return which files of a bucket this client sent last from one of the paths given by their ids."""
        bound = Declaration(destination=Destination(bucket_ids=(bucket_id,)))
        keys = [(file_id, bound.latest_key(origin)) for file_id, paths in origins.items() for origin in paths]
        sent = await self._sent.find([key for _, key in keys])
        # The id of a file whose upload was cut off is not known: it may never have arrived.
        return {file_id for file_id, key in keys if key in sent and sent[key].file_id == file_id}

    async def version_before(self, declaration: Declaration) -> FileState | None:
        """Return what will become of the version that a bucket holds when the next one is sent.

        If the backend cannot list sources, only this client's memory knows earlier versions.

        Returns:
            Its state, with `earlier` and `earlier_id`; None if no version is known.

        Raises:
            CalypsoError: The bucket could not be listed.
        """
        if declaration.if_exists is not None:
            held = await self._versions.newest(declaration)
            fate = _FATES[declaration.if_exists]
            if held is None:
                return None
            return replace(state_of_file(held), earlier=fate, earlier_id=held.id)
        key = declaration.latest_key(declaration.named_origin)
        before = (await self._sent.find([key])).get(key)
        if before is None or before.file_id is None:
            return None
        return FileState(earlier="beside", earlier_id=before.file_id)

    async def find_replaced(self, uploads: Sequence[Upload]) -> dict[int, str]:
        """Return the id of the source that each upload would replace, by its index; changes nothing.

        Raises:
            CalypsoError: A bucket could not be listed.
        """
        found = await self._versions.find(uploads, relabels=False)
        return {
            index: held.id
            for index, held in found.earlier.items()
            if uploads[index].declaration.if_exists == "replace"
        }

    async def note_sent(self, declaration: Declaration, file_id: str) -> None:
        """Remember a file that other code sent, so that its next version is recognised."""
        key = declaration.latest_key(declaration.named_origin)
        await self._sent.note({key: FileState(file_id=file_id)})

    async def _sent_before(self, uploads: Sequence[Upload]) -> dict[int, str]:
        """Return the file sent last from each origin, for backends that cannot list their sources."""
        keys = {
            index: upload.declaration.latest_key(upload.origins[0])
            for index, upload in enumerate(uploads)
            if upload.declaration.if_exists is None
        }
        sent = await self._sent.find(keys.values())
        return {
            index: file_id
            for index, key in keys.items()
            if key in sent and (file_id := sent[key].file_id) is not None
        }

    async def _note_settled(self, found: Found) -> None:
        """Remember the origins of files that were there already."""
        latest = {
            found.uploads[index].declaration.latest_key(origin): state
            for index, state in found.settled.items()
            if state.earlier != "kept"
            for origin in found.uploads[index].origins
        }
        await self._sent.note(latest)

    async def look_up_all(
        self,
        uploads: Sequence[Upload],
        *,
        on_progress: Callable[[TransferProgress], None] | None = None,
    ) -> list[FileState | None]:
        """Return what `upload_all` would find already there; sends nothing.

        Only what this client's memory knows is found: see `BatchUploads.look`. The state of what would be
        sent has no outcome, but says what would become of the version before; None if no version is known.
        """
        found = await self._versions.find(uploads, relabels=False)
        left = [index for index in found.left if index not in found.earlier]
        states: dict[int, FileState | None] = {**found.settled, **await self._foresee_versions(found)}
        states.update(
            zip(
                left,
                await self._many.look([found.uploads[index] for index in left], on_progress),
                strict=True,
            )
        )
        return [states.get(index) for index in range(len(uploads))]

    async def _foresee_versions(self, found: Found) -> dict[int, FileState]:
        keys = {
            index: upload.declaration.latest_key(upload.origins[0])
            for index in found.earlier
            if (upload := found.uploads[index]).origins
        }
        sent = await self._sent.find(keys.values())
        return {
            index: replace(
                _with_earlier(
                    FileState(outcome="accepted", changed=keys.get(index) in sent),
                    found.uploads[index],
                    held,
                    None,
                ),
                outcome=None,
            )
            for index, held in found.earlier.items()
        }


def _with_earlier(
    state: FileState, upload: Upload, held: Source | None, sent_before: str | None
) -> FileState:
    """Return the state of an upload with what becomes of the version before.

    `held` is the version in the bucket, if the backend lists its sources; if it does not, `sent_before` is
    the file that this client sent last from there.
    """
    if upload.declaration.if_exists is not None:
        # The bucket's list is the truth: a version that is gone from it is not an earlier one.
        if held is None or state.outcome != "accepted":
            return replace(state, changed=False)
        # Content without a path is known by its name alone, so what has the name is a version of it.
        changed = state.changed or upload.origin is None
        fate = _FATES[upload.declaration.if_exists]
        return replace(state, earlier=fate, earlier_id=held.id, changed=changed)
    if not state.changed or sent_before is None:
        return state
    if sent_before == state.file_id:
        # The same content, once with its labels and once without.
        return replace(state, changed=False)
    return replace(state, earlier_id=sent_before)
