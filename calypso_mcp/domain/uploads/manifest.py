"""Files of one call, divided into batches, and what makes a batch consistent (seed: batch upload)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from zlib import crc32

from calypso_mcp.domain.limits import BATCH_FILES, CLIENT_FILE_ID_CHARS
from calypso_mcp.domain.uploads.declaration import readable_part
from calypso_mcp.errors import ManifestError

_VALID_ID: Final = re.compile(r"(?!__)[A-Za-z0-9_.-]+", re.ASCII)
#: Characters of an id that an error repeats.
_SHOWN_CHARS: Final = 200

#: A batch is full at the API's limit, but may end earlier, see `split`.
_SMALLEST_SPLIT: Final = 84
_SPLIT_ODDS: Final = 8


def split(client_file_ids: Iterable[str]) -> list[tuple[str, ...]]:
    """Divide ids into batches of at most `BATCH_FILES`, the same for every order of the input.

    Files that do not fit into one batch are divided where their names decide, not after every hundredth: a
    file added to a folder then changes the key of its own batch only, and all others are recognised as sent.
    """
    ids = sorted(set(client_file_ids))
    if len(ids) <= BATCH_FILES:
        return [tuple(ids)] if ids else []
    batches: list[tuple[str, ...]] = []
    current: list[str] = []
    for file_id in ids:
        current.append(file_id)
        cuts_here = crc32(readable_part(file_id).encode()) % _SPLIT_ODDS == 0
        ends_here = len(current) >= _SMALLEST_SPLIT and cuts_here
        if ends_here or len(current) >= BATCH_FILES:
            batches.append(tuple(current))
            current = []
    return [*batches, tuple(current)] if current else batches


class Entry(NamedTuple):
    """A file as one of the two lists of a batch names it."""

    client_file_id: str
    filename: str


def check_client_file_id(client_file_id: str) -> None:
    """Check one id against the seed's rules.

    Raises:
        ManifestError: Empty, too long, other characters, or a reserved prefix.
    """
    if not _VALID_ID.fullmatch(client_file_id) or len(client_file_id) > CLIENT_FILE_ID_CHARS:
        raise ManifestError(
            f"client_file_id {client_file_id[:_SHOWN_CHARS]!r} is not allowed: use 1 to "
            f"{CLIENT_FILE_ID_CHARS} letters, digits, '_', '.' or '-', not starting with '__'.",
            code="invalid_client_file_id",
        )


def check_manifest(
    items: Sequence[Entry],
    files: Sequence[Entry],
    *,
    unrouted: Sequence[str] = (),
) -> None:
    """Check a batch as a whole, as it arrives: the entries of `manifest.items` and of `files`.

    Of the items in `unrouted`, neither they nor the manifest name a bucket.

    Raises:
        ManifestError: With the API's code.
    """
    if max(len(items), len(files)) > BATCH_FILES:
        raise ManifestError(f"A batch accepts 1 to {BATCH_FILES} files.", code="batch_too_large")
    if not items and not files:
        raise ManifestError(f"The batch is empty: it accepts 1 to {BATCH_FILES} files.", code="empty_batch")
    for entry in (*items, *files):
        check_client_file_id(entry.client_file_id)
    for entries in (items, files):
        counts = Counter(entry.client_file_id for entry in entries)
        repeated = sorted(client_file_id for client_file_id, count in counts.items() if count > 1)
        if repeated:
            raise ManifestError(
                "Every client_file_id must be unique within the batch.",
                code="duplicate_client_file_id",
                client_file_ids=repeated,
            )
    unmatched = sorted({entry.client_file_id for entry in {*items} ^ {*files}})
    if unmatched:
        raise ManifestError(
            "Every file must appear once in manifest.items and once in files, with the same filename.",
            code="missing_file_parts",
            client_file_ids=unmatched,
        )
    if unrouted:
        raise ManifestError(
            "Name a destination: bucket_ids, bucket_slugs or bucket.",
            code="bucket_required",
            client_file_ids=unrouted,
        )
