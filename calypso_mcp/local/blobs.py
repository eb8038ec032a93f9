"""Uploaded bytes on the disk: appended at an offset, flushed before they are acknowledged, then sealed.

The file itself is the record of how far an upload has come. Bytes that were never acknowledged may follow
the acknowledged ones after a cut connection or a crash; opening the file drops them down to a whole
multiple of 256 KiB, which is also all that GCS keeps of an incomplete part.

All functions block; call them in a thread.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any

import google_crc32c

from calypso_mcp.domain.limits import CHUNK_GRANULARITY
from calypso_mcp.local.processes.file_locks import is_same_file, try_lock

_PIECE_BYTES = 1_048_576
#: Without it Windows translates line ends.
_BINARY: int = getattr(os, "O_BINARY", 0)


class BlobBusy(Exception):
    """Another process is receiving bytes for the same session."""


class AlreadySealed(Exception):
    """All bytes of the session are stored."""


class HashMismatch(Exception):
    """The bytes do not have the hash that the uploader announced; they are dropped."""


@dataclass(frozen=True, slots=True)
class Digests:
    """Hashes of sealed bytes: sha256 in hex, md5 and crc32c in base64 as GCS writes them."""

    sha256: str
    md5: str
    crc32c: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """All bytes of a session, and the hashes that their uploader announced (see `Partial.seal`)."""

    session_id: str
    data: bytes
    expected: Mapping[str, str]


def has_room(folder: Path, size_bytes: int, min_free_bytes: int) -> bool:
    """Whether `min_free_bytes` of the disk of `folder` stay free after `size_bytes` more. Blocks."""
    return not min_free_bytes or shutil.disk_usage(folder).free - size_bytes >= min_free_bytes


class Blobs:
    """The blob directory; a session's bytes are one file named by its id."""

    def __init__(self, directory: Path, *, min_free_bytes: int = 0) -> None:
        self._partial = directory / "partial"
        self._min_free_bytes = min_free_bytes
        #: Complete contents, each under the id of its upload session.
        self.sealed = directory / "sealed"

    def prepare(self) -> None:
        """Create the folders."""
        # The outer one by itself: `mkdir` gives parents that it makes the mode of the umask.
        for folder in (self.sealed.parent, self._partial, self.sealed):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def sealed_path(self, session_id: str) -> Path:
        """Return where a session's bytes are once they are complete."""
        return self.sealed / session_id

    def is_sealed(self, session_id: str, size_bytes: int) -> bool:
        """Whether all bytes of the session are stored."""
        try:
            return self.sealed_path(session_id).stat().st_size == size_bytes
        except FileNotFoundError:
            return False

    def open_partial(self, session_id: str, size_bytes: int) -> Partial:
        """Open a session's incomplete bytes for this caller alone, creating the file if need be.

        Raises:
            AlreadySealed: There is nothing left to receive.
            BlobBusy: Another process has them open.
        """
        path = self._partial / session_id
        while True:
            if self.is_sealed(session_id, size_bytes):
                raise AlreadySealed
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
            if not try_lock(descriptor):
                os.close(descriptor)
                raise BlobBusy
            if is_same_file(path, descriptor):
                sealed = self.sealed_path(session_id)
                return Partial(descriptor, path, sealed, size_bytes, self._min_free_bytes)
            # Sealed or discarded by another process between opening and locking.
            os.close(descriptor)

    def seal_together(self, wholes: Sequence[Whole]) -> list[Digests | Exception]:
        """Store complete contents, each as if it came alone, but with one flush of the folder.

        For each, return its hashes, or what `open_partial` or `Partial.seal` raised.

        Raises:
            OSError: The folder could not be flushed, so none of them counts.
        """
        sealed = [self._seal(whole) for whole in wholes]
        _flush_folder(self.sealed)
        return sealed

    def _seal(self, whole: Whole) -> Digests | Exception:
        try:
            with closing(self.open_partial(whole.session_id, len(whole.data))) as blob:
                return blob.complete(whole.data, whole.expected)
        except (AlreadySealed, BlobBusy, HashMismatch, OSError) as error:
            return error

    def stored(self, session_id: str, size_bytes: int) -> int:
        """Return how many bytes of an incomplete upload are safely stored.

        Raises:
            AlreadySealed: All of them.
            BlobBusy: Another process is adding to them.
        """
        with closing(self.open_partial(session_id, size_bytes)) as blob:
            return blob.acknowledge(b"")

    def digests(self, session_id: str) -> Digests:
        """Return the hashes of sealed bytes."""
        with self.sealed_path(session_id).open("rb", buffering=0) as file:
            return _digests(partial(_pieces, file.fileno()), with_crc32c=False)

    def discard(self, session_id: str) -> None:
        """Delete a session's bytes, complete or not."""
        for folder in (self._partial, self.sealed):
            (folder / session_id).unlink(missing_ok=True)

    def session_ids(self) -> set[str]:
        """Return the ids of the sessions with stored bytes."""
        return {blob.name for folder in (self._partial, self.sealed) for blob in folder.iterdir()}


class Partial:
    """An incomplete blob, open and locked."""

    def __init__(
        self, descriptor: int, path: Path, sealed: Path, size_bytes: int, min_free_bytes: int
    ) -> None:
        self._descriptor = descriptor
        self._path = path
        self._sealed = sealed
        self._size_bytes = size_bytes
        self._min_free_bytes = min_free_bytes
        self.stored = os.fstat(descriptor).st_size
        self._trim()

    def append(self, data: bytes) -> None:
        """Append `data` to the stored bytes; if that fails, none of it counts and it can be appended again.

        Raises:
            OSError: The disk is full (`ENOSPC`), or less of it would stay free than the operator wants.
        """
        # Many uploads that each had room when they were announced may have none together.
        if data and not has_room(self._path.parent, len(data), self._min_free_bytes):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = memoryview(data)
        os.lseek(self._descriptor, self.stored, os.SEEK_SET)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.stored += len(data)

    def acknowledge(self, data: bytes) -> int:
        """Write `data`, keep whole multiples of 256 KiB, flush them, and return how many bytes are safe."""
        self.append(data)
        self._trim()
        os.fsync(self._descriptor)
        _flush_folder(self._path.parent)
        return self.stored

    def seal(self, data: bytes, expected: Mapping[str, str]) -> Digests:
        """Write the last bytes, check the whole against `expected` hashes, and make it final.

        The hashes are in base64, by GCS name (`md5`, `crc32c`).

        Raises:
            HashMismatch: Another hash came out; nothing stays stored.
        """
        digests = self.complete(data, expected)
        _flush_folder(self._sealed.parent)
        return digests

    def complete(self, data: bytes, expected: Mapping[str, str]) -> Digests:
        """Do what `seal` does, except for the flush of the folder that makes its new name last."""
        is_whole = self.stored == 0
        self.append(data)
        os.fsync(self._descriptor)
        pieces = partial(iter, (data,)) if is_whole else partial(_pieces, self._descriptor)
        found = _digests(pieces, with_crc32c="crc32c" in expected)
        if any(getattr(found, name, value) != value for name, value in expected.items()):
            os.ftruncate(self._descriptor, 0)
            self.stored = 0
            raise HashMismatch
        if os.name == "nt":
            self.close()  # an open file cannot be renamed there
        self._path.replace(self._sealed)
        return found

    def close(self) -> None:
        """Release the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _trim(self) -> None:
        # Never the whole: the last part must be sent again, so that its hash header is seen.
        keep = min(self.stored, max(self._size_bytes - 1, 0)) // CHUNK_GRANULARITY * CHUNK_GRANULARITY
        if keep != self.stored:
            os.ftruncate(self._descriptor, keep)
            self.stored = keep


def _digests(pieces: Callable[[], Iterable[bytes]], *, with_crc32c: bool) -> Digests:
    sha256 = hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False)
    for piece in pieces():
        sha256.update(piece)
        md5.update(piece)
    # Without its C library the checksum is slow, and made only where it is needed.
    is_fast = google_crc32c.implementation == "c"
    checksum = _crc32c(pieces()) if with_crc32c or is_fast else None
    return Digests(
        sha256.hexdigest(), _base64(md5.digest()), _base64(checksum) if checksum is not None else None
    )


def _crc32c(pieces: Iterable[bytes]) -> bytes:
    library: Any = google_crc32c  # not typed
    value: int = reduce(library.extend, pieces, 0)
    return value.to_bytes(4, "big")


def _pieces(descriptor: int) -> Iterator[bytes]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    while piece := os.read(descriptor, _PIECE_BYTES):
        yield piece


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
