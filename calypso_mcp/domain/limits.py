"""What the API accepts, as frozen values (seeds; API sheet section 13)."""

from __future__ import annotations

from dataclasses import dataclass

#: GCS resumable uploads keep whole multiples of this many bytes (GCS protocol).
CHUNK_GRANULARITY = 262_144


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Limits of uploads; sizes in bytes. Those of one tag and of a title are the embedded backend's.

    That of a client file id is not published; Calypso's own client sends up to so many characters.
    """

    file_bytes: int = 26_214_400
    tags: int = 20
    tag_chars: int = 1_000
    title_chars: int = 1_000
    metadata_bytes: int = 8_192
    batch_files: int = 100
    filename_chars: int = 255
    client_file_id_chars: int = 128
    inline_base64_bytes: int = 1_048_576


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Limits of one search request."""

    buckets: int = 5
    results: int = 20
    default_results: int = 8


#: Create requests allowed per second (seed: per team).
CREATES_PER_SECOND = 5
#: Files that one call sends without a question to the user, unless the operator sets another number (ours).
UPLOADS_UNASKED = 500
#: Longest bucket name, in characters.
BUCKET_NAME_CHARS = 120
