"""Counts what callers store against the quotas of their grants: the one place that every upload passes.

A source is counted before it is sent, once: what is sent again, after a call that was cut off, has the same
key. So neither a killed worker nor a caller who leaves can store anything uncounted. What turns out not to be
stored anew is given back. So is the room of what is gone from a bucket (`scope.quota_room`), but not that
of the day on which it came.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from calypso_mcp.client.transport.sources import BytesSource
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.callers.access import AccessGrant, owner_of
from calypso_mcp.domain.callers.quota import Usage
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.errors import CalypsoError, QuotaExceeded
from calypso_mcp.sqlite.shared_file import SharedTable

if TYPE_CHECKING:
    import sqlite3

    from calypso_mcp.sqlite.connections import Migrations

QUOTA_FILE = "upload-quotas.sqlite"

_MIGRATIONS: Migrations = (
    (
        "counted",
        """
        CREATE TABLE counted (
            owner TEXT NOT NULL,
            bucket TEXT NOT NULL,
            key TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            day TEXT NOT NULL,
            PRIMARY KEY (owner, bucket, key)
        ) WITHOUT ROWID;
        CREATE INDEX counted_by_day ON counted (owner, day, bytes);
        """,
    ),
    ("counted files", "ALTER TABLE counted ADD COLUMN file_id TEXT"),
    ("replaced files", "ALTER TABLE counted ADD COLUMN replaces TEXT"),
)
#: In the place of a bucket: what is gone from its own and counts for its day only.
_GONE = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A source that is about to be stored.

    Attributes:
        bucket: Its bucket, as `Destination.names` says it.
        key: The same whenever the same source is sent to it.
        replaces: The knowledge file that it replaces, so that it adds no source. The bytes of both count
            until that one is gone: it stays where the new one cannot be read.
    """

    bucket: str
    key: str
    size_bytes: int
    replaces: str | None = None

    def in_place_of(self, before: FileState | None) -> Arrival:
        """Return it as what replaces the version before, see `Uploads.version_before`."""
        if before is None or before.earlier != "replaced":
            return self
        return replace(self, replaces=before.earlier_id)


@dataclass(frozen=True, slots=True)
class Admission:
    """What a caller may store now.

    Attributes:
        answers: One for each arrival, in their order: why it is refused; itself, if it was counted just now;
            None if it was counted before.
    """

    answers: tuple[QuotaExceeded | Arrival | None, ...]

    @property
    def refusals(self) -> tuple[QuotaExceeded | None, ...]:
        """One entry for each arrival, in their order: None for what may be stored."""
        return tuple(answer if isinstance(answer, QuotaExceeded) else None for answer in self.answers)

    @property
    def admitted(self) -> Admission:
        """The part of it that may be stored."""
        return Admission(tuple(answer for answer in self.answers if not isinstance(answer, QuotaExceeded)))

    def require(self) -> None:
        """Raise the first refusal, if there is any."""
        for refusal in filter(None, self.refusals):
            raise refusal


class UploadQuotas:
    """Admits sources. Where the record cannot be used, methods raise CalypsoError: nothing is stored."""

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._table = SharedTable(path, _MIGRATIONS, records="quotas", code="quota_record_unusable")
        self._clock = clock

    async def admit(
        self, grant: AccessGrant, arrivals: Sequence[Arrival], *, counts: bool = True
    ) -> Admission:
        """Count the sources that fit what `grant` allows, in their order; without `counts`, only say so."""
        if grant.quota.is_unlimited or not arrivals:
            return admit_all(arrivals)

        def work(connection: sqlite3.Connection) -> Admission:
            count = _Count(connection, grant, self._today, keeps=counts)
            return Admission(tuple(count.add(arrival) for arrival in arrivals))

        return await self._table.run(work, writes=counts)

    async def foresee(
        self, grant: AccessGrant, arrivals: Sequence[Arrival]
    ) -> tuple[QuotaExceeded | None, ...]:
        """Return what `admit` would refuse, in the order of `arrivals`; count nothing."""
        return (await self.admit(grant, arrivals, counts=False)).refusals

    async def counted_files(self, grant: AccessGrant, bucket: str) -> frozenset[str]:
        """Return the ids of the files that take up a caller's room in a bucket, as far as they are known."""

        def work(connection: sqlite3.Connection) -> frozenset[str]:
            counted = "SELECT file_id FROM counted WHERE owner = ? AND bucket = ? AND file_id IS NOT NULL"
            return frozenset(row[0] for row in connection.execute(counted, (owner_of(grant.name), bucket)))

        return await self._table.run(work, writes=False)

    async def give_back(self, grant: AccessGrant, bucket: str, file_ids: Iterable[str]) -> None:
        """Give back the room in a bucket of files that are gone from it; the day they came keeps them."""
        gone = [(_GONE, f"{bucket} {file_id}", owner_of(grant.name), bucket, file_id) for file_id in file_ids]
        moved = (
            "UPDATE OR REPLACE counted SET bucket = ?, key = ? WHERE owner = ? AND bucket = ? AND file_id = ?"
        )
        await self._table.run(lambda connection: connection.executemany(moved, gone))

    async def settle(
        self, grant: AccessGrant, admission: Admission, outcomes: Iterable[FileState | None]
    ) -> None:
        """Give back what was not stored: refused by the API for good, or stored before by another caller.

        Of what was stored, its file is remembered. There is one outcome for each arrival of what `admit`
        returned, in their order; None where it is not known.
        """
        pairs = zip(admission.answers, outcomes, strict=True)
        known = [(arrival, outcome) for arrival, outcome in pairs if isinstance(arrival, Arrival) and outcome]
        if not known:
            return
        owner = owner_of(grant.name)
        unstored = [arrival for arrival, outcome in known if _is_unstored(outcome)]
        stored = [(arrival, outcome) for arrival, outcome in known if not _is_unstored(outcome)]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "DELETE FROM counted WHERE owner = ? AND bucket = ? AND key = ?",
                [(owner, arrival.bucket, arrival.key) for arrival in unstored],
            )
            connection.executemany(
                "UPDATE counted SET file_id = ? WHERE owner = ? AND bucket = ? AND key = ?",
                [(outcome.file_id, owner, arrival.bucket, arrival.key) for arrival, outcome in stored],
            )

        await self._table.run(work)

    async def store(
        self, grant: AccessGrant, admission: Admission, store: Callable[[], Awaitable[FileState]]
    ) -> FileState:
        """Store the one source of an admission with `store`, and settle what came of it.

        Raises:
            QuotaExceeded: It was not admitted.
            CalypsoError: What `store` raised.
        """
        admission.require()
        try:
            state = await store()
        except CalypsoError as error:
            await self.settle(grant, admission, [FileState.of_error(error)])
            raise
        await self.settle(grant, admission, [state])
        return state

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    @property
    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()


class _Count:
    """One caller's rows, within one transaction; without `keeps` nothing is written into them."""

    def __init__(
        self, connection: sqlite3.Connection, grant: AccessGrant, today: str, *, keeps: bool
    ) -> None:
        self._connection = connection
        self._grant = grant
        self._owner = owner_of(grant.name)
        self._today = today
        self._keeps = keeps
        #: Bytes and sources of each bucket met so far.
        self._stored: dict[str, tuple[int, int]] = {}
        #: Files whose places arrivals have taken.
        self._replaced: set[str] = set()
        self._day_bytes: int = connection.execute(
            "SELECT coalesce(sum(bytes), 0) FROM counted WHERE owner = ? AND day = ?", (self._owner, today)
        ).fetchone()[0]

    def add(self, arrival: Arrival) -> Arrival | QuotaExceeded | None:
        """Count an arrival; return it, or why it is refused, or None where it is counted already."""
        row = (self._owner, arrival.bucket, arrival.key)
        found = "SELECT 1 FROM counted WHERE owner = ? AND bucket = ? AND key = ?"
        if self._connection.execute(found, row).fetchone() is not None:
            return None
        replaces = arrival.replaces if self._takes_a_place(arrival) else None
        used = Usage(*self._stored_in(arrival.bucket), self._day_bytes)
        after = used.plus(arrival.size_bytes, sources=0 if replaces else 1)
        if refusal := self._grant.quota.refusal(after, arrival.size_bytes, caller=self._grant.name):
            return refusal
        if self._keeps:
            self._connection.execute(
                "INSERT INTO counted (owner, bucket, key, bytes, day, replaces) VALUES (?, ?, ?, ?, ?, ?)",
                (*row, arrival.size_bytes, self._today, replaces),
            )
        if replaces:
            self._replaced.add(replaces)
        self._stored[arrival.bucket] = (after.bucket_bytes, after.bucket_sources)
        self._day_bytes = after.day_bytes
        return arrival

    def _stored_in(self, bucket: str) -> tuple[int, int]:
        """Return the bytes and the sources in a bucket: one that was replaced and its successor are one."""
        if bucket not in self._stored:
            self._stored[bucket] = tuple(
                self._connection.execute(
                    "SELECT coalesce(sum(bytes), 0), count(*) FILTER (WHERE file_id IS NULL OR file_id NOT IN"
                    " (SELECT replaces FROM counted WHERE owner = :owner AND bucket = :bucket"
                    " AND replaces IS NOT NULL)) FROM counted WHERE owner = :owner AND bucket = :bucket",
                    {"owner": self._owner, "bucket": bucket},
                ).fetchone()
            )
        return self._stored[bucket]

    def _takes_a_place(self, arrival: Arrival) -> bool:
        """Whether an arrival replaces a counted source that no other has replaced."""
        if arrival.replaces is None or arrival.replaces in self._replaced:
            return False
        is_counted, is_replaced = self._connection.execute(
            "SELECT coalesce(max(file_id = :replaces), 0), coalesce(max(replaces = :replaces), 0)"
            " FROM counted WHERE owner = :owner AND bucket = :bucket",
            {"owner": self._owner, "bucket": arrival.bucket, "replaces": arrival.replaces},
        ).fetchone()
        return bool(is_counted and not is_replaced)


def admit_all(arrivals: Sequence[object]) -> Admission:
    """Return the admission of a caller without a quota."""
    return Admission((None,) * len(arrivals))


def _is_unstored(outcome: FileState) -> bool:
    """Whether nothing new is stored, nor can be by sending the same again."""
    return outcome.is_replayed or (outcome.outcome in {"rejected", "failed"} and not outcome.retryable)


async def make_arrivals(uploads: Sequence[tuple[Upload, int]]) -> list[Arrival]:
    """Return what uploads count as, given with their sizes in bytes; each names its bucket."""
    return await to_thread.run_sync(lambda: [_arrival(*upload) for upload in uploads])


def _arrival(upload: Upload, size_bytes: int) -> Arrival:
    """Return what an upload counts as. Blocks."""
    declaration = upload.declaration
    if isinstance(upload.source, BytesSource):
        content = hashlib.sha256(upload.source.content).hexdigest()
    else:
        # The content of a file is not read for this: its time tells other content apart.
        content = f"{upload.origin}\0{Path(upload.origin or '').stat().st_mtime_ns}"
    key = hashlib.sha256(f"{declaration!r}\0{size_bytes}\0{content}".encode("utf-8", "surrogatepass"))
    return Arrival(declaration.destination.names[0], key.hexdigest(), size_bytes)
