"""The store's schema as numbered steps. Append only: a step that was released never changes."""

from __future__ import annotations

from calypso_mcp.local.retrieval.index import FIRST_SCHEMA as RETRIEVAL_INDEX, OUTLINES, PARTS
from calypso_mcp.local.store.vectors import SCHEMA as VECTORS
from calypso_mcp.sqlite.connections import Migrations

CATALOGUE = """
CREATE TABLE buckets (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    status TEXT NOT NULL DEFAULT 'active',
    created_at REAL NOT NULL
);
CREATE TABLE upload_sessions (
    id TEXT PRIMARY KEY,
    filename TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    title TEXT,
    tags TEXT NOT NULL,
    metadata TEXT NOT NULL,
    bucket_ids TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    sha256 TEXT,
    md5 TEXT,
    crc32c TEXT,
    file_id TEXT,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL
);
CREATE INDEX upload_sessions_unfinished ON upload_sessions (expires_at) WHERE file_id IS NULL;
CREATE TABLE upload_addresses (
    secret_hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES upload_sessions (id) ON DELETE CASCADE,
    expires_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX upload_addresses_by_session ON upload_addresses (session_id);
CREATE TABLE files (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE,
    filename TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    title TEXT,
    tags TEXT NOT NULL,
    metadata TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    status TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
);
CREATE TABLE file_buckets (
    bucket_id TEXT NOT NULL REFERENCES buckets (id),
    file_id TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    sync_status TEXT NOT NULL,
    PRIMARY KEY (bucket_id, file_id)
) WITHOUT ROWID;
CREATE INDEX file_buckets_by_file ON file_buckets (file_id);
CREATE TABLE tasks (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    file_id TEXT NOT NULL UNIQUE REFERENCES files (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_expires REAL
);
CREATE INDEX tasks_unfinished ON tasks (attempts, position) WHERE status IN ('queued', 'indexing');
CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE TABLE batch_items (
    batch_id TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    client_file_id TEXT NOT NULL,
    session_id TEXT,
    error_code TEXT,
    error_message TEXT,
    PRIMARY KEY (batch_id, client_file_id)
) WITHOUT ROWID;
CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    name TEXT,
    instructions TEXT,
    bucket_ids TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE TABLE idempotency_keys (
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_id TEXT NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (operation, key)
) WITHOUT ROWID;
"""

ANSWERS = """
CREATE TABLE answers (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    team_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    model TEXT NOT NULL,
    sought TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE INDEX answers_by_conversation ON answers (conversation_id, position);
CREATE INDEX answers_by_age ON answers (created_at);
"""

#: Warnings of the reader, as a JSON array.
READING = "ALTER TABLE files ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]';"

CREATES = """
CREATE TABLE creates (at REAL NOT NULL);
"""

#: Versions of a source, and sources by name. What was stored before is known by its file name.
SOURCES = """
ALTER TABLE upload_sessions ADD COLUMN path TEXT;
ALTER TABLE upload_sessions ADD COLUMN if_exists TEXT NOT NULL DEFAULT 'keep_both';
ALTER TABLE files ADD COLUMN path TEXT;
ALTER TABLE files ADD COLUMN if_exists TEXT NOT NULL DEFAULT 'keep_both';
ALTER TABLE files ADD COLUMN kind TEXT NOT NULL DEFAULT 'file';
ALTER TABLE files ADD COLUMN identity TEXT NOT NULL DEFAULT '';
UPDATE files SET identity = coalesce(json_extract(metadata, '$.external_id'), filename);
CREATE INDEX files_by_identity ON files (identity);
ALTER TABLE file_buckets ADD COLUMN name TEXT NOT NULL DEFAULT '';
UPDATE file_buckets SET name = (SELECT filename FROM files WHERE files.id = file_buckets.file_id);
CREATE INDEX file_buckets_by_name ON file_buckets (bucket_id, name COLLATE NOCASE, file_id);
CREATE INDEX batch_items_by_session ON batch_items (session_id);
CREATE INDEX idempotency_keys_by_created ON idempotency_keys (created_id);
"""

#: Which file took the place of one that is gone, for those who still wait for that one.
SUCCESSORS = """
CREATE TABLE replaced_files (
    file_id TEXT PRIMARY KEY,
    successor TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    replaced_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX replaced_files_by_successor ON replaced_files (successor);
CREATE INDEX replaced_files_by_age ON replaced_files (replaced_at);
ALTER TABLE batch_items ADD COLUMN gone_file TEXT;
"""

#: What nothing reads, or follows from the state of a file. The offsets in `passages` stay: to drop them would
#: write every passage anew (300,000: 8 s and 400 MB).
WITHOUT_UNREAD = """
ALTER TABLE file_buckets DROP COLUMN sync_status;
ALTER TABLE upload_sessions DROP COLUMN created_at;
ALTER TABLE answers DROP COLUMN team_id;
ALTER TABLE batches DROP COLUMN created_at;
ALTER TABLE idempotency_keys DROP COLUMN created_at;
"""

#: A queue of tasks for each bucket.
QUEUES = """
ALTER TABLE tasks ADD COLUMN bucket_id TEXT NOT NULL DEFAULT '';
UPDATE tasks SET bucket_id = ifnull(
    (SELECT min(bucket_id) FROM file_buckets WHERE file_buckets.file_id = tasks.file_id), ''
) WHERE status IN ('queued', 'indexing');
DROP INDEX tasks_unfinished;
CREATE INDEX tasks_unfinished ON tasks (bucket_id, attempts, position) WHERE status IN ('queued', 'indexing');
"""

#: Versions of this program that have read the files that earlier ones could not read.
READERS = "CREATE TABLE readers (version TEXT PRIMARY KEY) WITHOUT ROWID;"

#: Names identify a source in one spelling; see `Declaration.lineage`.
SPELLINGS = "UPDATE files SET identity = nfc(identity) WHERE identity = ifnull(path, filename);"

MIGRATIONS: Migrations = (
    ("catalogue", CATALOGUE),
    ("retrieval index", RETRIEVAL_INDEX),
    ("answers", ANSWERS),
    ("parts of documents", PARTS),
    ("what reading found", READING),
    ("creates", CREATES),
    ("sources", SOURCES),
    ("successors", SUCCESSORS),
    ("vectors", VECTORS),
    ("outlines of passages", OUTLINES),
    ("without unread columns", WITHOUT_UNREAD),
    ("queues of buckets", QUEUES),
    ("readers", READERS),
    ("one spelling of names", SPELLINGS),
)
