"""Files of one call, divided into batches, and what makes a batch consistent (seed: batch upload)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

from calypso_mcp.domain.declaration import readable_part
from calypso_mcp.domain.limits import UploadLimits
from calypso_mcp.errors import ManifestError

_VALID_ID: Final = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_RESERVED_PREFIX: Final = "__"

#: A batch is full at the API's limit, but may end earlier, see `split`.
_SMALLEST_SPLIT: Final = 84
_SPLIT_ODDS: Final = 8


def split(client_file_ids: Iterable[str], limit: int = UploadLimits().batch_files) -> list[tuple[str, ...]]:
    """Divide ids into batches of at most `limit`, the same for every order of the input.

    What does not fit into one batch is cut where the names themselves say so, not after every hundredth
    file: a file added to a folder then changes the key of its own batch only, and all others are
    recognised as sent.
    """
    ids = sorted(set(client_file_ids))
    if len(ids) <= limit:
        return [tuple(ids)] if ids else []
    batches: list[tuple[str, ...]] = []
    current: list[str] = []
    for file_id in ids:
        current.append(file_id)
        cuts_here = crc32(readable_part(file_id).encode()) % _SPLIT_ODDS == 0
        ends_here = len(current) >= _SMALLEST_SPLIT and cuts_here
        if ends_here or len(current) >= limit:
            batches.append(tuple(current))
            current = []
    return [*batches, tuple(current)] if current else batches


def check_client_file_id(one: str, limits: UploadLimits | None = None) -> None:
    """Check one id against the seed's rules.

    Raises:
        ManifestError: Empty, too long, other characters, or a reserved prefix.
    """
    longest = (limits or UploadLimits()).client_file_id_chars
    if not _VALID_ID.fullmatch(one) or one.startswith(_RESERVED_PREFIX) or len(one) > longest:
        raise ManifestError(
            f"client_file_id {one[:60]!r} is not allowed: use 1 to {longest} letters, digits, '_', '.' or "
            "'-', and no '__' in front.",
            code="invalid_client_file_id",
        )


def check_manifest(
    item_ids: Sequence[str],
    file_ids: Sequence[str],
    *,
    shared_destination: bool,
    routed_ids: Iterable[str] = (),
    limits: UploadLimits | None = None,
) -> None:
    """Check a batch before it is sent.

    Args:
        item_ids: `client_file_id` of every entry of `manifest.items`.
        file_ids: `client_file_id` of every entry of `files`.
        shared_destination: Whether the manifest names a bucket for all.
        routed_ids: Items that name their own.
        limits: What the API accepts.

    Raises:
        ManifestError: With the API's code.
    """
    most = (limits or UploadLimits()).batch_files
    if not item_ids:
        raise ManifestError("The batch is empty.", code="empty_batch", hint="Send at least one file.")
    if len(item_ids) > most:
        raise ManifestError(
            f"The batch has {len(item_ids)} files; at most {most} are possible.",
            code="batch_too_large",
            hint=f"Send it in parts of at most {most} files.",
        )
    for ids in (item_ids, file_ids):
        repeated = [one for one, count in Counter(ids).items() if count > 1]
        if repeated:
            raise ManifestError(
                f"client_file_id {repeated[0][:60]!r} occurs more than once.", code="duplicate_client_file_id"
            )
    for one in item_ids:
        check_client_file_id(one, limits)
    if set(item_ids) != set(file_ids):
        raise ManifestError(
            "manifest.items and files do not list the same client_file_ids.", code="missing_file_parts"
        )
    unrouted = set(item_ids) - set(routed_ids)
    if not shared_destination and unrouted:
        raise ManifestError(
            f"{len(unrouted)} of {len(item_ids)} files name no bucket.",
            code="bucket_required",
            hint="Name a destination with the bucket argument.",
        )
