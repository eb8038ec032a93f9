"""Waits until uploads are searchable, and reports their states when the wait times out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import anyio

from calypso_mcp.api.batches import Batch
from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.states import state_of_batch, state_of_bucket, state_of_file, state_of_item
from calypso_mcp.client.buckets.buckets import Buckets
from calypso_mcp.client.clock import Clock
from calypso_mcp.client.files import Files
from calypso_mcp.client.readiness_target import ReadinessTarget
from calypso_mcp.concurrency import open_task_group
from calypso_mcp.domain.states.file_state import FileState, Reason, StateReport
from calypso_mcp.domain.states.readiness import NOT_FOUND, PollSchedule, Readiness
from calypso_mcp.errors import CalypsoError, NotFound, ScopeError

OnProgress = Callable[[StateReport], None]

_PARALLEL_REQUESTS: Final = 8
#: The first look may take this long by default, so that there is something to report.
_FIRST_LOOK_S: Final = 10.0
_SHORTEST_LOOK_S: Final = 1.0
#: A look costs as much as there are files, and many files are not indexed in a moment.
_PAUSE_PER_FILE_S: Final = 0.005


class ReadinessWaiter:
    """Polls files, batches and buckets; holds nothing between calls."""

    def __init__(self, files: Files, buckets: Buckets, schedule: PollSchedule, clock: Clock) -> None:
        self._files = files
        self._buckets = buckets
        self._schedule = schedule
        self._clock = clock

    async def wait(
        self,
        target: ReadinessTarget,
        *,
        timeout_s: float,
        first_look_s: float = _FIRST_LOOK_S,
        on_progress: OnProgress | None = None,
    ) -> StateReport:
        """Wait until everything in `target` is searchable or has failed, or the wait times out.

        Args:
            target: What to wait for.
            timeout_s: Longest wait in seconds; 0 looks once.
            first_look_s: Seconds that the first look may take, even if they exceed `timeout_s`.
            on_progress: Called when something has changed.

        Returns:
            The states of all. A timeout is no error: the report then says `pending`.

        Raises:
            ScopeError: There is no such bucket.
            ApiError: The batch is unknown, or the key is wrong. Errors that may pass are waited out.
        """
        watch = _Watch(target, self._files, self._buckets, self._clock)
        ends_at = self._clock.now() + timeout_s
        shortest_s = first_look_s
        for delay_s in self._schedule.delays():
            before = watch.report()
            with anyio.move_on_after(max(ends_at - self._clock.now(), shortest_s)):
                await watch.look()
            shortest_s = _SHORTEST_LOOK_S
            if on_progress is not None and (report := watch.report()) != before:
                on_progress(report)
            left_s = ends_at - self._clock.now()
            if left_s <= 0 or watch.is_over:
                break
            pause_s = max(delay_s, min(watch.waiting * _PAUSE_PER_FILE_S, self._schedule.cap_s))
            await self._clock.sleep(min(pause_s, left_s))
        if watch.refusal is not None:
            raise watch.refusal
        return watch.report()


class _Watch:
    """What is known so far of one target. A look updates it piece by piece, so a look cut short counts."""

    def __init__(self, target: ReadinessTarget, files: Files, buckets: Buckets, clock: Clock) -> None:
        #: The error that ends the wait, because waiting cannot help.
        self.refusal: CalypsoError | None = None
        self._target = target
        self._files = files
        self._buckets = buckets
        self._clock = clock
        self._started = clock.now()
        self._by_file = {file_id: FileState(file_id, file_id=file_id) for file_id in target.file_ids}
        whole = None if target.file_ids else target.batch_id or target.bucket_id
        self._by_whole = {whole: FileState(whole)} if whole else {}
        self._batch_status: str | None = None
        self._bucket: Bucket | None = None
        self._trouble: str | None = None
        #: Files that this look has seen already.
        self._seen_files: set[str] = set()

    def standings(self) -> tuple[FileState, ...]:
        return (*self._by_whole.values(), *self._by_file.values())

    @property
    def waiting(self) -> int:
        return sum(state.readiness is Readiness.PENDING for state in self.standings())

    @property
    def is_over(self) -> bool:
        return self.refusal is not None or not self.waiting

    def report(self) -> StateReport:
        store = self._bucket.store if self._bucket else None
        return StateReport(
            self.standings(),
            elapsed_s=self._clock.now() - self._started,
            batch_status=self._batch_status,
            indexed_members=store.indexed_member_count if store else None,
            pending_members=store.pending_member_count if store else None,
            trouble=self._trouble,
        )

    async def look(self) -> None:
        """Ask about everything that is still pending."""
        self._trouble = None
        stores = _Stores(self._buckets, self._target.bucket_id)
        requests = anyio.CapacityLimiter(_PARALLEL_REQUESTS)
        self._seen_files.clear()
        if self._target.batch_id is not None:
            await self._ask(requests, self._look_at_batch, self._target.batch_id, stores)
        elif not self._target.file_ids and self._target.bucket_id is not None:
            await self._ask(requests, self._look_at_bucket, self._target.bucket_id, stores)
        async with open_task_group() as asking:
            for file_id, standing in self._by_file.items():
                if standing.readiness is Readiness.PENDING and file_id not in self._seen_files:
                    asking.start_soon(self._ask, requests, self._look_at_file, file_id, stores)

    async def _ask(
        self,
        requests: anyio.CapacityLimiter,
        question: Callable[[str, _Stores], Awaitable[None]],
        reference: str,
        stores: _Stores,
    ) -> None:
        try:
            async with requests:
                await question(reference, stores)
        except CalypsoError as error:
            if error.retryable:
                self._trouble = error.message
            else:
                self.refusal = error

    async def _look_at_file(self, file_id: str, stores: _Stores) -> None:
        file, code = await self._seen_file(file_id)
        if file is None:
            # One unknown id must not hide what became of the others.
            self._by_file[file_id] = replace(
                self._by_file[file_id],
                readiness=Readiness.FAILED,
                status=NOT_FOUND,
                reason=Reason(code, "There is no such file."),
            )
            return
        store_active = await stores.are_active(file.id) if state_of_file(file).hinges_on_store else None
        self._by_file[file_id] = replace(state_of_file(file, store_active=store_active), id=file_id)

    async def _seen_file(self, file_id: str) -> tuple[KnowledgeFile | None, str]:
        """Return a file as the caller may see it, or None; and the error code that None means."""
        file, met = None, set[str]()
        while file is None:
            met.add(file_id)
            try:
                file = await self._files.get(file_id)
            except NotFound as error:
                # A file that was replaced is as searchable as its successor, which may be replaced, too.
                file_id = error.ids.get("replaced_by", file_id)
                if file_id in met:
                    return None, error.code
        view = self._target.view
        return (file if view is None else view.file(file)), NotFound().code

    async def _look_at_batch(self, batch_id: str, stores: _Stores) -> None:
        if self._target.file_ids:
            await self._look_at_files_of(batch_id, stores)
            return
        batch = await self._files.get_batch(batch_id)
        found = {item.client_file_id or item.id: item for item in await self._items(batch, stores)}
        if self._target.view is None:
            self._batch_status = batch.status
            if not found or len(found) < batch.accepted:
                # For files that the API does not list, only the status of the whole batch is known.
                found[batch_id] = state_of_batch(batch)
        self._by_whole = found or self._by_whole

    async def _look_at_files_of(self, batch_id: str, stores: _Stores) -> None:
        """Look at files through their batch; files that it does not list are asked about one by one."""
        try:
            batch = await self._files.get_batch(batch_id)
        except CalypsoError as error:
            if error.retryable:
                self._seen_files.update(self._by_file)
                raise
            return
        for standing in await self._items(batch, stores):
            if standing.id in self._by_file:
                self._by_file[standing.id] = standing
                self._seen_files.add(standing.id)

    async def _items(self, batch: Batch, stores: _Stores) -> list[FileState]:
        """Return the states of those items of a batch that the caller may see."""
        view, standings = self._target.view, list[FileState]()
        for item in batch.items or ():
            seen = item if view is None else view.item(item)
            if seen is None:
                continue
            standing = state_of_item(seen)
            if seen.replaced_by is not None:
                standing = await self._instead_of(standing, seen.replaced_by)
            elif standing.hinges_on_store and standing.file_id:
                standing = state_of_item(seen, store_active=await stores.are_active(standing.file_id))
            standings.append(standing)
        return standings

    async def _instead_of(self, standing: FileState, successor: str) -> FileState:
        """Return the state of the file that replaced another, if the caller may see it."""
        file, _ = await self._seen_file(successor)
        if file is None:
            return standing
        return replace(state_of_file(file), id=standing.id, client_file_id=standing.client_file_id)

    async def _look_at_bucket(self, bucket_id: str, stores: _Stores) -> None:
        self._bucket = await stores.bucket(bucket_id)
        self._by_whole = {bucket_id: state_of_bucket(self._bucket)}


class _Stores:
    """The buckets' own view of sync, fetched at most once in a look, and only on demand."""

    def __init__(self, buckets: Buckets, bucket_id: str | None) -> None:
        self._buckets = buckets
        self._bucket_id = bucket_id
        self._listed: tuple[Bucket, ...] | None = None
        self._lock = anyio.Lock()

    async def bucket(self, bucket_id: str) -> Bucket:
        for bucket in await self._list():
            if bucket.id == bucket_id:
                return bucket
        raise ScopeError

    async def are_active(self, file_id: str) -> bool | None:
        """Return whether the file's buckets are active; None where no bucket claims the file."""
        holders = [
            bucket
            for bucket in await self._list()
            if bucket.id == self._bucket_id or (self._bucket_id is None and bucket.holds(file_id))
        ]
        return (
            all(bucket.store is not None and bucket.store.is_active for bucket in holders)
            if holders
            else None
        )

    async def _list(self) -> tuple[Bucket, ...]:
        async with self._lock:
            if self._listed is None:
                self._listed = (await self._buckets.list()).buckets
        return self._listed
