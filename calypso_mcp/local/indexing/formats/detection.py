"""Which reader a stored file gets."""

from __future__ import annotations

from calypso_mcp.local.indexing.documents import ExtractionFailed
from calypso_mcp.local.indexing.formats.registry import Entry, entry_of, readable_formats


def choose_entry(filename: str, content_type: str, head: bytes) -> Entry:
    """Return the format, with its reader, that a file is read as; `head` are its first `HEAD_BYTES`.

    Raises:
        ExtractionFailed: `unsupported`, with what to do about it.
    """
    formats = readable_formats()
    found = formats.recognize(filename, content_type, head)
    refusal = formats.refusal(filename, head, content_type) if found is None or found.extra else None
    if refusal is not None or found is None:
        reason = (
            f"{refusal.message} {refusal.hint}"
            if refusal is not None
            else "Calypso does not know the format of the file."
        )
        raise ExtractionFailed("unsupported", reason)
    return entry_of(found.name)


def is_quick_by_name(filename: str, content_type: str) -> bool:
    """Whether a small file of this name takes a moment to read, unless its bytes show another format.

    Formats whose pictures may have to be read take longer.
    """
    found = readable_formats().recognize(filename, content_type, b"")
    return found is not None and not entry_of(found.name).recognizer
