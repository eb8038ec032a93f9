"""The indexing worker of one process: takes tasks from the shared queue and makes files searchable.

A file's passages, its state and its sync into its buckets change in one transaction, which also checks
that this process still holds the task. So a file is searchable exactly when it says so, and once.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from calypso_mcp.concurrency import open_task_group
from calypso_mcp.local.blobs import Blobs
from calypso_mcp.local.indexing.chunking import Chunk, split
from calypso_mcp.local.indexing.documents import Document, ExtractionFailed
from calypso_mcp.local.options import LocalOptions
from calypso_mcp.local.processes.presence import Presence
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.store import files, sources, tasks
from calypso_mcp.local.store.connections.database import Database
from calypso_mcp.local.store.files import FileRow
from calypso_mcp.local.store.tasks import Claimed, Places
from calypso_mcp.sqlite.faults import STORE_TROUBLE, StoreFault

if TYPE_CHECKING:
    from calypso_mcp.local.indexing.extraction import Extractor

_LOG = logging.getLogger(__name__)

#: Pause before a task is tried again, times its attempts so far.
_RETRY_PAUSE_S = 2.0
#: Files up to this size, in a format that is quick to read, are read and recorded together.
_SMALL_BYTES = 32_768
#: Seconds that one of them may delay recording the others.
_PATIENCE_S = 2.0
#: Renewals in the time of one lease. The store may be busy with another process's large file.
_BEATS_PER_LEASE = 10


@dataclass(frozen=True, slots=True)
class Passages:
    """The text of a file, whole and in passages."""

    document: Document
    chunks: Sequence[Chunk]


class IndexingWorker:
    """Indexes until it is cancelled; tasks it has not finished then go back to the queue."""

    def __init__(self, options: LocalOptions, database: Database, blobs: Blobs, presence: Presence) -> None:
        self._options = options
        self._database = database
        self._blobs = blobs
        self._presence = presence
        self._awake = anyio.Event()
        #: Groups of tasks, by bucket.
        self._in_flight = Counter[str]()
        self._turns = count(1)
        #: Number of each bucket's last turn.
        self._last_turns: dict[str, int] = {}
        #: Files that held others up, or failed in an unusual way.
        self._apart = set[str]()
        #: The task in flight was tried before and must not share its fate with others.
        self._is_alone = False
        #: Why the queue could not be read last; None once it could.
        self._complaint: str | None = None

    def wake(self) -> None:
        """Say that there may be work. Call in the event loop's thread."""
        self._awake.set()

    async def run(self) -> None:
        """Index what is queued, until cancelled."""
        try:
            async with AsyncExitStack() as resources, open_task_group() as indexing:
                indexing.start_soon(self._beat)
                extractor: Extractor | None = None
                was_woken = False
                while True:
                    self._awake = awake = anyio.Event()
                    aside = +extractor.recognizing if extractor is not None else Counter[str]()
                    for group in await self._claim(aside, is_work_known=was_woken):
                        extractor = extractor or await resources.enter_async_context(
                            _new_extractor(self.wake)
                        )
                        self._in_flight[group[0].bucket_id] += 1
                        self._last_turns[group[0].bucket_id] = next(self._turns)
                        self._is_alone = group[0].attempts > 1
                        indexing.start_soon(self._index, extractor, group)
                    with anyio.move_on_after(self._options.poll_s):
                        await awake.wait()
                    was_woken = awake.is_set()
        finally:
            with anyio.CancelScope(shield=True):
                await self._stop()

    async def _claim(self, aside: Counter[str], *, is_work_known: bool) -> list[tuple[Claimed, ...]]:
        if self._is_alone:
            return []
        places = Places(self._options.indexing_parallelism, self._in_flight - aside, aside, self._last_turns)
        try:
            if not is_work_known and not await self._is_work_waiting():
                return []
            claimed = await self._database.write(
                lambda connection: tasks.claim(
                    connection,
                    self._presence.owner,
                    places,
                    now=self._options.clock(),
                    lease_s=self._options.lease_s,
                    is_small=lambda file: file.id not in self._apart and _is_small(file),
                ),
                durable=False,
            )
        except STORE_TROUBLE as error:
            # It is tried twice a second for as long as the trouble lasts.
            self._complain(error, "No indexing task could be claimed; trying again.")
            return []
        self._complaint = None
        return claimed

    async def _is_work_waiting(self) -> bool:
        """Look for tasks that other processes queued, or held when they ended."""
        is_waiting, owners = await self._database.read(
            lambda connection: (
                tasks.is_work_waiting(connection, self._options.clock()),
                tasks.list_owners(connection),
            )
        )
        for owner in owners - {self._presence.owner}:
            if await to_thread.run_sync(self._presence.is_gone, owner):
                await self._database.write(partial(tasks.give_back, owner=owner, counts=True), durable=False)
                is_waiting = True
        return is_waiting

    async def _index(self, extractor: Extractor, group: Sequence[Claimed]) -> None:
        try:
            try:
                single = await self._index_together(extractor, group)
            except Exception as error:  # noqa: BLE001 - files recorded by then are skipped when tried alone
                self._complain(error, "Some files could not be indexed as a group; trying each alone.")
                single = group
            if len(group) == 1:
                await self._index_one(extractor, group[0])
            elif single:
                # Each waits for a turn of its own: other buckets must not wait for all of them.
                self._apart.update(claimed.file.id for claimed in single)
                for claimed in single:
                    await self._give_back(claimed, counts=False)
        finally:
            self._in_flight[group[0].bucket_id] -= 1
            self._is_alone = False
            self.wake()

    async def _index_together(self, extractor: Extractor, group: Sequence[Claimed]) -> Sequence[Claimed]:
        """Index small files at the cost of one; return those that must be tried alone."""
        if len(group) == 1:
            return group
        ends: dict[str, Passages | ExtractionFailed] = {}

        def read() -> None:
            for claimed in group:
                # A file that cannot be read fails no other; tried alone, it gets its error.
                with contextlib.suppress(Exception):
                    if (end := self._read_small(extractor, claimed.file)) is not None:
                        ends[claimed.file.id] = end

        await to_thread.run_sync(read)
        for claimed in group:
            if claimed.file.id not in ends and (end := await self._read_briefly(extractor, claimed)):
                ends[claimed.file.id] = end
        # In the order of the queue: of equal passages, a search shows those first that were added first.
        await self._record(
            {claimed.file.id: ends[claimed.file.id] for claimed in group if claimed.file.id in ends}
        )
        return [claimed for claimed in group if claimed.file.id not in ends]

    def _read_small(self, extractor: Extractor, file: FileRow) -> Passages | None:
        document = extractor.read_small(self._blobs.sealed_path(file.session_id), file.declaration)
        return None if document is None else Passages(document, split(document))

    async def _read_briefly(
        self, extractor: Extractor, claimed: Claimed
    ) -> Passages | ExtractionFailed | None:
        """Return how reading a file ends; None if it takes too long or fails in an unusual way."""
        with contextlib.suppress(Exception), anyio.move_on_after(_PATIENCE_S):
            return await self._read(extractor, claimed)
        return None

    async def _index_one(self, extractor: Extractor, claimed: Claimed) -> None:
        self._apart.discard(claimed.file.id)
        try:
            await self._record({claimed.file.id: await self._read(extractor, claimed)})
        except Exception as error:  # noqa: BLE001 - one file must not stop the others
            self._complain(error, f"Indexing {claimed.file.id} stopped; trying again.")
            pause_until = self._options.clock() + _RETRY_PAUSE_S * claimed.attempts
            counts = not isinstance(error, STORE_TROUBLE)
            await self._give_back(claimed, counts=counts, not_before=pause_until)

    async def _read(self, extractor: Extractor, claimed: Claimed) -> Passages | ExtractionFailed:
        file = claimed.file
        try:
            path = self._blobs.sealed_path(file.session_id)
            document = await extractor.extract(
                path, file.declaration, is_page=file.kind == "website", bucket_id=claimed.bucket_id
            )
            chunks = await to_thread.run_sync(split, document)
        except ExtractionFailed as failure:
            return failure
        except FileNotFoundError:
            message = "The stored bytes of this file are gone. Upload it again."
            return ExtractionFailed("content_missing", message)
        return Passages(document, chunks)

    async def _record(self, ends: Mapping[str, Passages | ExtractionFailed]) -> None:
        """Record how reading files ended, by file; not of those whose lease was lost meanwhile."""

        def work(connection: sqlite3.Connection) -> list[str]:
            owned = tasks.find_owned(connection, self._presence.owner, list(ends))
            still_ours = {file_id: end for file_id, end in ends.items() if file_id in owned}
            return record_ends(connection, still_ours, now=self._options.clock())

        # A power cut may undo this as a whole; the tasks then run again.
        for session_id in await self._database.write(work, durable=False):
            await to_thread.run_sync(self._blobs.discard, session_id)

    async def _give_back(self, claimed: Claimed, *, counts: bool, not_before: float = 0.0) -> None:
        give_back = partial(
            tasks.give_back,
            owner=self._presence.owner,
            file_id=claimed.file.id,
            counts=counts,
            not_before=not_before,
        )
        while True:
            try:
                await self._database.write(give_back, durable=False)
            except STORE_TROUBLE as failure:
                # Other processes give back the tasks of ended processes only.
                self._complain(failure, f"{claimed.file.id} could not be queued again; trying again.")
                await anyio.sleep(_RETRY_PAUSE_S)
            else:
                return

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(self._options.lease_s / _BEATS_PER_LEASE)
            if not self._in_flight.total():
                continue
            try:
                await self._database.write(
                    lambda connection: tasks.heartbeat(
                        connection,
                        self._presence.owner,
                        now=self._options.clock(),
                        lease_s=self._options.lease_s,
                    ),
                    durable=False,
                )
            except STORE_TROUBLE as error:
                self._complain(error, "The leases could not be renewed.")

    async def _stop(self) -> None:
        try:
            await self._database.write(
                partial(tasks.give_back, owner=self._presence.owner, counts=False), durable=False
            )
        except STORE_TROUBLE as error:
            self._complain(error, "Unfinished tasks could not be queued again; their leases will run out.")

    def _complain(self, error: Exception, consequence: str) -> None:
        """Log what went wrong, once for as long as it stays the same; a traceback only for surprises."""
        complaint = f"{error} {consequence}"
        if complaint == self._complaint:
            return
        self._complaint = complaint
        if isinstance(error, StoreFault):
            _LOG.error("%s %s %s", error.message, error.hint, consequence)
        else:
            _LOG.error("%s", consequence, exc_info=error)


def _is_small(file: FileRow) -> bool:
    # Imported with the first file, like every reader.
    from calypso_mcp.local.indexing.formats.registry import is_quick_by_name

    declared = file.declaration
    return (
        file.size_bytes <= _SMALL_BYTES
        and file.kind != "website"
        and is_quick_by_name(declared.filename, declared.content_type or "")
    )


def _new_extractor(on_recognizing: Callable[[], None]) -> Extractor:
    # Imported with the first file, because its subprocess machinery is slow to load.
    from calypso_mcp.local.indexing.extraction import Extractor

    return Extractor(on_recognizing=on_recognizing)


def record_ends(
    connection: sqlite3.Connection, ends: Mapping[str, Passages | ExtractionFailed], *, now: float
) -> list[str]:
    """Record how reading files ended, by file, at the cost of few statements for all of them.

    Takes files whose tasks this process holds, in the transaction that makes them searchable. Returns the
    upload sessions whose stored bytes nothing needs any more.
    """
    # Fetched again: a file may have left a bucket or got other labels while it was read.
    rows = files.get_all(connection, list(ends))
    read: list[tuple[FileRow, Document]] = []
    for file_id, end in ends.items():
        file = rows[file_id]
        if isinstance(end, ExtractionFailed):
            tasks.fail(connection, file_id, code=end.code, message=end.message, now=now)
            continue
        title = file.declaration.title or end.document.title
        index.add(connection, file.id, file.bucket_ids, title, file.declaration.filename, end.chunks)
        read.append((file, end.document))
    files.set_findings(connection, read)
    tasks.complete(connection, [file.id for file, _ in read], now=now)
    return sources.settle_versions(connection, list(rows), now=now)
