"""What an agent may upload: a local file, a text, or a little base64. Checked before anything is sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar, TypeVarTuple, Unpack

from anyio import CapacityLimiter, from_thread, to_thread

from calypso_mcp.client.transport.sources import (
    ByteSource,
    BytesSource,
    ContentHash,
    DescriptorSource,
    HashedFile,
    SourceFactory,
)
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.limits import INLINE_BASE64_BYTES
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.domain.uploads.upload_rules import check_filename, check_size
from calypso_mcp.errors import ContentError
from calypso_mcp.server.files.local_files import FilePolicy, OpenedFile, open_allowed
from calypso_mcp.server.files.secret_scan import ReadAt, find_secret

#: Checked files remembered, about 400 bytes each: twice the largest folder.
_MOST_REMEMBERED = 20_000
#: Time since its last change after which a file's next change is sure to show.
_SETTLED_NS = 2_000_000_000

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True)
class CheckedSource:
    """Content that may be sent.

    `identity` is the path that tells it apart from equal files elsewhere, None where the caller named it;
    `origin` where it lies, absolute. Both are None for inline content.
    """

    filename: str
    size_bytes: int
    source: ByteSource | SourceFactory
    identity: str | None = None
    origin: str | None = None

    def upload(self, declared: Declaration) -> Upload:
        """Return its upload; `declared` may leave out its name."""
        declaration = replace(declared, filename=self.filename, path=self.identity or declared.path)
        return Upload(self.source, declaration, self.origin, keeps_name=not declared.filename)


@dataclass(frozen=True, slots=True)
class SourceArguments:
    """The arguments of a tool that name a source; None or, of its file name, empty where not given."""

    path: str | None = None
    text: str | None = None
    content_base64: str | None = None
    filename: str = ""
    url: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """The sources given, by argument. Empty ones count only alone: models fill in what they leave out."""
        values = {
            "path": self.path,
            "text": self.text,
            "content_base64": self.content_base64,
            "url": self.url,
        }
        given = {name: value for name, value in values.items() if value is not None}
        return {name: value for name, value in given.items() if value} or given

    def require_one(self) -> tuple[str, str]:
        """Return the one source given: its argument and its value.

        Raises:
            ContentError: None is given, or several are.
        """
        given = self.given
        if len(given) == 1:
            return next(iter(given.items()))
        raise ContentError(
            f"One upload has one source; given: {', '.join(given) or 'none'}.",
            code="several_sources" if given else "no_source",
            hint="Give exactly one of path, text, content_base64 and url.",
        )


async def check_source(arguments: SourceArguments, policy: FilePolicy) -> CheckedSource:
    """Check the one source that `arguments` name; the looking and searching is done in a worker thread.

    Raises:
        ContentError: There is not exactly one, or it may not be sent.
    """
    kind, value = arguments.require_one()
    if kind == "path":
        return await run_abandonable(
            partial(check_local_file, value, require_files(policy), filename=arguments.filename)
        )
    check = check_text if kind == "text" else check_base64
    return await run_abandonable(check, value, arguments.filename, policy)


async def run_abandonable(
    look: Callable[[Unpack[Ts]], T], *arguments: *Ts, limiter: CapacityLimiter | None = None
) -> T:
    """Run something that only looks at files in a worker thread; a cancelled call does not wait for it.

    It calls `stop_if_abandoned` now and then, so that an abandoned call ends. `limiter` limits the threads.
    """
    return await to_thread.run_sync(look, *arguments, abandon_on_cancel=True, limiter=limiter)


def stop_if_abandoned() -> None:
    """End the worker thread's work if the call it works for was cancelled; nothing in any other thread."""
    with suppress(RuntimeError):  # no worker thread
        from_thread.check_cancelled()


def require_files(policy: FilePolicy) -> FilePolicy:
    """Return the policy of local files; ContentError where this server reads none."""
    if not policy.allowed_roots:
        raise ContentError(
            "This server reads no files by path; over HTTP a path would mean the server's disk, not yours.",
            code="local_paths_off",
            hint="Call upload_file with the filename alone: over HTTP it returns a curl command that "
            "sends the file. Send short content (up to 1 MiB) with text or content_base64. The "
            "operator can allow folders with --allow-path (CALYPSO_ALLOWED_PATHS), and over HTTP also "
            "with --allow-local-files-over-http.",
        )
    return policy


def check_local_file(
    path: str,
    policy: FilePolicy,
    *,
    filename: str = "",
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
        check_filename(name)
        check_size(opened.size_bytes)
        content_hash = _check_once(name, opened, policy)
        version, size_bytes = opened.version, opened.size_bytes
        identity, origin = identity or (None if filename else opened.identity), opened.location

    @contextmanager
    def reopened() -> Generator[ByteSource]:
        with open_allowed(path, policy) as again:
            if again.version != version:
                raise ContentError(
                    f"{name!r} changed after it was checked and was not sent.",
                    code="file_changed",
                    hint="Make the same call again when nothing writes to it.",
                    retryable=True,
                )
            yield DescriptorSource(again.descriptor, again.size_bytes)

    source = reopened if content_hash is None else HashedFile(reopened, size_bytes, content_hash, version)
    return CheckedSource(name, size_bytes, source, identity, origin)


def check_text(text: str, filename: str, policy: FilePolicy) -> CheckedSource:
    """Check a text. Without a name it gets one from its content, the same every time.

    Raises:
        ContentError: It may not be sent, with the reason.
    """
    data = text.encode(errors="replace")
    name = filename or f"text-{hashlib.sha256(data).hexdigest()[:8]}.txt"
    return _check_inline(data, name, policy)


def check_base64(encoded: str, filename: str, policy: FilePolicy) -> CheckedSource:
    """Check base64 content.

    Raises:
        ContentError: It is no base64, too long for this way, nameless, or may not be sent.
    """
    if not filename:
        raise ContentError(
            "content_base64 comes without a filename.",
            code="invalid_filename",
            hint="Give a filename; its ending names the format.",
        )
    if len(encoded) > 4 * ((INLINE_BASE64_BYTES + 2) // 3):
        raise ContentError(
            f"content_base64 may hold at most {INLINE_BASE64_BYTES:,} bytes.",
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
    return _check_inline(data, filename, policy)


def _check_inline(data: bytes, filename: str, policy: FilePolicy) -> CheckedSource:
    check_filename(filename)
    check_size(len(data))

    def read(offset: int, length: int) -> bytes:
        stop_if_abandoned()
        return data[offset : offset + length]

    _check_content(filename, read, len(data), policy)
    return CheckedSource(filename, len(data), BytesSource(data))


#: Hashes of files whose content was found fit to be sent: no call searches or reads a folder anew, which may
#: take longer than one call may last.
_checked: OrderedDict[object, str | None] = OrderedDict()


def _check_once(filename: str, opened: OpenedFile, policy: FilePolicy) -> str | None:
    """Check the content of an open file, unless just this was checked before. Several threads may do so.

    Returns:
        Its hash (see `content_hash_of`); None where its content did not have to be read.

    Raises:
        ContentError: It may not be sent, with the reason.
    """
    key = (opened.version, filename, policy.scan_secrets)
    if key in _checked:
        return _checked[key]

    def read(offset: int, length: int) -> bytes:
        if offset:  # asking before the first block costs more than reading it
            stop_if_abandoned()
        return opened.read(offset, length)

    hashed = ContentHash(read, opened.size_bytes)
    _check_content(filename, hashed.read, opened.size_bytes, policy)
    # A clock of files ticks slowly: a write right after another one may leave the same time. And on Windows
    # a writer can set the time back.
    if sys.platform != "win32" and time.time_ns() - opened.changed_ns > _SETTLED_NS:
        _checked[key] = hashed.value
        if len(_checked) > _MOST_REMEMBERED:
            _checked.popitem(last=False)
    return hashed.value


def _check_content(filename: str, read: ReadAt, size_bytes: int, policy: FilePolicy) -> None:
    from calypso_mcp.domain.files.text_bytes import HEAD_BYTES

    policy.check_format(filename, read(0, min(HEAD_BYTES, size_bytes)))
    found = find_secret(read, size_bytes, policy.automaton_file) if policy.scan_secrets else None
    if found is not None:
        raise ContentError(
            f"{filename!r} was not sent: line {found.line} looks like a secret ({found.kind}).",
            code="secret_content",
            hint="Remove the secret from the content. Only the flag --no-scan-secrets "
            "(CALYPSO_SCAN_SECRETS=false) switches this check off.",
        )
