"""The bytes of one file over a real socket to a storage written from the protocol alone."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest
from blake3 import blake3

from calypso_mcp import errors
from calypso_mcp.client.policies import ClientPolicies
from calypso_mcp.client.transport.connections import Connections
from calypso_mcp.client.transport.retrying import Retries
from calypso_mcp.client.transport.sources import (
    BLOCK_BYTES,
    ByteSource,
    BytesSource,
    DescriptorSource,
    version_of,
)
from calypso_mcp.client.transport.storage import Content
from calypso_mcp.client.uploading.transfer import Transfer
from tests.support.faulty_transport import FakeClock
from tests.support.gcs_server import Behaviour, Cut, GcsServer, KeepsOnly, LostAnswer, Says, gcs_server

DATA = os.urandom(1_000_003)
POLICIES = ClientPolicies()


@pytest.fixture
async def storage() -> AsyncGenerator[GcsServer]:
    async with gcs_server() as server:
        yield server


async def content_of(source: ByteSource, data: bytes = DATA) -> Content:
    """Return `source` as what was hashed as `data`."""
    return Content(source, "text/plain", blake3(data).hexdigest(), await version_of(source))


async def send(
    server: GcsServer, content: Content, *, name: str = "a", clock: FakeClock | None = None, **options: Any
) -> bool:
    """Send `content` to the address `name` with a client of its own."""
    connections = Connections(f"{server.origin}/v1", POLICIES)
    transfer = Transfer(
        connections, Retries(POLICIES.storage_retry, (clock or FakeClock()).clock, lambda: 1.0)
    )
    url = f"{server.origin}/upload/{name}" if f"/upload/{name}" in server.objects else server.address(name)
    try:
        with anyio.fail_after(30):
            return await transfer.send(url, content, **options)
    finally:
        await connections.aclose()


async def test_a_whole_object_goes_in_one_request_without_a_key(storage: GcsServer) -> None:
    acknowledged: list[int] = []

    was_there = await send(storage, await content_of(BytesSource(DATA)), on_kept=acknowledged.append)

    assert not was_there
    assert storage.ranges == [f"bytes 0-{len(DATA) - 1}/{len(DATA)}"]
    assert storage.stored("a").kept == DATA
    assert acknowledged == [len(DATA)]
    headers = storage.seen[0].headers
    assert headers["content-type"] == "text/plain"
    assert headers["content-length"] == str(len(DATA))
    assert "authorization" not in headers


@pytest.mark.parametrize(
    "script",
    [
        [Cut(0)],
        [Cut(1)],
        [Cut(262_143)],
        [Cut(262_144)],
        [Cut(700_000), Cut(0), Cut(200_000)],
        [LostAnswer()],
        [LostAnswer(), LostAnswer()],
        [Says(503), Says(503)],
        [Says(500), Says(408), Says(429)],
        [KeepsOnly(300_000)],
        [KeepsOnly(0), KeepsOnly(262_144), KeepsOnly(262_144)],
        [KeepsOnly(999_999), LostAnswer()],
        [Cut(600_000), Says(503), LostAnswer(), KeepsOnly(262_144)],
    ],
)
async def test_whatever_passes_each_byte_is_stored_once(storage: GcsServer, script: list[Behaviour]) -> None:
    storage.script.extend(script)
    acknowledged: list[int] = []

    await send(storage, await content_of(BytesSource(DATA)), on_kept=acknowledged.append)

    assert storage.stored("a").kept == DATA
    assert storage.stored("a").appended == len(DATA)
    assert sum(acknowledged) == len(DATA)
    assert min(acknowledged) > 0


async def test_after_a_cut_only_what_is_missing_is_sent(storage: GcsServer) -> None:
    storage.script.append(Cut(700_000))

    await send(storage, await content_of(BytesSource(DATA)))

    last = len(DATA) - 1
    assert storage.ranges == [
        f"bytes 0-{last}/{len(DATA)}",
        f"bytes */{len(DATA)}",
        f"bytes 524288-{last}/{len(DATA)}",
    ]


async def test_chunks_are_sent_one_after_the_other(storage: GcsServer) -> None:
    await send(storage, await content_of(BytesSource(DATA)), chunk_bytes=2 * 262_144)

    assert storage.ranges == [f"bytes 0-524287/{len(DATA)}", f"bytes 524288-{len(DATA) - 1}/{len(DATA)}"]


async def test_a_finished_address_is_asked_and_sent_nothing(storage: GcsServer) -> None:
    await send(storage, await content_of(BytesSource(DATA)))

    was_there = await send(storage, await content_of(BytesSource(DATA)), resumed=True)

    assert was_there
    assert storage.ranges[1:] == [f"bytes */{len(DATA)}"]


async def test_a_dead_address_is_an_expired_session(storage: GcsServer) -> None:
    storage.script.append(Says(410))

    with pytest.raises(errors.SessionExpired):
        await send(storage, await content_of(BytesSource(DATA)))


async def test_more_acknowledged_than_sent_stops_at_once(storage: GcsServer) -> None:
    storage.script.append(Says(308, (("range", "bytes=0-1000003"),)))

    with pytest.raises(errors.UploadOutOfStep):
        await send(storage, await content_of(BytesSource(DATA)))

    assert len(storage.seen) == 1


async def test_a_storage_that_never_gets_anywhere_is_given_up(storage: GcsServer) -> None:
    clock = FakeClock()
    storage.script.extend([KeepsOnly(0)] * 100)

    with pytest.raises(errors.UploadError, match="8 attempts") as raised:
        await send(storage, await content_of(BytesSource(DATA)), clock=clock)

    assert raised.value.retryable
    assert storage.origin not in raised.value.message
    assert clock.slept == [0.25, 0.5, 1, 2, 4, 8, 8]


async def test_progress_earns_new_patience(storage: GcsServer) -> None:
    for _ in range(3):
        storage.script.extend([*[Says(503)] * 6, None, KeepsOnly(262_144)])

    await send(storage, await content_of(BytesSource(DATA)))

    assert storage.stored("a").kept == DATA


async def test_the_storages_own_wait_is_kept(storage: GcsServer) -> None:
    clock = FakeClock()
    storage.script.append(Says(429, (("retry-after", "5"),)))

    await send(storage, await content_of(BytesSource(DATA)), clock=clock)

    assert clock.slept == [pytest.approx(5.1)]


async def test_a_refusal_is_not_repeated_and_quotes_no_address(storage: GcsServer) -> None:
    storage.script.append(Says(400))

    with pytest.raises(errors.UploadError) as raised:
        await send(storage, await content_of(BytesSource(DATA)))

    assert len(storage.seen) == 1
    assert not raised.value.retryable
    assert "/upload/" not in f"{raised.value} {raised.value.hint}"


async def test_an_address_that_is_not_safe_is_never_contacted(storage: GcsServer) -> None:
    connections = Connections(f"{storage.origin}/v1", POLICIES)
    transfer = Transfer(connections, Retries(POLICIES.storage_retry, FakeClock().clock, lambda: 1.0))

    with pytest.raises(errors.ContractError):
        await transfer.send("http://storage.test/upload/a", await content_of(BytesSource(DATA)))

    await connections.aclose()


async def test_what_is_kept_can_be_asked_without_sending(storage: GcsServer) -> None:
    storage.script.append(Cut(700_000))
    connections = Connections(f"{storage.origin}/v1", POLICIES)
    transfer = Transfer(connections, Retries(POLICIES.storage_retry, FakeClock().clock, lambda: 1.0))
    url = storage.address("a")
    storage.stored("a").kept += DATA[:524_288]
    storage.script.clear()
    storage.script.append(Says(503))

    assert await transfer.kept(url, len(DATA)) == 524_288
    assert storage.ranges == [f"bytes */{len(DATA)}"] * 2

    await connections.aclose()


class Growing(BytesSource):
    """A source that somebody writes to while its last block is being read."""

    def __init__(self, before: bytes, after: bytes) -> None:
        super().__init__(before)
        self._after = after
        self._written = 0

    async def read(self, offset: int, length: int) -> bytes:
        if offset + length == self.size_bytes and not self._written:
            self._written = 1
            self._data = memoryview(self._after)
        return await super().read(offset, length)

    async def version(self) -> object:
        return self._written


async def test_a_source_that_changes_while_it_is_sent_never_becomes_an_object(storage: GcsServer) -> None:
    other = DATA[:-1] + b"?"

    with pytest.raises(errors.UploadCorrupted, match="changed"):
        await send(storage, await content_of(Growing(DATA, other)))

    assert not storage.stored("a").complete
    assert len(storage.seen) == 1


async def test_a_source_that_is_only_touched_is_sent(storage: GcsServer) -> None:
    await send(storage, await content_of(Growing(DATA, DATA)))

    assert storage.stored("a").kept == DATA


async def test_a_file_that_becomes_shorter_never_becomes_an_object(
    storage: GcsServer, tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(DATA)
    source = DescriptorSource(os.open(path, os.O_RDONLY), len(DATA))
    content = await content_of(source)
    os.truncate(path, BLOCK_BYTES + 1)

    with pytest.raises(errors.UploadCorrupted, match="shorter"):
        await send(storage, content)

    source.close()
    assert not storage.stored("a").complete


async def test_a_file_is_sent_from_disk_by_its_descriptor(storage: GcsServer, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(DATA)
    source = DescriptorSource(os.open(path, os.O_RDONLY), len(DATA))
    content = await content_of(source)
    path.rename(tmp_path / "b.bin")

    await send(storage, content)

    source.close()
    assert storage.stored("a").kept == DATA


async def test_a_file_that_cannot_be_read_any_more_is_named_as_the_reason(
    storage: GcsServer, tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(DATA)
    source = DescriptorSource(os.open(path, os.O_RDONLY), len(DATA))
    content = await content_of(source)
    source.close()

    with pytest.raises(errors.ContentError) as raised:
        await send(storage, content)

    assert raised.value.code == "unreadable_file"
