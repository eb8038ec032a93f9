"""One batch on its way: its inputs, their upload, and the report about it."""

from __future__ import annotations

from collections.abc import Iterable, KeysView
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from calypso_mcp.api.sources import Source
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.amounts import format_bytes, join_first
from calypso_mcp.domain.states.file_state import FileState, StateReport
from calypso_mcp.domain.states.readiness import Readiness
from calypso_mcp.errors import CalypsoError, OutOfTime
from calypso_mcp.server.batches import missing_sources
from calypso_mcp.server.batches.batch_inputs import BatchInput, WalkedFolder
from calypso_mcp.server.batches.batch_reports import (
    BatchReport,
    InputOutcome,
    count_outcomes,
    report_foreseen,
    report_input,
    report_removal,
)
from calypso_mcp.server.batches.batch_waiting import wait_for_outcomes
from calypso_mcp.server.calls.call_progress import CallProgress, Step
from calypso_mcp.server.calls.call_time import CallTime
from calypso_mcp.server.calls.confirmation import is_agreed, require_yes
from calypso_mcp.server.scope.destinations import Target, create_missing, note_created
from calypso_mcp.server.scope.quota_room import admit_uploads
from calypso_mcp.server.scope.request_scope import Access
from calypso_mcp.server.state import CallContext

if TYPE_CHECKING:
    from calypso_mcp.client.uploading.progress import TransferProgress

_MOST_BATCH_IDS = 20
#: New buckets named.
_MOST_CREATED = 20


class Batch:
    """One batch: its inputs, and what the client and the waiting made of them."""

    def __init__(
        self, access: Access, inputs: list[BatchInput], progress: CallProgress, time: CallTime
    ) -> None:
        self._access = access
        self._inputs = inputs
        self._progress = progress
        self._time = time
        #: Whether the upload has ended, so that each input that was sent has its state.
        self._is_sent = False
        self._readiness: StateReport | None = None
        self._folder: WalkedFolder | None = None
        self._missing: list[Source] = []
        self._removed: list[Source] = []
        self._targets: list[Target] = []
        slugs = {item.target.slug for item in inputs if item.target}
        self._shared_slug = slugs.pop() if len(slugs) == 1 else None

    async def find_missing(self, folder: WalkedFolder) -> None:
        """Find the sources that came from the folder and are gone from it."""
        with self._time.limited():
            await missing_sources.require_removal(self._access)
            self._missing = await missing_sources.find_missing(self._access, folder, self._inputs)
        self._folder = folder

    async def require_agreement(self, ctx: CallContext, *, confirm: bool) -> None:
        """Ask the user, if so much is to be sent or removed; errors as `confirmation.require_yes`.

        One question for both: of two, a client that calls again would bring only the second answer.
        """
        if is_agreed(ctx, confirm=confirm):
            # Finding out what to ask takes as long as uploading unchanged files.
            return
        deeds = [await self._upload_to_confirm()]
        if self._folder is not None and self._access.state.confirm_removals:
            deeds.append(missing_sources.removal_to_confirm(self._folder, self._missing))
        asked = ", and ".join(deed for deed in deeds if deed)
        if asked:
            await require_yes(ctx, f"{asked[0].upper()}{asked[1:]}?", confirm=confirm)

    async def _upload_to_confirm(self) -> str | None:
        """Return the upload as the question names it; None if it is small enough to need no question."""
        most = self._access.state.confirm_uploads_over
        if not most or sum(item.upload is not None for item in self._inputs) <= most:
            return None
        found: dict[int, FileState | None] = {}
        with suppress(OutOfTime):
            found = await self._look()
        there = {position for position, state in found.items() if state and state.is_uploaded}
        new = [
            item.size_bytes
            for position, item in enumerate(self._inputs)
            if item.upload and position not in there
        ]
        if len(new) <= most:
            return None
        return (
            f"upload {len(new)} files ({format_bytes(sum(new))}) to {self._shared_slug or 'several buckets'}"
        )

    async def remove_missing(self) -> None:
        """Remove the missing sources, as far as the time allows; only after the upload has ended."""
        if self._folder is not None and self._missing and self._is_sent:
            self._removed = await missing_sources.remove_missing(
                self._access, self._folder, self._missing, self._time
            )

    @property
    def is_replay(self) -> bool:
        """Whether everything that could be sent was there already, so that it may well be searchable."""
        uploaded = [state for state in self._sent_states() if state.is_uploaded]
        return bool(uploaded) and all(state.is_replayed for state in uploaded)

    def _sent_states(self) -> list[FileState]:
        """Return what the inputs that were sent came to."""
        return [item.state for item in self._inputs if self._is_sent and item.upload and item.state]

    async def _look(self) -> dict[int, FileState | None]:
        """Return what is there already or cannot be sent, by input, and None for what would be sent.

        Sends nothing. What goes to a new bucket is left out: that holds nothing yet.

        Raises:
            OutOfTime: The call timed out first.
        """
        uploads = {
            position: item.upload
            for position, item in enumerate(self._inputs)
            if item.upload and item.target and item.target.bucket_id is not None
        }
        with self._time.limited():
            found = await self._access.client.uploads.look_up_all(
                list(uploads.values()), on_progress=self._show
            )
        return dict(zip(uploads, found, strict=True))

    async def foresee(self) -> None:
        """Find what is there already, and what would exceed the caller's quota; sends nothing."""
        for position, state in (await self._look()).items():
            self._inputs[position] = replace(self._inputs[position], state=state)
        new = self._sendable()
        foreseen = await admit_uploads(self._access, list(new.values()), counts=False)
        self._refuse(new, foreseen.refusals)

    async def send(self) -> None:
        """Upload what may be sent; after a timeout, files that arrived stay there for the next call."""
        with suppress(OutOfTime), self._time.limited():
            await self._settle_targets()
            asked = self._sendable()
            admission = await admit_uploads(self._access, list(asked.values()))
            self._refuse(asked, admission.refusals)
            sent = self._sendable()
            uploads = [upload for upload, _ in sent.values()]
            states = await self._access.client.uploads.upload_all(uploads, on_progress=self._show)
            for position, state in zip(sent, states, strict=True):
                self._inputs[position] = replace(self._inputs[position], state=state)
            self._is_sent = True
            await self._access.state.quotas.settle(self._access.grant, admission.admitted, states)
            self._targets = [await note_created(self._access, target) for target in self._targets]

    def _sendable(self) -> dict[int, tuple[Upload, int]]:
        """Return the uploads of which nothing is known yet, with their sizes in bytes, by input."""
        return {
            position: (item.upload, item.size_bytes)
            for position, item in enumerate(self._inputs)
            if item.upload and (item.state is None or item.state.outcome is None)
        }

    def _refuse(self, positions: Iterable[int], refusals: Iterable[CalypsoError | None]) -> None:
        for position, refusal in zip(positions, refusals, strict=True):
            if refusal is not None:
                self._inputs[position] = self._inputs[position].refused(refusal)

    async def _settle_targets(self) -> None:
        """Make the buckets that do not exist yet.

        Raises:
            CalypsoError: No bucket could be made. If some could, the others fail only their own files.
        """
        settled: dict[Target, Target] = {}
        problems: dict[Target, CalypsoError] = {}
        for target in dict.fromkeys(item.target for item in self._inputs if item.upload and item.target):
            try:
                settled[target] = await create_missing(self._access, target)
            except CalypsoError as problem:
                problems[target] = problem
        self._targets = list(settled.values())
        if problems and not settled:
            raise next(iter(problems.values()))
        self._inputs = [
            item
            if item.upload is None or item.target is None
            else item.refused(problems[item.target])
            if item.target in problems
            else replace(item, upload=item.upload.to(settled[item.target].destination))
            for item in self._inputs
        ]

    async def wait(self) -> None:
        """Wait until what has arrived is searchable."""
        states = self._sent_states()
        if any(state.is_uploaded for state in states):
            self._readiness = await wait_for_outcomes(self._access.client, states, self._time, self._progress)

    async def look_at_readiness(self) -> None:
        """Find out whether files that were there already are searchable, to save the caller a wait."""
        self._readiness = await wait_for_outcomes(self._access.client, self._sent_states(), CallTime(0))

    def report(self) -> BatchReport:
        """Return the tool's result."""
        outcomes = self._list_sent() + [report_removal(source.name, "removed") for source in self._removed]
        counts = count_outcomes(outcomes)
        batch_ids = sorted({state.batch_id for state in self._sent_states() if state.batch_id})
        return self._report(
            outcomes,
            counts=counts,
            next_step=self._next_step(counts, batch_ids),
            readiness=self._readiness.state if self._readiness else None,
            searchable=_counts(self._readiness) if self._readiness else None,
            progress=None if self._is_sent else self._progress.message(),
            batch_ids=batch_ids[:_MOST_BATCH_IDS] or None,
            created=self._created(),
        )

    def report_foreseen(self) -> BatchReport:
        """Return the tool's result after `foresee`."""
        outcomes = self._list_foreseen()
        outcomes += [report_removal(source.name, "would_remove") for source in self._missing]
        counts = count_outcomes(outcomes)
        return self._report(outcomes, dry_run=True, counts=counts, next_step=_foresight(counts))

    def _report(self, outcomes: list[InputOutcome], **facts: Any) -> BatchReport:
        return BatchReport.of(
            outcomes,
            bucket=self._shared_slug,
            total=len(self._inputs),
            bytes=sum(item.size_bytes for item in self._inputs if item.upload),
            **facts,
        )

    def _created(self) -> str | None:
        """Return the buckets that this batch has made, with the agents that search them."""
        created = [target.created for target in self._targets if target.created]
        return join_first(created, _MOST_CREATED) or None

    def _list_sent(self) -> list[InputOutcome]:
        indexed = {state.file_id: state for state in self._readiness.states} if self._readiness else {}
        return [
            report_input(
                item, indexed.get(item.state.file_id) if item.state else None, shared_slug=self._shared_slug
            )
            for item in self._inputs
        ]

    def _list_foreseen(self) -> list[InputOutcome]:
        return [
            report_foreseen(item)
            if item.upload and (item.state is None or item.state.outcome in (None, "replayed"))
            else report_input(item, shared_slug=self._shared_slug)
            for item in self._inputs
        ]

    def _next_step(self, counts: dict[str, int], batch_ids: list[str]) -> str:
        words = counts.keys()
        if not self._is_sent or "pending" in words or len(self._removed) < len(self._missing):
            return "Call upload_batch again with the same arguments: it continues and sends nothing twice."
        if words.isdisjoint({"accepted", "replayed"}):
            return "Nothing was sent." if self._removed else "Nothing was sent. See the reasons."
        return self._next_step_of_sent(words, batch_ids)

    def _next_step_of_sent(self, words: KeysView[str], batch_ids: list[str]) -> str:
        """Return what to do once everything has arrived or was refused."""
        state = self._readiness.state if self._readiness else Readiness.PENDING
        is_amiss = state is Readiness.FAILED or not words.isdisjoint({"failed", "rejected"})
        again = " Then fix what failed or was rejected." if is_amiss else ""
        if state is not Readiness.PENDING:
            there = "The bucket already held everything. " if self.is_replay and not is_amiss else ""
            return f"{there}Search it with search_bucket.{again}"
        awaited = f"bucket={self._shared_slug!r}" if self._shared_slug else "each bucket"
        if len(batch_ids) == 1 and words.isdisjoint({"failed", "rejected", "replayed"}):
            # Some files of any other batch may never arrive, and it would never be done.
            awaited = f"batch_id={batch_ids[0]!r}"
        return f"Before you search, call wait_for_bucket_sync with {awaited}.{again}"

    def _show(self, progress: TransferProgress) -> None:
        files = (progress.files_done, progress.files_total)
        if progress.phase == "done":
            # Not by bytes: those of files that did not arrive are never sent.
            self._progress.update(Step("finalizing", *files))
        else:
            self._progress.update(Step(progress.phase, *files, progress.bytes_done, progress.bytes_total))


def _foresight(counts: dict[str, int]) -> str:
    """Return what to do after a dry run."""
    if counts.get("would_send") or counts.get("would_remove"):
        return (
            "Call upload_batch again without dry_run to do this. Files that another program sent "
            "may be there already."
        )
    return "Nothing would be sent." + (" Everything is there already." if counts.get("replayed") else "")


def _counts(readiness: StateReport) -> dict[str, int]:
    return {
        "ready": len(readiness.ready),
        "failed": len(readiness.failed),
        "pending": len(readiness.pending),
    }
