"""Every path of the API, relative to a base URL that ends in `/v1` (API sheet section 2)."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from calypso_mcp.errors import NotFound

CONNECTION = "/connection"
BUCKETS = "/knowledge/buckets"
UPLOAD_SESSIONS = "/knowledge/files/upload-session"
FINALIZE_UPLOAD_SESSION = "/knowledge/files/upload-session/{session_id}/finalize"
IMPORT_URL = "/knowledge/files/import-url"
FILE = "/knowledge/files/{file_id}"
TASK = "/knowledge/tasks/{task_id}"
BATCH_SESSIONS = "/knowledge/files:batch/upload-session"
FINALIZE_BATCH = "/knowledge/files:batch/upload-session/{batch_id}/finalize"
BATCH = "/knowledge/batches/{batch_id}"
WEBSITES = "/knowledge/websites"
QA = "/knowledge/qa"
SEARCH = "/search"
#: Extensions of the embedded backend, see `api.connection`.
SOURCES = "/knowledge/sources"
SOURCE = "/knowledge/sources/{file_id}"
SOURCE_TEXT = "/knowledge/sources/{file_id}/text"
SOURCE_CONTENT = "/knowledge/sources/{file_id}/content"
SOURCE_PICTURE = "/knowledge/sources/{file_id}/pages/{page}/picture"
AGENT_MODELS = "/rag-agent/models"
AGENTS = "/rag-agent/agents"
#: An extension of the embedded backend, see `api.connection`.
AGENT = "/rag-agent/agents/{agent_id}"
RESPONSES = "/responses"


#: Ids are far shorter, and every program on the way limits the length of a path.
_LONGEST_ID: Final = 1_000


def fill(template: str, **ids: str) -> str:
    """Return `template` with each id percent-encoded as one path segment.

    Raises:
        NotFound: An id would change the path (RFC 3986, 5.2.4), or is empty or too long.
    """
    if any(value in ("", ".", "..") or len(value) > _LONGEST_ID for value in ids.values()):
        raise NotFound
    return template.format(**{name: quote(value, safe="") for name, value in ids.items()})
