"""One API batch: create, bytes, finalize (seed: batch upload). Every file of it gets one verdict."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import anyio

from calypso_mcp.api.batches import AcceptedItem, BatchFinalized, BatchSession, CreateBatch
from calypso_mcp.client.batches import Batches
from calypso_mcp.client.clock import Clock
from calypso_mcp.client.transport.requester import Answer
from calypso_mcp.client.uploading.batch_body import create_request, problem_of
from calypso_mcp.client.uploading.outcomes import Reason, Verdict
from calypso_mcp.client.uploading.preparation import Prepared, opened
from calypso_mcp.client.uploading.progress import ProgressBoard
from calypso_mcp.client.uploading.single_upload import KEY_REUSED
from calypso_mcp.client.uploading.transfer import Transfer
from calypso_mcp.concurrency import open_task_group
from calypso_mcp.domain.manifest import check_manifest
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.domain.statuses import GONE
from calypso_mcp.errors import CalypsoError, Conflict, SessionExpired, UploadError

_log = logging.getLogger(__name__)

#: How often finalize is repeated for files that arrived and are still called pending.
_PENDING_RETRY: Final = RetryPolicy(attempts=5, base_s=0.5, cap_s=4.0)


@dataclass(frozen=True, slots=True)
class BatchTools:
    """What every batch of a client shares.

    Attributes:
        batches: The API side.
        transfer: The bytes.
        sending: Limits the files whose bytes are on their way, over all batches.
        clock: Whose sleep to use.
    """

    batches: Batches
    transfer: Transfer
    sending: anyio.CapacityLimiter
    clock: Clock


class BatchRun:
    """One batch on its way.

    After `run`, every id is either in `verdicts` or in `again`: the latter are files whose earlier upload
    under this key came to nothing and that need a key of their own.
    """

    def __init__(
        self,
        tools: BatchTools,
        items: Mapping[str, Prepared],
        board: ProgressBoard,
        on_opened: Callable[[str], Awaitable[None]],
    ) -> None:
        """Take the files of one batch.

        Args:
            tools: Shared with other batches.
            items: Files by `client_file_id`, at most 100.
            board: Told of progress.
            on_opened: Told the batch's id before any byte is sent.
        """
        self.verdicts: dict[str, Verdict] = {}
        self.again: set[str] = set()
        #: The error that kept the batch from coming into being.
        self.refusal: CalypsoError | None = None
        self._tools = tools
        self._items = items
        self._board = board
        self._on_opened = on_opened
        self._batch_id: str | None = None
        self._errors: dict[str, CalypsoError] = {}
        self._dead: set[str] = set()
        self._sent: set[str] = set()
        #: Of those, the files of which this run has brought bytes.
        self._brought: set[str] = set()
        self._pending: set[str] = set()

    async def run(self) -> None:
        """Bring the batch to its end; raises nothing but cancellation."""
        body = create_request(self._items)
        try:
            answer = await self._create(body)
        except CalypsoError as error:
            if isinstance(error, Conflict) and error.code == KEY_REUSED:
                self.again = set(self._items)
            else:
                self.refusal = error
                self.verdicts = {one: Verdict.of(error) for one in self._items}
            return
        addresses = {item.client_file_id: item for item in answer.body.accepted}
        if answer.replayed:
            # One request tells which files are there already; asking every address would be a hundred.
            await self._finalize_replay()
        await self._send_all({one: addresses[one] for one in self._open() if one in addresses}, answer)
        await self._renew(body, addresses)
        await self._settle()
        await self._check_replayed()

    def _open(self) -> list[str]:
        return [one for one in self._items if one not in self.verdicts and one not in self.again]

    async def _create(self, body: CreateBatch) -> Answer[BatchSession]:
        ids = [item.client_file_id for item in body.manifest.items]
        routed = [item.client_file_id for item in body.manifest.items if item.destination.is_given]
        check_manifest(
            ids,
            [file.client_file_id for file in body.files],
            shared_destination=body.manifest.destination.is_given,
            routed_ids=routed,
        )
        answer = await self._tools.batches.open(body)
        self._batch_id = answer.body.batch_id
        await self._on_opened(self._batch_id)
        for entry in answer.body.rejected:
            if entry.client_file_id in self._items:
                reason = problem_of(entry, "rejected", "The API rejected the file without a reason.")
                self._conclude(entry.client_file_id, Verdict("rejected", None, None, self._batch_id, reason))
        return answer

    async def _send_all(self, addresses: Mapping[str, AcceptedItem], answer: Answer[BatchSession]) -> None:
        async with open_task_group() as sending:
            for one, address in addresses.items():
                sending.start_soon(self._send, one, address, answer.replayed)

    async def _send(self, one: str, address: AcceptedItem, resumed: bool) -> None:
        prepared = self._items[one]
        kept = 0

        def on_kept(count: int) -> None:
            nonlocal kept
            kept += count
            self._board.kept(count)

        async with self._tools.sending:
            try:
                with opened(prepared.upload) as source:
                    untouched = await self._tools.transfer.send(
                        address.upload_url.get_secret_value(),
                        prepared.content(source),
                        resumed=resumed,
                        on_kept=on_kept,
                    )
            except SessionExpired:
                self._dead.add(one)
            except CalypsoError as error:
                self._errors[one] = error
            except Exception:  # noqa: BLE001 - see the next line; it is logged with its traceback
                # A fault of this program in one file must not cost the others.
                _log.exception("uploading a file of a batch failed unexpectedly")
                self._errors[one] = UploadError(code="internal_error", retryable=False)
            else:
                self._sent.add(one)
                if not untouched:
                    self._brought.add(one)
        self._board.done(1, prepared.size_bytes - kept)

    async def _renew(self, body: CreateBatch, addresses: Mapping[str, AcceptedItem]) -> None:
        """Ask for new addresses under the same key for those that died."""
        if not self._dead:
            return
        try:
            answer = await self._tools.batches.open(body)
        except CalypsoError as error:
            self._errors.update(dict.fromkeys(self._dead, error))
            self._dead.clear()
            return
        renewed = {
            item.client_file_id: item
            for item in answer.body.accepted
            if item.client_file_id in self._dead
            and item.upload_url != addresses[item.client_file_id].upload_url
        }
        self._dead.difference_update(renewed)
        fresh = Answer(answer.body)
        await self._send_all(renewed, fresh)

    async def _finalize_replay(self) -> None:
        try:
            answer = await self._tools.batches.take_over(self._batch_id or "")
        except CalypsoError:
            return  # Perhaps nothing has arrived yet; the finalize after sending decides.
        sizes = sum(prepared.size_bytes for prepared in self._items.values())
        for entry in answer.body.failed:
            if entry.client_file_id in self._items and entry.client_file_id not in self.verdicts:
                self.again.add(entry.client_file_id)
        self._take(answer)
        left = self._open()
        self._board.done(
            len(self._items) - len(left), sizes - sum(self._items[one].size_bytes for one in left)
        )

    async def _settle(self) -> None:
        """Finalize until nothing that has arrived is called pending, within bounds."""
        attempt = 0
        while self._open():
            attempt += 1
            try:
                answer = await self._tools.batches.take_over(self._batch_id or "")
            except CalypsoError as error:
                self._conclude_rest(error)
                return
            for entry in answer.body.failed:
                if entry.client_file_id in self._items and entry.client_file_id not in self.verdicts:
                    reason = problem_of(entry, "finalize_failed", "The API could not take the file over.")
                    verdict = Verdict("failed", None, None, self._batch_id, reason)
                    self._conclude(entry.client_file_id, verdict)
            self._take(answer, again=attempt > 1)
            self._pending = {entry.client_file_id for entry in answer.body.pending}
            delay_s = _PENDING_RETRY.delay_s(attempt, retryable=True)
            if delay_s is None or not self._pending & self._sent & set(self._open()):
                break
            await self._tools.clock.sleep(delay_s)
        self._conclude_rest(None)

    def _take(self, answer: Answer[BatchFinalized], *, again: bool = False) -> None:
        for entry in answer.body.finalized:
            self._conclude(
                entry.client_file_id, Verdict("accepted", entry.knowledge_id, entry.task_id, self._batch_id)
            )
        for entry in answer.body.replayed:
            # Where the answer to our own finalize was lost, its repetition calls our files replayed.
            ours = (again or answer.repeated) and entry.client_file_id in self._brought
            status = "accepted" if ours else "replayed"
            self._conclude(
                entry.client_file_id, Verdict(status, entry.knowledge_id, entry.task_id, self._batch_id)
            )

    def _conclude(self, one: str, verdict: Verdict) -> None:
        # The first word counts: what one finalize took over, the next one calls replayed.
        if one in self._items and one not in self.again:
            self.verdicts.setdefault(one, verdict)

    def _conclude_rest(self, error: CalypsoError | None) -> None:
        for one in self._open():
            if one in self._errors:
                self._conclude(one, Verdict.of(self._errors[one], batch_id=self._batch_id))
            elif one in self._dead:
                self.again.add(one)
            elif error is not None:
                verdict = Verdict.of(error, batch_id=self._batch_id)
                waits = error.retryable and one in self._sent
                pending = Verdict("pending", None, None, self._batch_id, verdict.reason)
                self._conclude(one, pending if waits else verdict)
            elif one in self._pending & self._sent:
                self._conclude(one, Verdict("pending", None, None, self._batch_id, _STILL_PENDING))
            else:
                self._conclude(one, self._unmentioned())

    async def _check_replayed(self) -> None:
        """Find the replayed files that have failed or been deleted since: they are uploaded again."""
        replayed = {one for one, verdict in self.verdicts.items() if verdict.status == "replayed"}
        if not replayed:
            return
        try:
            batch = await self._tools.batches.get(self._batch_id or "")
        except CalypsoError:
            return  # Then the API's word that it has them has to do.
        for item in batch.items or ():
            status = item.file.status if item.file and item.status == "unknown" else item.status
            if item.client_file_id in replayed and status.lower() in GONE:
                del self.verdicts[item.client_file_id]
                self.again.add(item.client_file_id)

    def _unmentioned(self) -> Verdict:
        reason = Reason(
            "missing_from_answer",
            "The API's answer does not mention this file.",
            "Make the same call again; files that arrived are not sent twice.",
            retryable=True,
        )
        return Verdict("failed", None, None, self._batch_id, reason)


_STILL_PENDING: Final = Reason(
    "upload_pending",
    "The bytes have arrived, but the API has not taken the file over yet.",
    "Make the same call again in a while; nothing is sent twice.",
    retryable=True,
)
