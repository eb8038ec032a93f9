"""Which files a search may look into, by what is known of them as sources."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from calypso_mcp.api.search import SearchRequest
from calypso_mcp.domain.files.ignore_patterns import read_patterns
from calypso_mcp.local.text_forms import fold_case


def find_matching_files(
    connection: sqlite3.Connection, bucket_ids: Sequence[str], asked: SearchRequest
) -> list[str] | None:
    """Return the ids of the files in the buckets that a search may look into; None without filters.

    They have all the tags and the values in their metadata, and as file name, path, folder or title the
    source asked for, or a glob that one of them matches, in any case.
    """
    if not (asked.tags or asked.source or asked.metadata):
        return None
    rows = connection.execute(
        "SELECT DISTINCT files.id, files.filename, files.path, files.title, files.tags, files.metadata"
        " FROM file_buckets JOIN files ON files.id = file_buckets.file_id"
        " WHERE file_buckets.bucket_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(bucket_ids)),),
    )
    # A backslash keeps a name that begins with a sign of ignore files a name.
    sought = fold_case(asked.source or "")
    pattern = f"\\{sought}" if sought.startswith(("#", "!")) else sought
    glob = read_patterns([pattern], with_contents=True) if sought else None
    found: list[str] = []
    for file_id, *names, tags, metadata in rows:
        folded = [fold_case(name) for name in names if name]
        named = glob is None or any(name == sought or glob.selects(name) for name in folded)
        if (
            named
            and set(asked.tags or ()) <= set(json.loads(tags))
            and (asked.metadata or {}).items() <= json.loads(metadata).items()
        ):
            found.append(file_id)
    return found
