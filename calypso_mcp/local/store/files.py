"""Knowledge files and their way into their buckets."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from calypso_mcp.domain.states.readiness import FileStatus, SyncStatus
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.identifiers import derived_id
from calypso_mcp.local.indexing.documents import Document
from calypso_mcp.local.store.sessions import SessionRow, columns_of, take_declaration
from calypso_mcp.local.text_forms import dump_json, parse_texts
from calypso_mcp.sqlite.rows import insert_rows


class FileRow(NamedTuple):
    """One knowledge file with its task and its buckets.

    `kind` is that of the member: `file`, `website` or `qa`. `identity` is what versions of it have in common.
    """

    id: str
    session_id: str
    declaration: Declaration
    kind: str
    identity: str
    size_bytes: int
    sha256: str
    status: str
    error_code: str | None
    error_message: str | None
    #: What a reader of its passages should know.
    warnings: tuple[str, ...]
    created_at: float
    updated_at: float
    task_id: str
    task_status: str
    #: Ids of the buckets it belongs to.
    bucket_ids: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is listed as."""
        return name_of(self.declaration, self.kind)

    @property
    def url(self) -> str | None:
        """The address it was fetched from; None of anything else."""
        if self.kind == "website":
            return self.identity
        metadata = self.declaration.metadata or {}
        return str(metadata["url"]) if {"url", "fetched_at"} <= metadata.keys() else None

    @property
    def sync_status(self) -> SyncStatus:
        """Its sync into each of its buckets, which ends in the same transaction as its indexing."""
        has_ended = self.status in {FileStatus.ACTIVE, FileStatus.FAILED}
        return SyncStatus(self.status) if has_ended else SyncStatus.PENDING


def name_of(declaration: Declaration, kind: str) -> str:
    """Return what a source is listed as: a question as asked, a page by its URL, a file by its path."""
    return (declaration.title if kind == "qa" else None) or declaration.name


def insert(
    connection: sqlite3.Connection, *uploaded: SessionRow, now: float, kind: str = "file"
) -> dict[str, str]:
    """Turn uploaded sessions into queued files, in this order; return the files' ids by session.

    An id follows from the session, so that this can never make two files of one session.
    """
    ids = {session.id: derived_id("file", session.id) for session in uploaded}
    rows = [
        {
            "id": ids[session.id],
            "session_id": session.id,
            **columns_of(session.declaration),
            "kind": kind,
            "identity": session.declaration.lineage,
            "size_bytes": session.size_bytes,
            "sha256": session.sha256,
            "status": FileStatus.QUEUED,
            "created_at": now,
            "updated_at": now,
        }
        for session in uploaded
    ]
    insert_rows(connection, "files", *rows)
    connection.executemany(
        "INSERT INTO file_buckets (bucket_id, file_id, name) VALUES (?, ?, ?)",
        [
            (bucket_id, ids[session.id], name_of(session.declaration, kind))
            for session in uploaded
            for bucket_id in session.bucket_ids
        ],
    )
    queue(connection, ids)
    connection.executemany(
        "UPDATE upload_sessions SET file_id = ? WHERE id = ?",
        [(file_id, session_id) for session_id, file_id in ids.items()],
    )
    return ids


def queue(connection: sqlite3.Connection, file_ids: Mapping[str, str]) -> None:
    """Give each file, by its session, a task unless it has one. It waits in the queue of its first bucket."""
    connection.executemany(
        "INSERT OR IGNORE INTO tasks (id, file_id, status, bucket_id)"
        " SELECT ?1, ?2, ?3, ifnull(min(bucket_id), '') FROM file_buckets WHERE file_id = ?2",
        [(derived_id("task", session), file_id, FileStatus.QUEUED) for session, file_id in file_ids.items()],
    )


def get(connection: sqlite3.Connection, file_id: str) -> FileRow | None:
    """Return the file with this id."""
    return get_all(connection, [file_id]).get(file_id)


def get_all(connection: sqlite3.Connection, file_ids: Sequence[str]) -> dict[str, FileRow]:
    """Return, by id, those of `file_ids` that exist."""
    found = connection.execute(
        "SELECT files.*, tasks.id AS task_id, tasks.status AS task_status,"
        " (SELECT json_group_array(bucket_id) FROM file_buckets WHERE file_id = files.id) AS bucket_ids"
        " FROM files JOIN tasks ON tasks.file_id = files.id"
        " WHERE files.id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(file_ids)),),
    )
    # Far quicker than `dict` of each row, which looks every column up by its name.
    names = [column for column, *_ in found.description]
    rows = (dict(zip(names, row, strict=True)) for row in found)
    return {row["id"]: _file(row) for row in rows}


def get_successors(connection: sqlite3.Connection, file_ids: Iterable[str]) -> dict[str, str]:
    """Return, by id, the file that took the place of each of `file_ids` that was replaced."""
    rows = connection.execute(
        "SELECT file_id, successor FROM replaced_files WHERE file_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(file_ids)),),
    )
    return {row["file_id"]: row["successor"] for row in rows}


def drop_successors(connection: sqlite3.Connection, before: float) -> None:
    """Forget replacements made before `before`: no call waits for those files any more."""
    connection.execute("DELETE FROM replaced_files WHERE replaced_at < ?", (before,))


def get_by_task(connection: sqlite3.Connection, task_id: str) -> FileRow | None:
    """Return the file that a task indexes."""
    row = connection.execute("SELECT file_id FROM tasks WHERE id = ?", (task_id,)).fetchone()
    return get(connection, row["file_id"]) if row else None


def set_findings(connection: sqlite3.Connection, found: Iterable[tuple[FileRow, Document]]) -> None:
    """Record what reading found in files: warnings, and the titles and tags that they state themselves.

    What an owner declared comes first: a title stays, tags are added.
    """
    connection.executemany(
        "UPDATE files SET title = ?, tags = ?, warnings = ? WHERE id = ?",
        [
            (
                file.declaration.title or document.title,
                dump_json(tuple(dict.fromkeys((*file.declaration.tags, *document.tags)))),
                dump_json(document.warnings),
                file.id,
            )
            for file, document in found
            if document.title or document.tags or document.warnings or file.warnings
        ],
    )


def set_status(
    connection: sqlite3.Connection,
    file_ids: Sequence[str],
    status: FileStatus,
    *,
    now: float,
    error: tuple[str, str] | None = None,
) -> None:
    """Record the state of files, and so of their sync; `error` is (code, message)."""
    code, message = error or (None, None)
    connection.execute(
        "UPDATE files SET status = ?, error_code = ?, error_message = ?, updated_at = ?"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (status, code, message, now, json.dumps(file_ids)),
    )


def add_to_error(connection: sqlite3.Connection, file_id: str, sentence: str) -> None:
    """Add a sentence to the error of a file that failed, unless it says so already."""
    connection.execute(
        "UPDATE files SET error_message = error_message || ?2 WHERE id = ?1 AND instr(error_message, ?2) = 0",
        (file_id, sentence),
    )


def _file(fields: dict[str, Any]) -> FileRow:
    fields |= {name: parse_texts(fields[name]) for name in ("warnings", "bucket_ids")}
    return FileRow(declaration=take_declaration(fields), **fields)
