"""Records of tasks, kept for as long as their callers may ask: a table that the workers of a folder share.

Without a folder, the table is this process's own. A caller is kept as a hash. The worker that runs a task
reports in regularly; once it has fallen silent, its task counts as ended.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from calypso_mcp.sqlite.rows import insert_rows
from calypso_mcp.sqlite.shared_file import SharedTable

if TYPE_CHECKING:
    import sqlite3

    from calypso_mcp.sqlite.connections import Migrations

Status = Literal["working", "input_required", "completed", "failed", "cancelled"]

TASKS_FILE: Final = "tasks.sqlite"
#: How long a task is remembered after it began, in seconds.
KEPT_S: Final = 86_400
#: Silence after which the worker of a task is taken for dead, in seconds.
SILENCE_S: Final = 30.0
#: Finished tasks of one caller that are remembered.
KEPT_OF_CALLER: Final = 1_000
_UNFINISHED: Final = ("working", "input_required")
#: Outdated records removed with each new one: more than one, so that they do not pile up.
_REMOVED_WITH_EACH: Final = 3

_MIGRATIONS: Migrations = (
    (
        "tasks",
        """
        CREATE TABLE tasks (
            task_id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            status TEXT NOT NULL,
            message TEXT NOT NULL,
            created_at REAL NOT NULL,
            changed_at REAL NOT NULL,
            heard_at REAL NOT NULL,
            content TEXT,
            answers TEXT NOT NULL,
            is_cancelled INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX tasks_by_age ON tasks (created_at);
        """,
    ),
    (
        "tasks by caller",
        """
        ALTER TABLE tasks ADD COLUMN caller TEXT NOT NULL DEFAULT '';
        CREATE INDEX tasks_by_caller ON tasks (caller, created_at);
        """,
    ),
)


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """What is known of one task. Times are in seconds since 1970.

    Attributes:
        owner: Hash of the caller and the limits it belongs to.
        caller: Hash of the caller alone.
        changed_at: When its status or message last changed.
        heard_at: When its worker last reported in.
        content: JSON: the result of a completed one, the error of a failed one, the open questions.
        answers: JSON: what the client has answered, by question.
        is_cancelled: Whether its caller wants it to end.
    """

    task_id: str
    owner: str
    caller: str
    status: Status = "working"
    message: str = ""
    created_at: float = 0
    changed_at: float = 0
    heard_at: float = 0
    content: str | None = None
    answers: str = "{}"
    is_cancelled: int = 0

    @property
    def is_unfinished(self) -> bool:
        """Whether work on it may go on."""
        return self.status in _UNFINISHED


class TaskRecords:
    """Remembers tasks by id.

    Every method raises `CalypsoError` where the table cannot be used.
    """

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._table = SharedTable(path, _MIGRATIONS, records="tasks", code="task_record_unusable")
        self._clock = clock

    async def add(self, task_id: str, owner: str, caller: str, message: str) -> TaskRecord:
        """Remember a task that has begun; forget some of the oldest, and of those beyond a caller's share."""
        now = self._clock()
        record = TaskRecord(
            task_id, owner, caller, message=message, created_at=now, changed_at=now, heard_at=now
        )

        def work(connection: sqlite3.Connection) -> None:
            insert_rows(connection, "tasks", asdict(record), conflict="REPLACE")
            connection.execute(
                "DELETE FROM tasks WHERE task_id IN"
                " (SELECT task_id FROM tasks WHERE created_at < ? ORDER BY created_at LIMIT ?)",
                (now - KEPT_S, _REMOVED_WITH_EACH),
            )
            connection.execute(
                "DELETE FROM tasks WHERE task_id IN"
                " (SELECT task_id FROM tasks WHERE caller = ? AND status NOT IN (?, ?)"
                " ORDER BY created_at DESC LIMIT ? OFFSET ?)",
                (caller, *_UNFINISHED, _REMOVED_WITH_EACH, KEPT_OF_CALLER),
            )

        await self._table.run(work)
        return record

    async def find(self, task_id: str, owner: str) -> TaskRecord | None:
        """Return a task of `owner`; None for any other, and for one that was forgotten."""
        record = await self._table.run(lambda connection: _find(connection, task_id), writes=False)
        if record is None or record.owner != owner or record.created_at < self._clock() - KEPT_S:
            return None
        return record

    def is_abandoned(self, record: TaskRecord) -> bool:
        """Whether a task is unfinished and no process works on it any more."""
        # News from the future is as old: the clock was set back.
        return record.is_unfinished and abs(self._clock() - record.heard_at) > SILENCE_S

    async def report_in(self, task_id: str, message: str) -> TaskRecord | None:
        """Note that the task is running, and return its record, which says what its caller wants."""
        now = self._clock()

        def work(connection: sqlite3.Connection) -> TaskRecord | None:
            connection.execute(
                "UPDATE tasks SET heard_at = :now, message = :message,"
                " changed_at = CASE WHEN message = :message THEN changed_at ELSE :now END"
                " WHERE task_id = :task_id",
                {"now": now, "message": message, "task_id": task_id},
            )
            return _find(connection, task_id)

        return await self._table.run(work)

    async def settle(
        self, task_id: str, status: Status, message: str, content: Mapping[str, Any] | None
    ) -> None:
        """Record how a task has ended, or what it asks."""
        now = self._clock()
        values = (status, message, now, now, None if content is None else json.dumps(content), task_id)
        settled = (
            "UPDATE tasks SET status = ?, message = ?, changed_at = ?, heard_at = ?, content = ?"
            " WHERE task_id = ?"
        )
        await self._table.run(lambda connection: connection.execute(settled, values))

    async def cancel(self, task_id: str) -> None:
        """Note that the caller wants the task to end."""
        cancelled = "UPDATE tasks SET is_cancelled = 1 WHERE task_id = ?"
        await self._table.run(lambda connection: connection.execute(cancelled, (task_id,)))

    async def answer(self, task_id: str, answers: Mapping[str, Any]) -> None:
        """Note answers to open questions and drop all others; work goes on after the last answer."""
        now = self._clock()

        def work(connection: sqlite3.Connection) -> None:
            record = _find(connection, task_id)
            if record is None or record.status != "input_required":
                return
            asked: dict[str, Any] = json.loads(record.content or "{}")
            given = {**json.loads(record.answers), **{key: answers[key] for key in asked if key in answers}}
            left = {key: question for key, question in asked.items() if key not in given}
            connection.execute(
                "UPDATE tasks SET answers = ?, content = ?, status = ?, changed_at = ? WHERE task_id = ?",
                (
                    json.dumps(given),
                    json.dumps(left) if left else None,
                    "input_required" if left else "working",
                    now,
                    task_id,
                ),
            )

        await self._table.run(work)

    def close(self) -> None:
        """Close the file."""
        self._table.close()


def _find(connection: sqlite3.Connection, task_id: str) -> TaskRecord | None:
    row = connection.execute("SELECT * FROM tasks WHERE task_id = ?", (task_id,)).fetchone()
    return None if row is None else TaskRecord(**row)
