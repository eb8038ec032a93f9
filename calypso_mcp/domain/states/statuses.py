"""Status words of the API (seeds; API sheet section 6). Unknown words are legal everywhere."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class FileStatus(StrEnum):
    """States of a knowledge file, an indexing task and a batch item."""

    #: A batch item whose bytes are missing.
    PENDING = "pending"
    QUEUED = "queued"
    INDEXING = "indexing"
    INDEXED = "indexed"
    ACTIVE = "active"
    FAILED = "failed"
    DELETED = "deleted"


#: States of a file that has to be uploaded again.
GONE: Final = frozenset({FileStatus.FAILED, FileStatus.DELETED, "error"})
#: What this client says of a file that the API does not know, or not under this id.
NOT_FOUND: Final = "not_found"


class SyncStatus(StrEnum):
    """States of a file's bucket sync. Only `active` is published; the rest are ours."""

    PENDING = "pending"
    ACTIVE = "active"
    FAILED = "failed"


class BatchStatus(StrEnum):
    """States of a batch (seed: batch upload)."""

    ACCEPTED = "accepted"
    INDEXING = "indexing"
    ACTIVE = "active"
    PARTIALLY_ACTIVE = "partially_active"
    PARTIALLY_FAILED = "partially_failed"
    FAILED = "failed"


class BucketStatus(StrEnum):
    """States of a bucket."""

    ACTIVE = "active"
    ARCHIVED = "archived"
