"""What may be uploaded, and under which type: checked before any byte is sent (seeds)."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from calypso_mcp.domain.limits import (
    FILE_BYTES,
    FILENAME_CHARS,
    METADATA_BYTES,
    MOST_TAGS,
    TAG_CHARS,
    TITLE_CHARS,
)
from calypso_mcp.errors import ContentError

#: Soft hyphen, and the joiners that Persian, the scripts of India and emoji are written with.
_JOINERS: Final = frozenset("\u00ad\u200c\u200d")

#: Written out, because the standard library's table differs from machine to machine, and with it the key.
_CONTENT_TYPES: Final[Mapping[str, str]] = {
    "adoc": "text/asciidoc",
    "bmp": "image/bmp",
    "css": "text/css",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "epub": "application/epub+zip",
    "gif": "image/gif",
    "htm": "text/html",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "log": "text/plain",
    "markdown": "text/markdown",
    "md": "text/markdown",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "pdf": "application/pdf",
    "png": "image/png",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "py": "text/x-python",
    "rst": "text/x-rst",
    "rtf": "application/rtf",
    "svg": "image/svg+xml",
    "text": "text/plain",
    "toml": "application/toml",
    "ts": "text/typescript",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "webp": "image/webp",
    "xhtml": "application/xhtml+xml",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}


def check_size(size_bytes: int) -> None:
    """Check the size of one file, in bytes.

    Raises:
        ContentError: It is empty or too large.
    """
    if size_bytes <= 0:
        raise ContentError(
            "The file is empty.", code="empty_file", hint="Leave it out, or give it content first."
        )
    if size_bytes > FILE_BYTES:
        raise ContentError(
            f"The file has {size_bytes:,} bytes; one file may have at most {FILE_BYTES:,} (25 MB).",
            code="file_too_large",
            hint="Split the file into smaller ones.",
        )


def check_tags(tags: Sequence[str]) -> None:
    """Check the tags of one file.

    Raises:
        ContentError: There are too many, or one is empty or too long.
    """
    if len(tags) > MOST_TAGS:
        raise ContentError(
            f"There are {len(tags)} tags; one file may have at most {MOST_TAGS}.",
            code="too_many_tags",
            hint="Send fewer tags, or put the rest into metadata.",
        )
    if not all(tag.strip() for tag in tags):
        raise ContentError("A tag is empty.", code="invalid_tags", hint="Leave empty tags out.")
    if any(len(tag) > TAG_CHARS for tag in tags):
        raise ContentError(
            f"A tag has more than {TAG_CHARS:,} characters.",
            code="invalid_tags",
            hint="Send short tags, and put longer texts into metadata.",
        )


def check_title(title: str | None) -> None:
    """Check the title of one file.

    Raises:
        ContentError: It is too long.
    """
    if title is not None and len(title) > TITLE_CHARS:
        raise ContentError(
            f"The title has {len(title):,} characters; at most {TITLE_CHARS:,} are accepted.",
            code="title_too_long",
            hint="Send a shorter title.",
        )


#: As long as the longest path of common systems (Linux: PATH_MAX).
PATH_CHARS: Final = 4_096


def check_filename(filename: str) -> None:
    """Check the name that the knowledge file will have.

    Raises:
        ContentError: It is empty, too long, or contains a slash or invisible characters.
    """
    if not filename.strip():
        raise ContentError(
            "The file has no name.", code="invalid_filename", hint="Give a filename, for example notes.md."
        )
    if len(filename) > FILENAME_CHARS:
        raise ContentError(
            f"The file name has {len(filename)} characters; at most {FILENAME_CHARS} are accepted.",
            code="invalid_filename",
            hint="Give a shorter filename.",
        )
    if "/" in filename or not _may_be_a_name(filename):
        raise ContentError(
            "The file name contains a slash or invisible characters.",
            code="invalid_filename",
            hint="Give a plain filename, without folders.",
        )


def split_name(name: str) -> tuple[str | None, str]:
    """Return the path and the file name that `name` gives: "hr/leave.md" is `leave.md` in the folder `hr`.

    A name without folders, or with a part that is empty, `.` or `..`, has no path and is returned as it is.
    """
    parts = name.split("/")
    if len(parts) == 1 or any(part.strip() in ("", ".", "..") for part in parts):
        return None, name
    return name, parts[-1]


def check_path(path: str) -> None:
    """Check the path of a source in the folder it came with.

    Raises:
        ContentError: It is too long, or contains invisible characters.
    """
    if len(path) > PATH_CHARS or not _may_be_a_name(path):
        raise ContentError(
            f"The path of the file is longer than {PATH_CHARS} characters or contains invisible ones.",
            code="invalid_path",
            hint="Shorten it, or leave the invisible characters out.",
        )


def _may_be_a_name(text: str) -> bool:
    return text.isprintable() or all(
        character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"
        for character in text
    )


def check_metadata(metadata: Mapping[str, Any] | None) -> None:
    """Check a JSON object of at most `METADATA_BYTES` in UTF-8, written without white space.

    Raises:
        ContentError: It is no JSON object, or too large.
    """
    if not metadata:
        return
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        raise ContentError(
            "The metadata is not a JSON object.",
            code="invalid_metadata",
            hint="Use text, numbers, booleans, lists and objects only.",
        ) from None
    if size > METADATA_BYTES:
        raise ContentError(
            f"The metadata has {size:,} bytes as JSON; at most {METADATA_BYTES:,} (8 KB) fit.",
            code="metadata_too_large",
            hint="Shorten the metadata; text to be searched belongs in the file.",
        )


def content_type_for(filename: str) -> str:
    """Return the MIME type of files with the ending of `filename`."""
    _, dot, ending = filename.rpartition(".")
    return _CONTENT_TYPES.get(ending.lower() if dot else "", "application/octet-stream")
