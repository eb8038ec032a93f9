"""An embedded Calypso behind a fault script, the client that has to cope, and a look at what was stored."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import anyio.lowlevel
import httpx2
from starlette.types import ASGIApp

from calypso_mcp.client import CalypsoClient, ClientPolicies
from calypso_mcp.client.clock import Clock
from calypso_mcp.client.transport.sources import BytesSource
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.local.app import open_backend
from calypso_mcp.local.options import LocalOptions
from tests.support.fault_script import Script
from tests.support.fault_transport import FaultyTransport

BASE_URL: Final = "http://calypso.localhost/v1"
API_KEY: Final = "sk_faults"
BUCKET: Final = "faults"
DESTINATION: Final = Destination(bucket=BUCKET, create_missing_buckets=True)


@dataclass(slots=True)
class FakeTime:
    """Time that passes only while somebody sleeps.

    Attributes:
        now_s: The current time in seconds.
        slept: Every wait that was asked for, in order.
    """

    now_s: float = 1_000.0
    slept: list[float] = field(default_factory=list[float])

    def now(self) -> float:
        """Return the time."""
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once, and others run."""
        self.slept.append(seconds)
        self.now_s += seconds
        await anyio.lowlevel.checkpoint()

    @property
    def clock(self) -> Clock:
        """This time as the client takes it."""
        return Clock(now=self.now, sleep=self.sleep)


@dataclass(frozen=True, slots=True)
class Stored:
    """One knowledge file as the API describes it."""

    filename: str
    size_bytes: int
    sha256: str


@dataclass(slots=True)
class FaultyCalypso:
    """A running backend and the script between it and its clients.

    Attributes:
        app: The backend, reached without faults.
        data_dir: Where it keeps everything.
        script: What goes wrong, and the record.
        time: Of all clients.
    """

    app: ASGIApp
    data_dir: Path
    script: Script
    time: FakeTime

    def client(self, policies: ClientPolicies | None = None) -> CalypsoClient:
        """Return a new client, as after a restart of its process."""
        return CalypsoClient(
            base_url=BASE_URL,
            api_key=API_KEY,
            transport=FaultyTransport(_in_process(self.app), self.script, sleep=self.time.sleep),
            policies=policies or ClientPolicies(),
            clock=self.time.clock,
        )

    async def stored(self) -> Counter[Stored]:
        """Return every knowledge file there is, asked for without faults."""
        return await knowledge_counts(_in_process(self.app), BASE_URL, API_KEY)

    def sealed_bytes(self) -> int:
        """Return how many bytes of complete uploads lie on the disk."""
        sealed = self.data_dir.rglob("sealed/*")
        return sum(path.stat().st_size for path in sealed if path.is_file())


@asynccontextmanager
async def faulty_calypso(
    data_dir: Path, script: Script, *, time: FakeTime | None = None, **options: Any
) -> AsyncGenerator[FaultyCalypso]:
    """Run an embedded backend in this process for as long as the block lasts.

    Args:
        data_dir: Kept, so that the backend can be started again on it.
        script: What goes wrong between it and its clients.
        time: Of the clients; a new one by default.
        options: Passed on as `LocalOptions`. Without a rate limit unless told otherwise, because the
            clients' time passes faster than the backend's.
    """
    unlimited = LocalOptions(data_dir=data_dir, api_key=API_KEY, creates_per_second=None)
    settings = replace(unlimited, **options)
    async with open_backend(settings) as app:
        yield FaultyCalypso(app, data_dir, script, time or FakeTime())


async def knowledge_counts(
    transport: httpx2.AsyncBaseTransport | None, base_url: str, api_key: str
) -> Counter[Stored]:
    """Return every knowledge file of every bucket, and how many there are of the same content and name."""
    async with CalypsoClient(base_url=base_url, api_key=api_key, transport=transport) as client:
        listing = await client.buckets.list()
        ids = sorted({file_id for bucket in listing.buckets for file_id in bucket.file_ids})
        files = [await client.files.get(file_id) for file_id in ids]
    return Counter(Stored(file.filename or "", file.size_bytes or 0, file.sha256 or "") for file in files)


@cache
def content(seed: int, size_bytes: int) -> bytes:
    """Return text of exactly this size, the same for the same seed, with a word of its own in front."""
    noise = random.Random(seed).randbytes(size_bytes // 2 + 1).hex(" ", 32)
    return f"marker{seed} {noise}".encode()[:size_bytes]


def upload_of(name: str, data: bytes) -> Upload:
    """Return `data` as an upload into the bucket of these tests."""
    return Upload(BytesSource(data), Declaration(name, DESTINATION, path=name))


def small_uploads(count: int, *, size_bytes: int = 400) -> list[Upload]:
    """Return `count` different small files."""
    return [upload_of(f"note-{n:03}.md", content(n, size_bytes + n)) for n in range(count)]


async def as_stored(uploads: Iterable[Upload]) -> Counter[Stored]:
    """Return what has to be in the store after these uploads: each once."""
    expected: Counter[Stored] = Counter()
    for upload in uploads:
        assert not callable(upload.source)
        data = await upload.source.read(0, upload.source.size_bytes)
        expected[Stored(upload.declaration.filename, len(data), hashlib.sha256(data).hexdigest())] = 1
    return expected


def sizes(uploads: Sequence[Upload]) -> int:
    """Return the bytes of all uploads together."""
    return sum(upload.source.size_bytes for upload in uploads if not callable(upload.source))


def _in_process(app: ASGIApp) -> httpx2.ASGITransport:
    return httpx2.ASGITransport(app, raise_app_exceptions=False)  # pyright: ignore[reportArgumentType] - same protocol
