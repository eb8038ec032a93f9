"""The queue of indexing tasks. A task belongs to one process for the time of a lease.

Every state change names the owner, so a process that lost its lease can no longer change anything: this
is what keeps a file from being indexed twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from calypso_mcp.domain.states.readiness import UNREADABLE, FileStatus
from calypso_mcp.local.store import files
from calypso_mcp.local.store.files import FileRow

#: Longest pause before a task is tried again, in seconds. A later time stems from a clock that was set back.
_LONGEST_PAUSE_S = 60
_TAKEABLE = f"""
    FROM tasks WHERE status IN ('queued', 'indexing')
    AND ((status = 'queued' AND (not_before <= :now OR not_before > :now + {_LONGEST_PAUSE_S}))
    OR (status = 'indexing' AND lease_expires < :now))
"""

#: Processes that one file may take down with it before it is given up.
_MOST_ATTEMPTS = 3
#: Small tasks that are claimed, read and recorded together.
MOST_TOGETHER = 64
#: Files that may wait for their pictures to be read. Buckets with such files take no more tasks then.
_MOST_ASIDE = 500


#: The buckets with tasks that could be claimed, each found by one step in the index, and the attempts at the
#: first of them.
_WAITING = f"""
    WITH RECURSIVE queues (bucket_id) AS (
        SELECT min(bucket_id) FROM tasks WHERE status IN ('queued', 'indexing')
        UNION ALL
        SELECT (SELECT min(bucket_id) FROM tasks
                WHERE status IN ('queued', 'indexing') AND bucket_id > queues.bucket_id)
        FROM queues WHERE bucket_id IS NOT NULL
    ), waiting AS (
        SELECT bucket_id, (
            SELECT attempts {_TAKEABLE} AND bucket_id = queues.bucket_id ORDER BY attempts, position LIMIT 1
        ) AS attempts FROM queues
    )
    SELECT bucket_id, attempts FROM waiting WHERE attempts IS NOT NULL
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file whose task this process may work on. `attempts` counts this one."""

    file: FileRow
    bucket_id: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Places:
    """How a process shares its places among buckets.

    Attributes:
        count: Groups of tasks that may have a place at once.
        taken: Those that have one, by bucket.
        aside: Files whose pictures are being read or wait for it, by bucket: these need no place.
        last_turns: Number of the last turn of each bucket that had one.
    """

    count: int
    taken: Mapping[str, int]
    aside: Mapping[str, int]
    last_turns: Mapping[str, int]


def is_work_waiting(connection: sqlite3.Connection, now: float) -> bool:
    """Whether a task could be claimed."""
    return connection.execute(f"SELECT 1 {_TAKEABLE} LIMIT 1", {"now": now}).fetchone() is not None


def is_any_unfinished(connection: sqlite3.Connection) -> bool:
    """Whether any task of any process is queued or being indexed."""
    row = connection.execute("SELECT 1 FROM tasks WHERE status IN ('queued', 'indexing') LIMIT 1").fetchone()
    return row is not None


def claim(
    connection: sqlite3.Connection,
    owner: str,
    places: Places,
    *,
    now: float,
    lease_s: float,
    is_small: Callable[[FileRow], bool],
) -> list[tuple[Claimed, ...]]:
    """Take groups of tasks for the places that are free; those that were tried too often fail instead.

    A group is one task, or the small ones among the next `MOST_TOGETHER` of a bucket: together they cost
    little more than one alone. A bucket without a place comes first, then the one whose last turn is longest
    ago. The former need not wait for the long tasks of others: it may take one place more than there are.

    A task that was tried before comes after the fresh ones and alone, which takes a process that is idle:
    a file that kills the process must not count against other files.
    """
    groups: list[tuple[Claimed, ...]] = []
    busy = Counter(places.taken)
    held = places.aside if sum(places.aside.values()) >= _MOST_ASIDE else ()
    while places.count and (free := places.count - busy.total()) >= 0:
        is_idle = not busy.total() and not places.aside
        waiting = [
            (attempts, busy[bucket_id] > 0, places.last_turns.get(bucket_id, 0), bucket_id)
            for bucket_id, attempts in connection.execute(_WAITING, {"now": now})
            if (free or not busy[bucket_id]) and (is_idle or not attempts) and bucket_id not in held
        ]
        if not waiting:
            break
        bucket_id = min(waiting)[-1]
        if group := _take_group(connection, bucket_id, now=now, is_small=is_small):
            _hold(connection, owner, group, now=now, lease_s=lease_s)
            groups.append(group)
            busy[bucket_id] += 1
    return groups


def _take_group(
    connection: sqlite3.Connection, bucket_id: str, *, now: float, is_small: Callable[[FileRow], bool]
) -> tuple[Claimed, ...]:
    rows = connection.execute(
        f"SELECT file_id, attempts {_TAKEABLE} AND bucket_id = :bucket_id"
        " ORDER BY attempts, position LIMIT :most",
        {"now": now, "bucket_id": bucket_id, "most": MOST_TOGETHER},
    ).fetchall()
    found = files.get_all(connection, [row["file_id"] for row in rows])
    group: list[Claimed] = []
    for row in rows:
        claimed = Claimed(found[row["file_id"]], bucket_id, row["attempts"] + 1)
        if row["attempts"] >= _MOST_ATTEMPTS:
            message = f"Indexing stopped {row['attempts']} times, so Calypso gave up."
            fail(connection, claimed.file.id, code="indexing_stopped", message=message, now=now)
        elif not group:
            group.append(claimed)
            if row["attempts"] or not is_small(claimed.file):
                break
        elif not row["attempts"] and is_small(claimed.file):
            group.append(claimed)
    return tuple(group)


def _hold(
    connection: sqlite3.Connection, owner: str, group: Sequence[Claimed], *, now: float, lease_s: float
) -> None:
    connection.executemany(
        "UPDATE tasks SET status = 'indexing', attempts = ?, lease_owner = ?, lease_expires = ?"
        " WHERE file_id = ?",
        [(claimed.attempts, owner, now + lease_s, claimed.file.id) for claimed in group],
    )
    connection.executemany(
        "UPDATE files SET status = 'indexing', updated_at = ? WHERE id = ?",
        [(now, claimed.file.id) for claimed in group],
    )


def heartbeat(connection: sqlite3.Connection, owner: str, *, now: float, lease_s: float) -> None:
    """Keep this process's tasks for another lease."""
    connection.execute(
        "UPDATE tasks SET lease_expires = ? WHERE status = 'indexing' AND lease_owner = ?",
        (now + lease_s, owner),
    )


def find_owned(connection: sqlite3.Connection, owner: str, file_ids: Sequence[str]) -> set[str]:
    """Return those of the files for which `owner` still holds the lease."""
    rows = connection.execute(
        "SELECT file_id FROM tasks WHERE status = 'indexing' AND lease_owner = ?"
        " AND file_id IN (SELECT value FROM json_each(?))",
        (owner, json.dumps(file_ids)),
    )
    return {row["file_id"] for row in rows}


def complete(connection: sqlite3.Connection, file_ids: Sequence[str], *, now: float) -> None:
    """Record that these files are searchable through all their buckets."""
    _end(connection, file_ids, FileStatus.INDEXED)
    files.set_status(connection, file_ids, FileStatus.ACTIVE, now=now)


def fail(connection: sqlite3.Connection, file_id: str, *, code: str, message: str, now: float) -> None:
    """Record that the file cannot be indexed, and why."""
    _end(connection, [file_id], FileStatus.FAILED)
    files.set_status(connection, [file_id], FileStatus.FAILED, now=now, error=(code, message))


def give_back(
    connection: sqlite3.Connection,
    owner: str,
    file_id: str | None = None,
    *,
    counts: bool,
    not_before: float = 0.0,
) -> None:
    """Queue a file of `owner` (all of them without `file_id`) again; `counts` says whether as an attempt."""
    given_back = connection.execute(
        "UPDATE tasks SET status = 'queued', attempts = attempts - ?, not_before = ?,"
        " lease_owner = NULL, lease_expires = NULL WHERE status = 'indexing' AND lease_owner = ?"
        " AND ifnull(file_id = ?, true) RETURNING file_id",
        (0 if counts else 1, not_before, owner, file_id),
    ).fetchall()
    connection.executemany("UPDATE files SET status = 'queued' WHERE id = ?", given_back)


def queue_unreadable(connection: sqlite3.Connection, version: str, *, can_recognize: bool) -> None:
    """Queue the files again that a new `version` of the readers, or text recognition, may be able to read."""
    new = connection.execute("INSERT OR IGNORE INTO readers VALUES (?)", (version,)).rowcount
    codes = UNREADABLE if new else {"no_text_layer"} if can_recognize else ()
    queued = connection.execute(
        "UPDATE files SET status = 'queued', error_code = NULL, error_message = NULL"
        " WHERE error_code IN (SELECT value FROM json_each(?)) RETURNING id",
        (json.dumps(list(codes)),),
    ).fetchall()
    connection.executemany("UPDATE tasks SET status = 'queued', attempts = 0 WHERE file_id = ?", queued)


def list_owners(connection: sqlite3.Connection) -> set[str]:
    """Return the processes that hold a lease."""
    rows = connection.execute("SELECT DISTINCT lease_owner FROM tasks WHERE status = 'indexing'")
    return {row["lease_owner"] for row in rows}


def _end(connection: sqlite3.Connection, file_ids: Sequence[str], status: FileStatus) -> None:
    connection.execute(
        "UPDATE tasks SET status = ?, lease_owner = NULL, lease_expires = NULL"
        " WHERE file_id IN (SELECT value FROM json_each(?))",
        (status, json.dumps(file_ids)),
    )
