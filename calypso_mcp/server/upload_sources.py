"""What an agent may upload: a local file, a text, or a little base64. Checked before anything is sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from calypso_mcp.client.sources import ByteSource, BytesSource, DescriptorSource, SourceFactory
from calypso_mcp.domain.limits import UploadLimits
from calypso_mcp.domain.upload_rules import check_upload
from calypso_mcp.errors import ContentError
from calypso_mcp.server.local_files import FilePolicy, OpenedFile, open_allowed
from calypso_mcp.server.secret_scan import HEAD_BYTES, ReadAt, content_kind, find_secret


@dataclass(frozen=True, slots=True)
class CheckedSource:
    """Content that may be sent. `identity` is the path that tells it apart from equal files elsewhere."""

    filename: str
    size_bytes: int
    source: ByteSource | SourceFactory
    identity: str | None = None


def local_file(
    path: str,
    policy: FilePolicy,
    limits: UploadLimits,
    *,
    filename: str | None = None,
    identity: str | None = None,
) -> CheckedSource:
    """Check the file at `path`: where it lies, its size, its kind, what it says. Blocks.

    It is opened again, through the same policy, when its bytes are read; if it is another file or has
    other content by then, it is not sent.

    Raises:
        ContentError: It may not be sent, with the reason.
    """
    with open_allowed(path, policy) as opened:
        name = filename or opened.filename
        check_upload(name, opened.size_bytes, (), None, limits)
        _check_content(name, opened.read, opened.size_bytes, policy)
        version, size_bytes = opened.version, opened.size_bytes
        identity = identity or opened.identity

    @contextmanager
    def reopened() -> Generator[ByteSource]:
        with open_allowed(path, policy) as again:
            _check_unchanged(name, again, version)
            yield DescriptorSource(again.descriptor, again.size_bytes)

    return CheckedSource(name, size_bytes, reopened, identity)


def inline_text(text: str, filename: str | None, policy: FilePolicy | None) -> CheckedSource:
    """Check a text. Without a name it gets one from its content, the same every time.

    Raises:
        ContentError: It may not be sent, with the reason.
    """
    data = text.encode(errors="replace")
    name = filename or f"text-{hashlib.sha256(data).hexdigest()[:8]}.txt"
    return _inline(data, name, policy)


def inline_base64(
    encoded: str, filename: str | None, policy: FilePolicy | None, limits: UploadLimits
) -> CheckedSource:
    """Check base64 content.

    Raises:
        ContentError: It is no base64, too long for this way, nameless, or may not be sent.
    """
    if not filename:
        raise ContentError(
            "content_base64 comes without a filename.",
            code="invalid_filename",
            hint="Give the filename; its ending says what the content is.",
        )
    if len(encoded) > 4 * ((limits.inline_base64_bytes + 2) // 3):
        raise ContentError(
            f"content_base64 may hold at most {limits.inline_base64_bytes:,} bytes.",
            code="content_too_large",
            hint="Upload a larger file by its path; base64 is for small content only.",
        )
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ContentError(
            "content_base64 is not valid base64.",
            code="invalid_base64",
            hint="Send standard base64 with padding, without line breaks and without a data: prefix; "
            "plain text goes into the text argument.",
        ) from None
    return _inline(data, filename, policy)


def _inline(data: bytes, filename: str, policy: FilePolicy | None) -> CheckedSource:
    def read(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    if policy is None or policy.scan_secrets:
        _check_secrets(filename, read, len(data))
    return CheckedSource(filename, len(data), BytesSource(data))


def _check_content(filename: str, read: ReadAt, size_bytes: int, policy: FilePolicy) -> None:
    kind = content_kind(read(0, min(HEAD_BYTES, size_bytes)))
    suffixes = policy.binary_suffixes
    if kind != "text" and suffixes is not None and not filename.lower().endswith(tuple(suffixes)):
        raise ContentError(
            f"{filename!r} is neither text nor of a type that can be indexed.",
            code="unsupported_type",
            hint=f"Upload text, Markdown, HTML or {', '.join(sorted(suffixes))}; convert other formats first.",
        )
    if policy.scan_secrets:
        _check_secrets(filename, read, size_bytes)


def _check_secrets(filename: str, read: ReadAt, size_bytes: int) -> None:
    if content_kind(read(0, min(HEAD_BYTES, size_bytes))) != "text":
        return
    found = find_secret(read, size_bytes)
    if found is not None:
        raise ContentError(
            f"{filename!r} was not sent: line {found.line} looks like a secret ({found.kind}).",
            code="secret_content",
            hint="Remove the secret from the content. Only the operator can switch this check off, with "
            "CALYPSO_SCAN_SECRETS=false.",
        )


def _check_unchanged(filename: str, opened: OpenedFile, version: tuple[int, ...]) -> None:
    if opened.version != version:
        raise ContentError(
            f"{filename!r} changed after it was checked and was not sent.",
            code="file_changed",
            hint="Make the same call again when nothing writes to it.",
            retryable=True,
        )
