"""What a source on disk gives, and which of its reads wait for a thread."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from blake3 import blake3

from calypso_mcp import errors
from calypso_mcp.client.transport.sources import (
    BLOCK_BYTES,
    BytesSource,
    DescriptorSource,
    content_hash_of,
    open_file,
    read_exactly,
    sha256_of,
)

ONLY_LINUX = pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="other systems cannot be asked")
DATA = os.urandom(BLOCK_BYTES + 4_097)


@pytest.fixture
def source(tmp_path: Path) -> Generator[DescriptorSource]:
    path = tmp_path / "file.bin"
    path.write_bytes(DATA)
    source = DescriptorSource(os.open(path, os.O_RDONLY), len(DATA))
    yield source
    source.close()


async def test_any_part_can_be_read(source: DescriptorSource) -> None:
    assert await source.read(0, BLOCK_BYTES) == DATA[:BLOCK_BYTES]
    assert await source.read(BLOCK_BYTES - 1, 3) == DATA[BLOCK_BYTES - 1 : BLOCK_BYTES + 2]


async def test_a_read_over_the_end_returns_what_is_left(source: DescriptorSource) -> None:
    assert await source.read(len(DATA) - 5, 100) == DATA[-5:]
    assert await source.read(len(DATA), 100) == b""


@ONLY_LINUX
async def test_what_is_in_memory_is_read_without_a_thread(source: DescriptorSource) -> None:
    threads = anyio.to_thread.current_default_thread_limiter()
    borrowed = [object() for _ in range(int(threads.total_tokens))]
    for entry in borrowed:
        threads.acquire_on_behalf_of_nowait(entry)  # now a hop to a thread would never end
    try:
        with anyio.fail_after(30):
            assert await source.read(0, BLOCK_BYTES) == DATA[:BLOCK_BYTES]
    finally:
        for entry in borrowed:
            threads.release_on_behalf_of(entry)


@ONLY_LINUX
async def test_a_file_system_that_cannot_tell_is_read_all_the_same() -> None:
    # The kernel makes such a file anew for each reader, there is nothing to be in memory.
    source = DescriptorSource(os.open("/proc/self/cmdline", os.O_RDONLY), 4)
    try:
        assert len(await source.read(0, 4)) == 4
    finally:
        source.close()


@pytest.mark.parametrize("in_memory", [True, False])
async def test_both_hashes_are_those_of_the_whole_content(
    source: DescriptorSource, *, in_memory: bool
) -> None:
    chosen = BytesSource(DATA) if in_memory else source

    assert await content_hash_of(chosen) == blake3(DATA).hexdigest()
    assert await sha256_of(chosen) == hashlib.sha256(DATA).hexdigest()


async def test_a_file_that_became_shorter_is_noticed(source: DescriptorSource, tmp_path: Path) -> None:
    os.truncate(tmp_path / "file.bin", 10)

    with pytest.raises(errors.UploadCorrupted):
        await read_exactly(source, 0, BLOCK_BYTES)
    with pytest.raises(errors.UploadCorrupted):
        await content_hash_of(source)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among the files")
def test_a_pipe_that_takes_the_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    class Swapped(type(tmp_path)):
        """A file that becomes a pipe once it was looked at."""

        def is_file(self) -> bool:
            os.mkfifo(self)
            return True

    path = Swapped(tmp_path / "notes.md")
    with pytest.raises(OSError, match="not a regular file"), open_file(path):
        pass
