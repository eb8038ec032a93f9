"""Which files a search may look into, by what is known of them as sources."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calypso_mcp.domain.files.ignore_patterns import read_patterns


@dataclass(frozen=True, slots=True)
class SourceFilters:
    """What a source must have; nothing asked for lets every source pass.

    Attributes:
        tags: All of these.
        source: This file name, path or title, or a glob that one of them matches.
        metadata: These values.
    """

    tags: Sequence[str] = ()
    source: str | None = None
    metadata: Mapping[str, Any] | None = None

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.tags or self.source or self.metadata)


def find_matching_files(
    connection: sqlite3.Connection, bucket_ids: Sequence[str], filters: SourceFilters
) -> list[str]:
    """Return the ids of the files in the buckets that pass the filters."""
    rows = connection.execute(
        "SELECT DISTINCT files.id, files.filename, files.path, files.title, files.tags, files.metadata"
        " FROM file_buckets JOIN files ON files.id = file_buckets.file_id"
        " WHERE file_buckets.bucket_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(bucket_ids)),),
    )
    # A backslash keeps a name that begins with a sign of ignore files a name.
    sought = filters.source or ""
    glob = read_patterns([f"\\{sought}" if sought.startswith(("#", "!")) else sought]) if sought else None
    found: list[str] = []
    for file_id, *names, tags, metadata in rows:
        named = glob is None or any(name and (name == sought or glob.selects(name)) for name in names)
        if (
            named
            and set(filters.tags) <= set(json.loads(tags))
            and _holds(json.loads(metadata), filters.metadata or {})
        ):
            found.append(file_id)
    return found


def _holds(metadata: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    missing = object()
    return all(metadata.get(name, missing) == value for name, value in values.items())
