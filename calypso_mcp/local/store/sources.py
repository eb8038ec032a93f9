"""Sources of a bucket: finding, removing and relabelling them, and replacing versions.

Every function works inside the caller's transaction, so that a search sees a change as a whole or not at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calypso_mcp.api.search import SearchRequest
from calypso_mcp.api.sources import SourceColumn, SourcesQuery, SourceState
from calypso_mcp.domain.files.ignore_patterns import read_patterns
from calypso_mcp.domain.states.readiness import FileStatus
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.store import files
from calypso_mcp.local.store.files import FileRow
from calypso_mcp.local.text_forms import dump_json, fold_case

#: The last source of a page: its value in the column that the listing is sorted by, and its file id.
After = tuple[str | float, str]

#: Error code of a batch item whose file is gone.
REMOVED = "source_removed"

#: States in a bucket, as conditions on the joined rows; `warning` may hold beside each of the others.
_STATES: Mapping[SourceState, str] = {
    "ready": f"files.status = '{FileStatus.ACTIVE}'",
    "failed": f"files.status = '{FileStatus.FAILED}'",
    "pending": f"files.status NOT IN ('{FileStatus.ACTIVE}', '{FileStatus.FAILED}')",
    "warning": "files.warnings <> '[]'",
}

#: What a list is sorted by. Names ignore case.
_COLUMNS: Mapping[SourceColumn, str] = {
    "name": "member.name COLLATE NOCASE",
    "size": "files.size_bytes",
    "updated": "files.updated_at",
}


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a listing: names and files, how many there are in all, and where the next page begins."""

    rows: tuple[tuple[str, FileRow], ...]
    total: int
    after: After | None


def find(connection: sqlite3.Connection, bucket_id: str, asked: SourcesQuery, after: After | None) -> Page:
    """Return the sources of a bucket that `asked` describes, in its order, from `after` on."""
    connection.create_function("folded", 1, fold_case, deterministic=True)
    conditions, values = _conditions(asked)
    source = (
        "FROM file_buckets AS member JOIN files ON files.id = member.file_id"
        f" WHERE member.bucket_id = ?{conditions}"
    )
    if conditions:
        total = connection.execute(f"SELECT count(*) {source}", (bucket_id, *values)).fetchone()[0]
    else:
        counting = "SELECT count(*) FROM file_buckets WHERE bucket_id = ?"
        total = connection.execute(counting, (bucket_id,)).fetchone()[0]
    column = _COLUMNS[asked.sort]
    direction, beyond = ("DESC", "<") if asked.order == "desc" else ("ASC", ">")
    place, since = "", tuple[Any, ...]()
    if after is not None:
        place = f" AND {column} {beyond}= ? AND ({column} {beyond} ? OR member.file_id {beyond} ?)"
        since = (after[0], after[0], after[1])
    found = connection.execute(
        f"SELECT member.name, member.file_id, {column} {source}{place}"
        f" ORDER BY {column} {direction}, member.file_id {direction} LIMIT ?",
        (bucket_id, *values, *since, asked.limit + 1),
    ).fetchall()
    shown = found[: asked.limit]
    by_id = files.get_all(connection, [file_id for _, file_id, _ in shown])
    rows = tuple((name, by_id[file_id]) for name, file_id, _ in shown)
    last = (shown[-1][2], shown[-1][1]) if len(found) > asked.limit else None
    return Page(rows, total, last)


def find_matching_files(
    connection: sqlite3.Connection, bucket_ids: Sequence[str], asked: SearchRequest
) -> list[str] | None:
    """Return the ids of the files in the buckets that a search may look into; None without filters.

    They have all the tags and the values in their metadata, and as id, file name, path, folder or title the
    source asked for, or a glob that one of the names matches, in any case.
    """
    if not (asked.tags or asked.source or asked.metadata):
        return None
    rows = connection.execute(
        "SELECT DISTINCT files.id, files.filename, files.path, files.title, files.tags, files.metadata"
        " FROM file_buckets JOIN files ON files.id = file_buckets.file_id"
        " WHERE file_buckets.bucket_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(bucket_ids)),),
    )
    is_named = _names_test(asked.source) if asked.source else None
    return [
        file_id
        for file_id, *names, tags, metadata in rows
        if (is_named is None or file_id == asked.source or is_named(filter(None, names)))
        and set(asked.tags or ()) <= set(json.loads(tags))
        and _holds(json.loads(metadata), asked.metadata or {})
    ]


def _names_test(source: str) -> Callable[[Iterable[str]], bool]:
    """Return what tells whether one of some names is `source`, or matches it as a glob, in any case."""
    sought = fold_case(source)
    # A backslash keeps a name that begins with a sign of ignore files a name.
    pattern = f"\\{sought}" if sought.startswith(("#", "!")) else sought
    glob = read_patterns([pattern], with_contents=True)
    return lambda names: any(name == sought or glob.selects(name) for name in map(fold_case, names))


def _holds(metadata: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether `metadata` has all values wanted: 2024 and true also as text, which some agents write."""
    return all(
        name in metadata and (metadata[name] == value or _as_text(metadata[name]) == _as_text(value))
        for name, value in wanted.items()
    )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else dump_json(value)


def take_out(
    connection: sqlite3.Connection,
    file: FileRow,
    bucket_ids: Iterable[str],
    *,
    successor: str | None = None,
    now: float = 0.0,
) -> str | None:
    """Take a file out of some of its buckets; a file without buckets is deleted.

    `successor` is the file that takes its place, since `now`; None: it is removed. Returns the upload session
    whose stored bytes nothing needs any more, where the file is gone.
    """
    leaving = set(bucket_ids)
    staying = [bucket_id for bucket_id in file.bucket_ids if bucket_id not in leaving]
    connection.execute(
        "DELETE FROM file_buckets WHERE file_id = ? AND bucket_id IN (SELECT value FROM json_each(?))",
        (file.id, json.dumps(sorted(leaving))),
    )
    if staying:
        index.restate(connection, file.id, bucket_ids=staying)
        return None
    if successor is not None:
        connection.execute(
            "UPDATE replaced_files SET successor = ? WHERE successor = ?", (successor, file.id)
        )
        connection.execute("INSERT INTO replaced_files VALUES (?, ?, ?)", (file.id, successor, now))
    index.remove(connection, file.id)
    connection.execute("DELETE FROM files WHERE id = ?", (file.id,))
    # A repeated upload must make the file again instead of finding the deleted one.
    connection.execute("DELETE FROM idempotency_keys WHERE created_id = ?", (file.session_id,))
    connection.execute("DELETE FROM upload_sessions WHERE id = ?", (file.session_id,))
    connection.execute(
        "UPDATE batch_items SET session_id = NULL, gone_file = ?, error_code = ?, error_message = ?"
        " WHERE session_id = ?",
        (file.id, REMOVED, "The source was removed or replaced since.", file.session_id),
    )
    return file.session_id


def list_versions(connection: sqlite3.Connection, kind: str, identity: str) -> list[FileRow]:
    """Return the files that are versions of one source, in whatever buckets, oldest first."""
    found = connection.execute(
        "SELECT files.id FROM files JOIN tasks ON tasks.file_id = files.id"
        " WHERE files.identity = ? AND files.kind = ? ORDER BY tasks.position",
        (identity, kind),
    ).fetchall()
    rows = files.get_all(connection, [row["id"] for row in found])
    return [rows[row["id"]] for row in found]


def settle_versions(connection: sqlite3.Connection, file_ids: Sequence[str], *, now: float) -> list[str]:
    """Let files that were just read replace earlier versions, if they were declared to.

    A file that failed replaces only what failed, too; its error says if the version before it stays. Where a
    later version is searchable already, because files are indexed side by side, the earlier one goes.

    Returns the upload sessions whose stored bytes nothing needs any more.
    """
    with_versions = connection.execute(
        "SELECT id FROM files AS mine WHERE id IN (SELECT value FROM json_each(?)) AND EXISTS (SELECT 1"
        " FROM files WHERE identity = mine.identity AND kind = mine.kind AND id <> mine.id)",
        (json.dumps(file_ids),),
    ).fetchall()
    ended: list[str] = []
    for row in with_versions:
        # An earlier round may have deleted it.
        if (file := files.get(connection, row["id"])) is not None:
            ended += _settle(connection, file, now=now)
    return ended


def _settle(connection: sqlite3.Connection, file: FileRow, *, now: float) -> list[str]:
    versions = list_versions(connection, file.kind, file.identity)
    place = [row.id for row in versions].index(file.id)
    ended = _replace(connection, versions[:place], file, now=now) if _replaces(file) else []
    successors = {
        bucket_id: row.id
        for row in versions[place + 1 :]
        if _replaces(row) and row.status == FileStatus.ACTIVE
        for bucket_id in row.bucket_ids
    }
    leaving = [bucket_id for bucket_id in file.bucket_ids if bucket_id in successors]
    if leaving:
        successor = successors[leaving[-1]]
        ended.append(take_out(connection, file, leaving, successor=successor, now=now))
    return [session_id for session_id in ended if session_id]


def _replaces(file: FileRow) -> bool:
    return file.declaration.if_exists == "replace"


def _replace(
    connection: sqlite3.Connection, earlier: Iterable[FileRow], file: FileRow, *, now: float
) -> list[str | None]:
    """Let `file` take the place of `earlier` versions, oldest first, in the buckets that they share."""
    ended: list[str | None] = []
    replaced: list[FileRow] = []
    for row in earlier:
        shared = set(row.bucket_ids) & set(file.bucket_ids)
        if shared and file.status == FileStatus.FAILED and row.status != FileStatus.FAILED:
            files.add_to_error(connection, file.id, " The previous version was kept.")
        elif shared:
            ended.append(take_out(connection, row, shared, successor=file.id, now=now))
            replaced.append(row)
    _inherit_labels(connection, file, replaced[::-1], now=now)
    return ended


def _inherit_labels(
    connection: sqlite3.Connection, file: FileRow, replaced: Sequence[FileRow], *, now: float
) -> None:
    """Give a new version the tags and metadata of those `replaced`, newest first, as far as it has none.

    Several are replaced at once if they follow each other faster than they are indexed. What the metadata say
    of a page that a version was fetched from does not hold for the new one.
    """
    own = file.declaration
    tags = own.tags or next((row.declaration.tags for row in replaced if row.declaration.tags), ())
    earlier = (_without_origin(row.declaration.metadata) for row in replaced if row.url is None)
    metadata = {} if _without_origin(own.metadata) else next(filter(None, earlier), dict[str, Any]())
    if metadata or tags != own.tags:
        metadata = {**metadata, **(own.metadata or {})}
        relabel(connection, file, title=None, tags=tags, metadata=metadata, now=now)


def _without_origin(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return metadata without the id of the source at its origin, which identifies it but tells nothing."""
    return {name: value for name, value in (metadata or {}).items() if name != "external_id"}


def relabel(
    connection: sqlite3.Connection,
    file: FileRow,
    *,
    title: str | None,
    tags: Sequence[str] | None,
    metadata: Mapping[str, object] | None,
    now: float,
) -> None:
    """Change the title, tags or metadata of a source; None leaves one as it is."""
    declared = file.declaration
    connection.execute(
        "UPDATE files SET title = ?, tags = ?, metadata = ?, updated_at = ? WHERE id = ?",
        (
            declared.title if title is None else title,
            dump_json(declared.tags if tags is None else tags),
            dump_json(declared.metadata or {} if metadata is None else metadata),
            now,
            file.id,
        ),
    )
    if title is not None:
        index.restate(connection, file.id, title=title)


def _conditions(asked: SourcesQuery) -> tuple[str, list[str]]:
    conditions: list[str] = []
    values: list[str] = []
    if asked.query:
        conditions.append("(instr(folded(member.name), ?) OR instr(folded(ifnull(files.title, '')), ?))")
        values += [fold_case(asked.query)] * 2
    if asked.identity:
        conditions.append("files.identity = ?")
        values.append(asked.identity)
    if asked.kind:
        conditions.append("files.kind = ?")
        values.append(asked.kind)
    if asked.tag:
        conditions.append("EXISTS (SELECT 1 FROM json_each(files.tags) WHERE value = ?)")
        values.append(asked.tag)
    if asked.state:
        conditions.append(_STATES[asked.state])
    return "".join(f" AND {condition}" for condition in conditions), values
