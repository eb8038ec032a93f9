"""What the API accepts (seeds; API sheet section 13)."""

from __future__ import annotations

from typing import Final

#: GCS resumable uploads keep whole multiples of this many bytes (GCS protocol).
CHUNK_GRANULARITY: Final = 262_144

#: Of one file: its size, name, labels, metadata as JSON, and its content inside a call. The limits of a title
#: and of one tag are the embedded backend's.
FILE_BYTES: Final = 26_214_400
FILENAME_CHARS: Final = 255
TITLE_CHARS: Final = 1_000
MOST_TAGS: Final = 20
TAG_CHARS: Final = 1_000
METADATA_BYTES: Final = 8_192
INLINE_BASE64_BYTES: Final = 1_048_576
#: Files of one batch.
BATCH_FILES: Final = 100
#: Not published: Calypso's own client sends up to so many.
CLIENT_FILE_ID_CHARS: Final = 128
#: Of one search request.
SEARCH_BUCKETS: Final = 5
SEARCH_RESULTS: Final = 20
DEFAULT_SEARCH_RESULTS: Final = 8

#: Create requests allowed per second (seed: per team).
CREATES_PER_SECOND: Final = 5
#: Files that one call sends without a question to the user, unless the operator sets another number (ours).
UPLOADS_UNASKED: Final = 500
#: Longest bucket name, in characters.
BUCKET_NAME_CHARS: Final = 120
