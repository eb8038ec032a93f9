"""Clients that read slowly keep no originals in memory, and make only their own caller wait."""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from calypso_mcp.errors import ScopeError
from calypso_mcp.server.transport.downloads import Download, Downloads

SCOPE = {"type": "http", "headers": []}


class Client:
    """Takes the head of an answer at once, and its body when the test lets it."""

    def __init__(self) -> None:
        self.has_head = anyio.Event()
        self.takes_body = anyio.Event()
        self.status = 0
        self.body = b""
        self.headers: dict[bytes, bytes] = {}

    async def fetch(self, downloads: Downloads, caller: str) -> None:
        async def read() -> bytes:
            return caller.encode()

        answer = Download(downloads, caller, read, {"X-Kept": "yes"})
        with anyio.fail_after(10):
            await answer(SCOPE, self.receive, self.send)

    async def receive(self) -> MutableMapping[str, Any]:
        await anyio.sleep_forever()  # it does not go away
        raise AssertionError

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
            self.has_head.set()
        else:
            await self.takes_body.wait()
            self.body += message["body"]


async def test_a_caller_that_reads_slowly_holds_two_originals_and_keeps_nobody_waiting() -> None:
    downloads = Downloads(wait_s=0.05)
    third, other = Client(), Client()
    for client in (third, other):
        client.takes_body.set()
    async with anyio.create_task_group() as group:
        slow = [Client(), Client()]
        for client in slow:
            group.start_soon(client.fetch, downloads, "slow")
            await client.has_head.wait()
        await third.fetch(downloads, "slow")
        assert (third.status, b"retry-after" in third.headers) == (503, True)
        await other.fetch(downloads, "other")
        assert (other.status, other.body, other.headers[b"x-kept"]) == (200, b"other", b"yes")
        for client in slow:
            client.takes_body.set()
    await third.fetch(downloads, "slow")
    assert third.status == 200


async def test_callers_that_read_slowly_together_keep_nobody_else_waiting() -> None:
    downloads = Downloads(wait_s=0.01)
    slow, other = [Client() for _ in range(20)], Client()
    async with anyio.create_task_group() as group:
        for number, client in enumerate(slow):
            group.start_soon(client.fetch, downloads, f"caller {number % 10}")
            await client.has_head.wait()
        other.takes_body.set()
        await other.fetch(downloads, "other")
        for client in slow:
            client.takes_body.set()
    assert {client.status for client in (*slow, other)} == {200}
    assert other.body == b"other"
    assert sorted(client.body for client in slow) == sorted(b"caller %d" % (n % 10) for n in range(20))


async def test_few_originals_are_read_at_once() -> None:
    downloads, may_end = Downloads(wait_s=0.01), anyio.Event()
    clients = [Client() for _ in range(20)]

    async def read() -> bytes:
        await may_end.wait()
        return b""

    async def fetch(client: Client, caller: str) -> None:
        await Download(downloads, caller, read, {})(SCOPE, client.receive, client.send)

    async with anyio.create_task_group() as group:
        for number, client in enumerate(clients):
            client.takes_body.set()
            group.start_soon(fetch, client, f"caller {number}")
        for client in clients[6:]:
            await client.has_head.wait()
        may_end.set()
    assert [client.status for client in clients] == [200] * 6 + [503] * 14


async def test_an_original_that_cannot_be_had_says_why_and_gives_its_place_back() -> None:
    downloads = Downloads(wait_s=0.01)

    async def read() -> bytes:
        raise ScopeError

    for _ in range(3):
        client = Client()
        client.takes_body.set()
        await Download(downloads, "one", read, {})(SCOPE, client.receive, client.send)
        assert client.status == 404


async def test_a_long_original_is_handed_over_in_pieces_that_wait_for_the_client() -> None:
    """A server takes a body of any length at once, and only the next piece waits for the client."""
    data = bytes(range(256)) * 4_096
    pieces: list[bytes] = []
    head: dict[bytes, bytes] = {}

    async def read() -> bytes:
        return data

    async def send(message: MutableMapping[str, Any]) -> None:
        head.update(message.get("headers", ()))
        pieces.append(message.get("body", b""))

    await Download(Downloads(), "one", read, {})(SCOPE, Client().receive, send)
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= 128 * 1_024
    assert int(head[b"content-length"]) == len(data)


async def test_an_original_is_not_copied_in_memory() -> None:
    size = 8 << 20

    async def read() -> bytes:
        return bytes(size)

    async def send(_message: MutableMapping[str, Any]) -> None:
        pass

    await Download(Downloads(), "warm", read, {})(SCOPE, Client().receive, send)
    tracemalloc.start()
    try:
        await Download(Downloads(), "one", read, {})(SCOPE, Client().receive, send)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size <= peak < 1.5 * size


async def test_without_room_for_temporary_files_a_download_is_told_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    downloads, client = Downloads(), Client()
    client.takes_body.set()

    async def read() -> bytes:
        return bytes(200_000)

    for _ in range(3):
        await Download(downloads, "one", read, {})(SCOPE, client.receive, client.send)
        assert (client.status, b"temporary files" in client.body) == (503, True)


@pytest.mark.parametrize("beyond", [100, 100_000])  # met by what a file keeps back, or at once
async def test_a_disk_that_is_full_tells_a_download_to_come_back(beyond: int) -> None:
    resource = pytest.importorskip("resource")
    client, room = Client(), 1_000_000
    client.takes_body.set()

    async def read() -> bytes:
        return bytes(room + beyond)

    _, most = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    try:
        await Download(Downloads(), "one", read, {})(SCOPE, client.receive, client.send)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (client.status, b"temporary files" in client.body) == (503, True)
