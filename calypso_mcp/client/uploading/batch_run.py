"""Drives one `domain.batch_upload` over HTTP: create, bytes, finalize (seed: batch upload)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

import anyio

from calypso_mcp.api.batches import (
    AcceptedItem,
    BatchFile,
    BatchFinalized,
    CreateBatch,
    Manifest,
    ManifestItem,
)
from calypso_mcp.api.states import state_of_item, states_of_finalized
from calypso_mcp.client.files import Files
from calypso_mcp.client.transport.retrying import Retries
from calypso_mcp.client.uploading.preparation import Prepared, open_source
from calypso_mcp.client.uploading.progress import ProgressBoard
from calypso_mcp.client.uploading.sent_files import SentFiles, under_keys
from calypso_mcp.client.uploading.single_upload import EXPIRED, KEY_REUSED
from calypso_mcp.client.uploading.transfer import Transfer
from calypso_mcp.concurrency import for_each
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.batch_upload import MOST_FINALIZES, BatchStep, BatchUpload, FinalizeAnswer
from calypso_mcp.domain.uploads.declaration import Destination, batch_key
from calypso_mcp.errors import ApiError, CalypsoError, Conflict, SessionExpired, UploadError

logger = logging.getLogger(__name__)

#: Pauses between two finalizes while files that arrived are called pending.
PENDING_RETRY: Final = RetryPolicy(attempts=MOST_FINALIZES + 1, base_s=0.5, cap_s=4.0)


@dataclass(frozen=True, slots=True)
class BatchTools:
    """What every batch of a client shares.

    Attributes:
        files: The API side.
        sent: The record of sent files.
        transfer: The bytes.
        sending: Limits the files whose bytes are in flight, over all batches.
        finalizing: Repeats a finalize while files that arrived are called pending.
    """

    files: Files
    sent: SentFiles
    transfer: Transfer
    sending: anyio.CapacityLimiter
    finalizing: Retries


class BatchRun:
    """One batch on its way.

    After `run`, its `machine` says what became of each file.
    """

    def __init__(
        self,
        tools: BatchTools,
        items: Mapping[str, Prepared],
        board: ProgressBoard,
        *,
        renews: bool,
    ) -> None:
        """Take the files of one batch, at most 100, by `client_file_id`.

        `renews`: ask for new addresses in place of those that died, and leave files to another batch if the
        API no longer knows this one.
        """
        #: The error that kept the batch from being created.
        self.refusal: CalypsoError | None = None
        self.machine = BatchUpload(items, renews=renews)
        self._renews = renews
        self._tools = tools
        self._items = items
        self._board = board
        self._body = _create_request(items)
        self._addresses: dict[str, AcceptedItem] = {}

    async def run(self) -> None:
        """Run the batch to its end and remember what has arrived; raises nothing but cancellation."""
        steps = {
            BatchStep.CREATE: self._create,
            BatchStep.LOOK: self._look,
            BatchStep.SEND: self._send_all,
            BatchStep.RENEW: self._renew,
            BatchStep.FINALIZE: self._finalize,
            BatchStep.CHECK: self._check,
        }
        while self.machine.step is not BatchStep.DONE:
            await steps[self.machine.step]()
        arrived = {file_id: state for file_id, state in self.machine.states.items() if state.file_id}
        await self._note(arrived)

    async def _create(self) -> None:
        try:
            answer = await self._tools.files.create_batch(self._body)
        except CalypsoError as error:
            key_reused = isinstance(error, Conflict) and error.code == KEY_REUSED
            self.refusal = None if key_reused else error
            self.machine.refused(FileState.of_error(error), key_reused=key_reused)
            return
        is_known = await self._note_opened(answer.body.batch_id)
        self._addresses = {item.client_file_id: item for item in answer.body.accepted}
        rejected = {
            entry.client_file_id: entry.reason("rejected", "The API rejected the file and gave no reason.")
            for entry in answer.body.rejected
        }
        self.machine.created(
            answer.body.batch_id, self._addresses.keys(), rejected, replayed=answer.replayed or is_known
        )

    async def _note_opened(self, batch_id: str) -> bool:
        """Remember the batch before any byte is sent; returns whether an earlier run opened it."""
        sent, key = self._tools.sent, batch_key(self._items)
        before = await sent.opened([key])
        await sent.note_opened(key, batch_id)
        await self._note(dict.fromkeys(self._items, FileState(batch_id=batch_id)))
        return before.get(key) == batch_id

    async def _note(self, states: Mapping[str, FileState]) -> None:
        files = (
            (self._items[file_id], replace(state, client_file_id=file_id))
            for file_id, state in states.items()
        )
        await self._tools.sent.note(under_keys(files))

    async def _look(self) -> None:
        try:
            answer = await self._tools.files.finalize_batch(self._batch_id)
        except CalypsoError:
            self.machine.looked(None)
            return
        self.machine.looked(_finalize_answer(answer.body))
        left = self.machine.left
        known_bytes = sum(prepared.size_bytes for prepared in self._items.values())
        known_bytes -= sum(self._items[file_id].size_bytes for file_id in left)
        self._board.done(len(self._items) - len(left), known_bytes)

    async def _send_all(self) -> None:
        sending = self._tools.sending
        queue = iter(self.machine.to_send)

        async def send_some(_: int) -> None:
            # The next file takes a connection at once: the HTTP library checks all that are idle each time.
            async with sending:
                for file_id in queue:
                    await self._send(file_id, self._addresses[file_id])

        parallel = int(sending.total_tokens)
        await for_each(send_some, range(parallel), limit=parallel)
        self.machine.sent()

    async def _send(self, file_id: str, address: AcceptedItem) -> None:
        prepared = self._items[file_id]
        kept = 0

        def on_kept(count: int) -> None:
            nonlocal kept
            kept += count
            self._board.kept(count)

        try:
            with open_source(prepared.upload) as source:
                untouched = await self._tools.transfer.send(
                    address.upload_url.get_secret_value(),
                    prepared.content(source),
                    resumed=self.machine.resumed,
                    on_kept=on_kept,
                )
        except SessionExpired:
            self.machine.died(file_id)
        except CalypsoError as error:
            self.machine.broke(file_id, FileState.of_error(error))
        except Exception:
            # A fault of this program in one file must not cost the others.
            logger.exception("uploading a file of a batch failed unexpectedly")
            fault = UploadError(code="internal_error", retryable=False)
            self.machine.broke(file_id, FileState.of_error(fault))
        else:
            self.machine.arrived(file_id, brought=not untouched)
        self._board.done(1, prepared.size_bytes - kept)

    async def _renew(self) -> None:
        try:
            answer = await self._tools.files.create_batch(self._body)
        except CalypsoError as error:
            self.machine.renewal_failed(FileState.of_error(error))
            return
        fresh = {
            item.client_file_id: item
            for item in answer.body.accepted
            if (known := self._addresses.get(item.client_file_id)) and item.upload_url != known.upload_url
        }
        self._addresses.update(fresh)
        self.machine.renewed(fresh.keys())

    async def _finalize(self) -> None:
        await self._tools.finalizing.run(self._finalize_once)

    async def _finalize_once(self) -> None:
        try:
            answer = await self._tools.files.finalize_batch(self._batch_id)
        except CalypsoError as error:
            is_unknown = isinstance(error, ApiError) and error.status in EXPIRED
            self.machine.finalize_failed(FileState.of_error(error), is_unknown=is_unknown and self._renews)
            return
        self.machine.finalized(_finalize_answer(answer.body), repeated=answer.repeated)
        if self.machine.step is BatchStep.FINALIZE:
            raise UploadError("The API has not finalized every file that arrived.")

    async def _check(self) -> None:
        try:
            batch = await self._tools.files.get_batch(self._batch_id)
        except CalypsoError:
            self.machine.checked({})
        else:
            self.machine.checked({item.client_file_id: state_of_item(item) for item in batch.items or ()})

    @property
    def _batch_id(self) -> str:
        return self.machine.batch_id or ""


def _create_request(items: Mapping[str, Prepared]) -> CreateBatch:
    """Return the create request: equal for equal files, whatever order they came in."""
    ids = sorted(items)
    destinations = {prepared.declaration.destination for prepared in items.values()}
    is_shared = len(destinations) == 1
    return CreateBatch(
        manifest=Manifest(
            **asdict(destinations.pop() if is_shared else Destination()),
            batch_idempotency_key=batch_key(ids),
            items=tuple(
                ManifestItem(
                    client_file_id=client_id,
                    **ManifestItem.fields_of(items[client_id].declaration, routed=not is_shared),
                )
                for client_id in ids
            ),
        ),
        files=tuple(
            BatchFile(
                client_file_id=client_id,
                filename=items[client_id].declaration.filename,
                content_type=items[client_id].declaration.media_type,
                size_bytes=items[client_id].size_bytes,
            )
            for client_id in ids
        ),
    )


def _finalize_answer(answer: BatchFinalized) -> FinalizeAnswer:
    unexplained = "The API could not finalize the file."
    return FinalizeAnswer(
        finalized=states_of_finalized(answer.finalized),
        replayed=states_of_finalized(answer.replayed),
        failed={
            entry.client_file_id: entry.reason("finalize_failed", unexplained) for entry in answer.failed
        },
        pending={entry.client_file_id for entry in answer.pending},
    )
