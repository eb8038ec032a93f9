"""Decides which local files the server may read, and opens them so that no race can bypass the decision.

The spelling of a path is judged first (`domain.path_rules`, `domain.secret_names`). Then, on POSIX, every
component below the allowed folder is opened relative to the one before and without following links, so
swapping a folder for a link between a check and a read gains nothing: there is no second look-up.
Type and size come from the open descriptor, and the bytes are read from it.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from calypso_mcp.client.transport.sources import file_version
from calypso_mcp.domain.files.path_rules import PathStyle, Placement, missed, place, refused
from calypso_mcp.domain.files.secret_names import secret_rule
from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import ConfigError, ContentError

if TYPE_CHECKING:
    from calypso_mcp.domain.files.file_formats import ReadableFormats

NATIVE_STYLE = PathStyle.WINDOWS if sys.platform == "win32" else PathStyle.POSIX

_SHOWN_CHARS = 160
_RAW_NAMESPACE = "\\\\?\\"
_LINK_ERRORS = frozenset({errno.ELOOP, errno.ENOTDIR, getattr(errno, "EMLINK", errno.ELOOP)})
#: What passes by itself: too many files are open, here or everywhere, or a call was interrupted.
_PASSING_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EINTR})
_ABSENT_ERRORS = frozenset({errno.ENOENT, errno.ENAMETOOLONG})


@dataclass(frozen=True, slots=True)
class AllowedRoot:
    """An allowed folder as the operator wrote it, made absolute, and where it really is."""

    spelling: str
    resolved: str


@dataclass(frozen=True, slots=True)
class FilePolicy:
    """What the operator allows of this machine's files.

    Links in `allowed_roots` are resolved once, here; links below them are never followed.

    Attributes:
        allowed_roots: Folders whose files may be read.
        allow_secret_names: Whether files whose names suggest secrets may be read too.
        scan_secrets: Whether text is searched for private keys and access tokens before it is sent.
        automaton_file: Where the automaton of that search is kept between processes; None keeps it nowhere.
        reads: Returns what the backend can read, asked for with the first file; None sends every type.
        max_files: Most files that one folder may bring into a batch.
        max_depth: How many folders below the given one are entered.
    """

    allowed_roots: tuple[str, ...] = ()
    allow_secret_names: bool = False
    scan_secrets: bool = True
    automaton_file: Path | None = None
    reads: Callable[[], ReadableFormats] | None = None
    max_files: int = 10_000
    max_depth: int = 64
    roots: tuple[AllowedRoot, ...] = field(init=False)
    _spellings: tuple[tuple[str, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        roots = tuple(_resolve_root(root) for root in self.allowed_roots)
        object.__setattr__(self, "roots", roots)
        # Most folders go by one spelling; each is compared with the path of every file.
        spellings = tuple(tuple(dict.fromkeys((root.spelling, root.resolved))) for root in roots)
        object.__setattr__(self, "_spellings", spellings)

    def place(self, path: str) -> tuple[Placement, ...]:
        """Return where `path` may lie; see `domain.path_rules.place`."""
        return place(path, self._spellings, NATIVE_STYLE)

    def refuse(self, path: str, reason: str) -> ContentError:
        """Return the error for a path that may not be used."""
        return refused(path, reason, [root.spelling for root in self.roots])

    def miss(self, path: str, *, code: str) -> ContentError:
        """Return the error for a path at which nothing lies; its code begins with what was sought."""
        return missed(path, [root.spelling for root in self.roots], code=code)

    def check_name(self, filename: str) -> None:
        """Raise `ContentError` if the backend can read no file of that name, whatever it holds."""
        refusal = self.reads().refusal_of_name(filename) if self.reads is not None else None
        if refusal is not None:
            raise refusal

    def check_format(self, filename: str, head: bytes, content_type: str = "") -> None:
        """Raise `ContentError` if the backend cannot read a file that begins with `head`."""
        refusal = self.reads().refusal(filename, head, content_type) if self.reads is not None else None
        if refusal is not None:
            raise refusal


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A regular file, open for reading.

    `identity` is its path below the allowed folder, with `/`; `location` its absolute path, without links.
    """

    descriptor: int
    size_bytes: int
    filename: str
    identity: str
    location: str
    #: See `file_version`.
    version: tuple[int, ...]
    #: When that was, in nanoseconds since 1970.
    changed_ns: int

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`, by one reader at a time."""
        if sys.platform != "win32":
            return os.pread(self.descriptor, length, offset)
        os.lseek(self.descriptor, offset, os.SEEK_SET)
        return os.read(self.descriptor, length)


@contextmanager
def open_allowed(path: str, policy: FilePolicy) -> Generator[OpenedFile]:
    """Open the regular file at `path` if `policy` allows it; closed at the end of the block.

    Raises:
        ContentError: The path is refused, there is no such file, or it is no regular file. Nothing outside
            the allowed folders is looked at, so the error says nothing about what is there.
    """
    opened = _open_first(path, policy)
    try:
        yield opened
    finally:
        os.close(opened.descriptor)


@contextmanager
def open_folder(path: str, policy: FilePolicy) -> Generator[tuple[Placement, int]]:
    """Open the folder at `path`; yields where it lies and a descriptor (-1 on Windows).

    Raises:
        ContentError: As for `open_allowed`, or it is a file.
    """
    for placement in policy.place(path):
        refuse_secret(path, placement.parts, policy)
        try:
            descriptor, parts = _enter_folder(policy.roots[placement.root], placement.parts)
        except OSError as problem:
            if problem.errno in _ABSENT_ERRORS:
                continue
            _refuse_file(path, policy)
            raise _unreadable(path, problem, policy) from None
        try:
            yield Placement(placement.root, parts), descriptor
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        return
    raise policy.miss(path, code="folder_not_found")


def refuse_secret(path: str, parts: tuple[str, ...], policy: FilePolicy) -> None:
    """Raise ContentError where the name alone suggests a secret and the operator did not allow those."""
    rule = None if policy.allow_secret_names else secret_rule(parts)
    if rule is not None:
        raise ContentError(
            f"{clean_line(path, _SHOWN_CHARS)!r} is not read: names like {rule!r} usually hold secrets.",
            code="secret_name",
            hint="Only the flag --allow-secret-names (CALYPSO_ALLOW_SECRET_NAMES) allows it.",
        )


def regular_file_at(folder: int, name: str, path: str) -> tuple[int, os.stat_result]:
    """Open the regular file `name` in an open folder, without following a link; POSIX only.

    The look before the opening spares devices, on some of which opening alone has effects. The look after
    it, at the descriptor, is the one that counts. Without `O_NONBLOCK` a FIFO would hang us.

    Raises:
        ContentError: It is not a regular file.
        OSError: It cannot be opened.
    """
    _refuse_irregular(os.stat(name, dir_fd=folder, follow_symlinks=False), path)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        _refuse_irregular(status, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status


def _open_first(path: str, policy: FilePolicy) -> OpenedFile:
    for placement in policy.place(path):
        refuse_secret(path, placement.parts, policy)
        if not placement.parts:
            raise _is_folder(path)
        try:
            return _open_placed(path, placement, policy)
        except OSError as problem:
            if problem.errno not in _ABSENT_ERRORS:
                raise _unreadable(path, problem, policy) from None
    raise policy.miss(path, code="file_not_found")


def _open_placed(path: str, placement: Placement, policy: FilePolicy) -> OpenedFile:
    root, parts = policy.roots[placement.root], placement.parts
    if sys.platform == "win32":
        from calypso_mcp.server.files.windows_files import open_below

        descriptor, parts = open_below(root.resolved, parts)
        # A short name (`ID_RSA~1`) is known in full only now.
        try:
            refuse_secret(path, parts, policy)
            status = os.fstat(descriptor)
            _refuse_irregular(status, path)
        except BaseException:
            os.close(descriptor)
            raise
    else:
        folder, above = _enter_folder(root, parts[:-1])
        try:
            parts = (*above, _stored_name(folder, parts[-1]))
            descriptor, status = regular_file_at(folder, parts[-1], path)
        finally:
            os.close(folder)
    version = file_version(status)
    identity = "/".join(parts)
    location = "/".join((root.resolved.rstrip("/\\"), *parts))
    name = normalize("NFC", parts[-1])
    return OpenedFile(descriptor, status.st_size, name, identity, location, version, status.st_ctime_ns)


def _enter_folder(root: AllowedRoot, parts: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Open the folder below `root`, component by component, without following a link.

    Returns its descriptor (-1 on Windows) and its components as they are stored.
    """
    if sys.platform == "win32":
        from calypso_mcp.server.files.windows_files import check_folder

        check_folder(root.resolved, parts)
        return -1, parts
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.open(root.resolved, flags)
    stored: list[str] = []
    for part in parts:
        try:
            stored.append(_stored_name(folder, part))
            deeper = os.open(stored[-1], flags, dir_fd=folder)
        finally:
            os.close(folder)
        folder = deeper
    return folder, tuple(stored)


def _stored_name(folder: int, name: str) -> str:
    """Return how `folder` spells `name`: so, or with its accents taken apart or composed (UAX #15)."""
    if name.isascii():
        return name
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        wanted = normalize("NFC", name)
        return min((entry for entry in os.listdir(folder) if normalize("NFC", entry) == wanted), default=name)
    return name


def _refuse_irregular(status: os.stat_result, path: str) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISDIR(status.st_mode):
        raise _is_folder(path)
    kind = "a link" if stat.S_ISLNK(status.st_mode) else "a device, pipe or socket"
    raise ContentError(
        f"{clean_line(path, _SHOWN_CHARS)!r} is {kind}, not a regular file.",
        code="not_a_file",
        hint="Name a regular file; links are not followed.",
    )


def _refuse_file(path: str, policy: FilePolicy) -> None:
    """Raise ContentError if `path`, which is no folder, is a file that may be read."""
    try:
        with open_allowed(path, policy):
            pass
    except ContentError:
        return
    raise ContentError(
        f"{clean_line(path, _SHOWN_CHARS)!r} is a file.",
        code="is_a_file",
        hint="Upload a file with upload_file and its path argument, or with upload_batch and paths.",
    )


def _is_folder(path: str) -> ContentError:
    return ContentError(
        f"{clean_line(path, _SHOWN_CHARS)!r} is a folder.",
        code="is_a_folder",
        hint="Upload a folder with upload_batch and its directory argument.",
    )


def _unreadable(path: str, problem: OSError, policy: FilePolicy) -> ContentError:
    if problem.errno in _LINK_ERRORS:
        return policy.refuse(path, "part of the path is a link or not a folder, and links are not followed")
    if problem.errno in _PASSING_ERRORS:
        return ContentError(
            f"{clean_line(path, _SHOWN_CHARS)!r} cannot be read now: {problem.strerror}.",
            code="unreadable_file",
            hint="Make the same call again in a while.",
            retryable=True,
        )
    reason = "permission denied" if isinstance(problem, PermissionError) else problem.strerror or "I/O error"
    return ContentError(
        f"{clean_line(path, _SHOWN_CHARS)!r} cannot be read: {reason}.",
        code="unreadable_file",
        hint="Check the file's permissions, or send its content with the text argument.",
    )


def _resolve_root(root: str) -> AllowedRoot:
    spelling = Path(root).absolute()
    try:
        resolved = spelling.resolve(strict=True)
        # A listing now makes a folder that cannot be read a wrong setting instead of a late surprise.
        next(resolved.iterdir(), None)
    except OSError as problem:
        raise ConfigError(
            f"--allow-path (CALYPSO_ALLOWED_PATHS): {root}: {problem.strerror}.",
            hint="Name an existing folder.",
        ) from None
    return AllowedRoot(str(spelling), str(resolved).removeprefix(_RAW_NAMESPACE))
