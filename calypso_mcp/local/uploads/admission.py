"""Which uploads are accepted (seeds; API sheet sections 5 and 13)."""

from __future__ import annotations

import re

from calypso_mcp.api.batches import CreateBatch
from calypso_mcp.domain.limits import UploadLimits
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.domain.uploads.manifest import Entry, check_manifest
from calypso_mcp.domain.uploads.upload_rules import PATH_CHARS
from calypso_mcp.errors import ManifestError
from calypso_mcp.local.refusals import Refusal, invalid
from calypso_mcp.local.text_forms import dump_json

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_CONTENT_TYPE = 255
_LONGEST_BATCH_KEY = 1_024
_TOO_LARGE = "file_too_large"


def check_file(declaration: Declaration, size_bytes: int, limits: UploadLimits) -> None:
    """Check that the file of a single upload can be accepted.

    Raises:
        Refusal: A rule is broken (400), or the file is too large (413).
    """
    problem = find_problem(declaration, size_bytes, limits)
    if problem is not None:
        code, message = problem
        raise Refusal(413 if code == _TOO_LARGE else 400, code, message)


def find_problem(declaration: Declaration, size_bytes: int, limits: UploadLimits) -> tuple[str, str] | None:
    """Return (code, message) of the first rule that this file breaks; None if it can be accepted."""
    filename, title, tags = declaration.filename, declaration.title, declaration.tags
    path, content_type = declaration.path or "", declaration.content_type or ""
    metadata_bytes = len(dump_json(declaration.metadata or {}).encode())
    name_chars = limits.filename_chars
    rules = (
        (
            not filename.strip() or len(filename) > name_chars or _CONTROL.search(filename),
            "invalid_filename",
            f"A filename has 1 to {name_chars} characters and no control characters.",
        ),
        (
            len(path) > PATH_CHARS or _CONTROL.search(path),
            "invalid_path",
            f"A path has at most {PATH_CHARS} characters and no control characters.",
        ),
        (
            len(content_type) > _LONGEST_CONTENT_TYPE or _CONTROL.search(content_type),
            "invalid_content_type",
            f"A content type has at most {_LONGEST_CONTENT_TYPE} characters and no control characters.",
        ),
        (
            title is not None and len(title) > limits.title_chars,
            "title_too_long",
            f"A title has at most {limits.title_chars} characters.",
        ),
        (size_bytes < 1, "empty_file", "The file is empty: size_bytes must be at least 1."),
        (
            size_bytes > limits.file_bytes,
            _TOO_LARGE,
            f"The file has {size_bytes} bytes; at most {limits.file_bytes} are accepted.",
        ),
        (
            len(tags) > limits.tags,
            "too_many_tags",
            f"There are {len(tags)} tags; at most {limits.tags} are accepted.",
        ),
        (
            any(len(tag) > limits.tag_chars for tag in tags),
            "invalid_tags",
            f"A tag has at most {limits.tag_chars} characters.",
        ),
        (
            metadata_bytes > limits.metadata_bytes,
            "metadata_too_large",
            f"The metadata has {metadata_bytes} bytes of JSON; at most {limits.metadata_bytes} are accepted.",
        ),
    )
    return next(((code, message) for is_broken, code, message in rules if is_broken), None)


def check_batch(batch: CreateBatch, limits: UploadLimits) -> None:
    """Check the batch as a whole.

    Raises:
        Refusal: Its size, its ids, its two lists or its destinations break a rule of the seed.
    """
    if not 1 <= len(batch.manifest.batch_idempotency_key) <= _LONGEST_BATCH_KEY:
        raise invalid(f"batch_idempotency_key has 1 to {_LONGEST_BATCH_KEY} characters.")
    items = batch.manifest.items
    is_routed = batch.manifest.destination.is_given
    try:
        check_manifest(
            [Entry(item.client_file_id, item.filename) for item in items],
            [Entry(file.client_file_id, file.filename) for file in batch.files],
            unrouted=[
                item.client_file_id for item in items if not is_routed and not item.destination.is_given
            ],
            limits=limits,
        )
    except ManifestError as error:
        details = {"client_file_ids": error.client_file_ids} if error.client_file_ids else None
        raise invalid(error.message, code=error.code, details=details) from error
