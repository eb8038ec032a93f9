"""Where the bytes of an upload come from. Nothing here ever holds more than a block of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import anyio.to_thread

from calypso_mcp.errors import ContentError, UploadCorrupted
from calypso_mcp.regular_files import open_regular_file

#: Bytes read and sent at a time. Larger blocks save no processor time; smaller ones cost more of it.
#: Eight uploads at once stay far below the memory that an idle server takes.
BLOCK_BYTES: Final = 512 * 1024
#: Bytes that a worker thread hashes in one go, read through a small buffer; a few milliseconds of work.
_HASH_STRIDE: Final = 8 * 1024 * 1024
_HASH_BUFFER: Final = 256 * 1024
#: Bytes that are hashed in less time than handing them to a thread takes.
_SMALL_BYTES: Final = 64 * 1024


class ByteSource(Protocol):
    """Content of known size that can be read anywhere, by several readers at once.

    A source that can be written to also has `version`, an async method without arguments that returns another
    value after every change.
    """

    size_bytes: int

    async def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end."""
        ...


SourceFactory = Callable[[], AbstractContextManager[ByteSource]]


@dataclass(frozen=True, slots=True)
class HashedFile:
    """A way to open a file that was read a moment ago; it refuses to open another version of the file."""

    reopen: SourceFactory
    size_bytes: int
    content_hash: str
    version: object

    def __call__(self) -> AbstractContextManager[ByteSource]:
        """Open the file."""
        return self.reopen()


class BytesSource:
    """Content already in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.size_bytes = len(data)

    @property
    def content(self) -> memoryview:
        """All of it."""
        return self._data

    async def read(self, offset: int, length: int) -> bytes:
        """Return a part of the data."""
        return bytes(self._data[offset : offset + length])


class DescriptorSource:
    """A regular file that is open (and checked) already.

    Read with `pread`, so that the descriptor's own position does not matter.
    """

    def __init__(self, fd: int, size_bytes: int) -> None:
        """Own `fd`, which is open for reading."""
        self._fd = fd
        self.size_bytes = size_bytes

    async def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the file: at once where they are in memory, else read in a worker thread."""
        return _read_cached(self._fd, offset, length) or await anyio.to_thread.run_sync(
            _read_at, self._fd, offset, length
        )

    async def version(self) -> object:
        """Return what changes when the file is written to."""
        return file_version(os.fstat(self._fd))  # answered from memory, no thread needed

    async def feed(self, update: Callable[[bytes], object]) -> None:
        """Hand the whole file to a hasher, read and computed in worker threads, a stride at a time.

        A small file that is in memory is hashed at once: handing it to a thread costs more.
        """
        if self.size_bytes <= _SMALL_BYTES and (block := _read_cached(self._fd, 0, self.size_bytes)):
            update(block)
            return
        for offset in range(0, self.size_bytes, _HASH_STRIDE):
            end = min(offset + _HASH_STRIDE, self.size_bytes)
            await anyio.to_thread.run_sync(partial(_hash_range, update, self._fd, offset, end))

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)


def file_version(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes whenever a file is replaced or written to.

    The time of the last write can be set back by the writer; that of the last change cannot.
    """
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@contextmanager
def open_file(path: Path) -> Generator[ByteSource]:
    """Open a file for the block.

    Raises:
        ContentError: It is no regular file.
        OSError: It cannot be opened, or something else took its place meanwhile.
    """
    if not path.is_file():
        raise ContentError("There is no such file.", code="file_not_found", hint="Check the path.")
    descriptor = open_regular_file(str(path), os.O_RDONLY | getattr(os, "O_BINARY", 0))
    source = DescriptorSource(descriptor, os.fstat(descriptor).st_size)
    try:
        yield source
    finally:
        source.close()


async def content_hash_of(source: ByteSource) -> str:
    """Return the hexadecimal BLAKE3 hash of the whole content, by which this program knows it.

    Everything is hashed before it is announced, so a slow hash is a slow upload: BLAKE3 takes a third of the
    time of SHA-256, even where the processor has instructions for that one. XXH3 is faster, but anyone can
    write two contents with one XXH3. An author of a shared folder, or one of several callers of a bucket,
    could then keep the first one searchable although the second one was sent.

    Raises:
        UploadCorrupted: The source ended before its size.
    """
    from blake3 import blake3

    hasher = blake3()
    await _feed(source, hasher.update)
    return hasher.hexdigest()


class ContentHash:
    """The hash of `content_hash_of`, computed while other code reads the content."""

    def __init__(self, read_at: Callable[[int, int], bytes], size_bytes: int) -> None:
        """Hash what is read through `read`; `read_at` takes an offset and the most bytes to return."""
        from blake3 import blake3

        self._read_at = read_at
        self._size_bytes = size_bytes
        self._hasher = blake3()
        self._end = 0

    def read(self, offset: int, length: int) -> bytes:
        """Return what `read_at` returns, and hash the bytes that follow those already hashed."""
        block = self._read_at(offset, length)
        if offset <= self._end < offset + len(block):
            self._hasher.update(memoryview(block)[self._end - offset :])
            self._end = offset + len(block)
        return block

    @property
    def value(self) -> str | None:
        """The hash; None before the whole content was read."""
        return self._hasher.hexdigest() if self._end == self._size_bytes else None


async def sha256_of(source: ByteSource) -> str:
    """Return the hexadecimal SHA-256 of the whole content, by which the API knows it.

    Raises:
        UploadCorrupted: The source ended before its size.
    """
    hasher = hashlib.sha256()
    await _feed(source, hasher.update)
    return hasher.hexdigest()


async def _feed(source: ByteSource, update: Callable[[bytes], object]) -> None:
    if isinstance(source, DescriptorSource):
        with reading():
            await source.feed(update)
        return
    for offset in range(0, source.size_bytes, BLOCK_BYTES):
        block = await read_exactly(source, offset, min(BLOCK_BYTES, source.size_bytes - offset))
        await anyio.to_thread.run_sync(update, block)


async def read_exactly(source: ByteSource, offset: int, length: int) -> bytes:
    """Return exactly `length` bytes.

    Raises:
        UploadCorrupted: The source ended before its size: it was shortened meanwhile.
        ContentError: It cannot be read.
    """
    parts: list[bytes] = []
    missing = length
    while missing:
        with reading():
            block = await source.read(offset + length - missing, missing)
        if not block:
            raise changed("became shorter")
        if len(block) == length:
            return block
        parts.append(block)
        missing -= len(block)
    return b"".join(parts)


def changed(how: str = "changed") -> UploadCorrupted:
    """Return the error for a source that was written to while it was hashed or sent."""
    return UploadCorrupted(
        f"The file {how} while it was being read.",
        hint="Wait until nothing writes to it, then make the same call again.",
    )


async def version_of(source: ByteSource) -> object:
    """Return the source's version; None for one that never changes."""
    # Not by `isinstance` with a protocol: that takes longer than the question itself.
    version = getattr(source, "version", None)
    if version is None:
        return None
    with reading():
        return await version()


@contextmanager
def reading() -> Generator[None]:
    """Turn what the system says about an unreadable file into our error.

    Raises:
        ContentError: The file cannot be opened or read.
    """
    try:
        yield
    except OSError as error:
        raise ContentError(
            f"The file cannot be read: {error.strerror or type(error).__name__}.",
            code="unreadable_file",
            hint="Check that it exists and may be read, then make the same call again.",
        ) from None


if hasattr(os, "RWF_NOWAIT"):  # Linux

    def _read_cached(fd: int, offset: int, length: int) -> bytes:
        """Return what the system has in memory, without waiting for a disk; empty where it is not there.

        A file that was hashed a moment ago is there, and using a thread costs more than copying it. Both
        ends are asked for instead of all: then the bytes are copied once, into their last place.
        """
        probe = bytearray(1)
        try:
            for position in {offset, offset + max(0, length - 1)}:
                if os.preadv(fd, [probe], position, os.RWF_NOWAIT) != 1:
                    return b""
        except OSError:  # not in memory, or the file system cannot tell
            return b""
        return os.pread(fd, length, offset)

else:

    def _read_cached(fd: int, offset: int, length: int) -> bytes:
        del fd, offset, length
        return b""


if hasattr(os, "pread"):

    def _read_at(fd: int, offset: int, length: int) -> bytes:
        return os.pread(fd, length, offset)

else:  # Windows has no pread: seek and read, one thread at a time.
    from threading import Lock

    _seeking = Lock()

    def _read_at(fd: int, offset: int, length: int) -> bytes:
        with _seeking:
            os.lseek(fd, offset, os.SEEK_SET)
            return os.read(fd, length)


def _hash_range(update: Callable[[bytes], object], fd: int, offset: int, end: int) -> None:
    while offset < end:
        block = _read_at(fd, offset, min(_HASH_BUFFER, end - offset))
        if not block:
            raise changed("became shorter")
        update(block)
        offset += len(block)
