"""The declared content of a batch: ids, keys, division into batches, consistency (seed: batch upload).

Ids and keys come from content, never from position, so that a second call finds what the first one sent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

from calypso_mcp.domain.limits import UploadLimits
from calypso_mcp.domain.upload_rules import content_digest
from calypso_mcp.errors import ManifestError

_VALID_ID: Final = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_OTHER_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9_.]+", re.ASCII)
_RESERVED_PREFIX: Final = "__"
_READABLE_CHARS: Final = 64
_DIGEST_CHARS: Final = 32

#: A batch is full at the API's limit, but may end earlier, see `split`.
_SMALLEST_SPLIT: Final = 84
_SPLIT_ODDS: Final = 8


def client_file_id(
    *,
    identity: str,
    content_hash: str,
    destination: tuple[str, ...],
    title: str | None = None,
    tags: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
    generation: int = 0,
) -> str:
    """Return the durable id of one file of a batch: readable, valid, at most 97 characters.

    Args:
        identity: Path relative to the folder that was given, or the file name.
        content_hash: Hexadecimal hash of the content.
        destination: From `upload_rules.destination_names`.
        title: As sent.
        tags: As sent.
        metadata: As sent.
        generation: How many earlier uploads of the same came to nothing.
    """
    readable = _OTHER_CHARACTERS.sub("-", identity)[-_READABLE_CHARS:].lstrip("_.-") or "file"
    digest = content_digest(
        "item", identity, content_hash, destination, title, list(tags), metadata or {}, generation
    )
    return f"{readable}-{digest[:_DIGEST_CHARS]}"


def batch_key(client_file_ids: Iterable[str]) -> str:
    """Return the `batch_idempotency_key` of a batch with these ids, whatever their order."""
    return f"calypso-mcp-{content_digest('batch', sorted(client_file_ids))[:48]}"


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
    for one in ids:
        current.append(one)
        readable = one[: -_DIGEST_CHARS - 1]
        ends_here = len(current) >= _SMALLEST_SPLIT and crc32(readable.encode()) % _SPLIT_ODDS == 0
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
