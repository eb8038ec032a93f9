"""One-time upload addresses when something else happens while a file arrives."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.applications import Starlette
from starlette.requests import Request

from calypso_mcp.api.buckets import CreateBucket
from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.assembly.backends import open_backends
from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.errors import RateLimited
from calypso_mcp.server.access.credentials import access_token
from calypso_mcp.server.backend import Backend
from calypso_mcp.server.one_time.one_time_uploads import OneTimePolicy, OneTimeUploads, record_of
from calypso_mcp.server.one_time.tickets import TicketSeal
from calypso_mcp.server.one_time.upload_ledger import UploadLedger
from calypso_mcp.server.state import ServerState
from calypso_mcp.server.transport.upload_route import upload_route
from calypso_mcp.settings import settings_from
from tests.support.scripted_calypso import ScriptedCalypso, file


def declared(bucket_id: str) -> Declaration:
    """Return what is declared about a file for one bucket."""
    return Declaration("a.txt", Destination(bucket_ids=(bucket_id,)))


class Caller:
    """Somebody whose grant the operator takes back."""

    def __init__(self) -> None:
        self.may_call = True

    async def current_grant(self, grant: AccessGrant, _key: str | None) -> AccessGrant | None:
        return grant if self.may_call else None


@pytest.fixture
def new_ledger() -> Generator[Callable[..., UploadLedger]]:
    """Return ledgers that close with the test."""
    with ExitStack() as opened_ledgers:

        def new(*arguments: Any, **options: Any) -> UploadLedger:
            return opened_ledgers.enter_context(closing(UploadLedger(*arguments, **options)))

        yield new


def request_of(grant: AccessGrant | None = None) -> Request:
    scope: dict[str, Any] = {
        "type": "http",
        "scheme": "https",
        "server": ("mcp.test", 443),
        "path": "/mcp",
        "headers": [],
    }
    if grant is not None:
        scope["user"] = AuthenticatedUser(access_token(grant, "fingerprint"))
    return Request(scope)


@pytest.mark.parametrize(("left_s", "good_for_s"), [(60, 60), (86_400, 900), (None, 900)])
async def test_no_address_is_good_for_longer_than_the_credential_of_its_caller(
    left_s: int | None, good_for_s: int, new_ledger: Callable[..., UploadLedger]
) -> None:
    now = 1_000_000
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), new_ledger(), clock=lambda: now)
    grant = AccessGrant("oauth:ann", expires_at=None if left_s is None else now + left_s)

    address = await uploads.issue(request_of(grant), declared("bucket_1"))

    ticket = uploads.seal.open(urlsplit(address.url).path.removeprefix("/uploads/"))
    assert ticket is not None
    assert ticket.expires_at == now + good_for_s


@pytest.mark.parametrize("checked_every_s", [0, 3_600], ids=["on its way", "as it ends"])
async def test_a_file_under_way_is_refused_once_its_caller_may_no_longer_call(
    tmp_path: Path, new_ledger: Callable[..., UploadLedger], checked_every_s: float
) -> None:
    caller = Caller()
    policy = OneTimePolicy(checked_every_s=checked_every_s)
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), new_ledger(), policy, current_grant=caller.current_grant)
    async with open_backends(settings_from({"data_dir": str(tmp_path)}, {})) as backends:

        def backend_for(_grant: AccessGrant) -> Backend:
            return backends.of_process()

        buckets = backends.of_process().client.buckets
        bucket = await buckets.create(CreateBucket(name="docs"))
        address = await uploads.issue(request_of(), declared(bucket.id))

        async def taken_back_on_the_way() -> AsyncGenerator[bytes]:
            yield b"a" * 1000
            caller.may_call = False
            yield b"b" * 1000

        app = Starlette(routes=[upload_route(uploads, ServerState(backend_for=backend_for))])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
            answer = await http.put(
                address.url, content=taken_back_on_the_way(), headers={"Content-Range": "bytes 0-1999/2000"}
            )

    assert answer.status_code == 404
    record = await uploads.ledger.read(address.upload_id)
    assert record is not None
    assert record.state == "failed"
    assert record.file_id is None


async def test_a_request_that_fails_leaves_alone_what_another_one_has_brought_meanwhile(
    new_ledger: Callable[..., UploadLedger],
) -> None:
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), new_ledger())
    address = await uploads.issue(request_of(), declared("bucket_a"))
    ticket = uploads.seal.open(urlsplit(address.url).path.removeprefix("/uploads/"))
    assert ticket is not None

    async def store() -> None:
        assert await uploads.ledger.claim(
            record_of(ticket, "receiving"), await uploads.ledger.read(ticket.upload_id)
        )
        await uploads.ledger.write(
            record_of(ticket, "stored", file=KnowledgeFile.model_validate(file("file_1")))
        )

    def while_another_worker_stores(_body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        thread = threading.Thread(target=anyio.run, args=(store,))
        thread.start()
        thread.join()
        return 403, {"error": {"code": "forbidden", "message": "No.", "retryable": False}}

    api = ScriptedCalypso(scripted={"POST /knowledge/files/upload-session": while_another_worker_stores})
    async with api.state() as state:
        app = Starlette(routes=[upload_route(uploads, state)])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
            answer = await http.put(address.url, headers={"Content-Range": "bytes */10"})
            again = await http.put(address.url, content=b"once more")

    assert answer.json()["error"] == "forbidden"
    record = await uploads.ledger.read(ticket.upload_id)
    assert record is not None
    assert (record.state, record.file_id) == ("stored", "file_1")
    assert (again.status_code, again.json()["error"]) == (409, "already_used")


async def test_a_file_is_stored_also_where_that_cannot_be_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, new_ledger: Callable[..., UploadLedger]
) -> None:
    folder = tmp_path / "one-time-uploads"
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), new_ledger(folder / "uploads.sqlite"))

    async def while_it_breaks() -> AsyncGenerator[bytes]:
        yield b"a" * 500
        for part in folder.iterdir():
            part.write_bytes(b"damaged" * 2_000)
        yield b"a" * 500

    async with open_backends(settings_from({"data_dir": str(tmp_path / "data")}, {})) as backends:

        def backend_for(_grant: AccessGrant) -> Backend:
            return backends.of_process()

        buckets = backends.of_process().client.buckets
        bucket = await buckets.create(CreateBucket(name="docs"))
        address = await uploads.issue(request_of(), declared(bucket.id))
        app = Starlette(routes=[upload_route(uploads, ServerState(backend_for=backend_for))])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
            answer = await http.put(
                address.url,
                content=while_it_breaks(),
                headers={"Content-Range": "bytes 0-999/1000"},
            )
        assert answer.status_code == 201
        assert (await backends.of_process().client.files.get(answer.json()["file_id"])).filename == "a.txt"
    assert "cannot be noted" in caplog.text
    assert address.url not in caplog.text


async def test_a_request_that_cannot_be_noted_is_answered_with_the_reason(
    tmp_path: Path, new_ledger: Callable[..., UploadLedger]
) -> None:
    path = tmp_path / "uploads.sqlite"
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), new_ledger(path))
    address = await uploads.issue(request_of(), declared("bucket_a"))
    for part in tmp_path.iterdir():
        part.write_bytes(b"damaged" * 2_000)
    async with ScriptedCalypso().state() as state:
        app = Starlette(routes=[upload_route(uploads, state)])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
            answer = await http.put(address.url, content=b"a")

    assert answer.json()["error"] == "upload_record_unusable"
    assert "The operator must repair uploads.sqlite" in answer.json()["error_description"]
    assert answer.status_code == 503


async def test_a_caller_with_too_many_unused_addresses_gets_no_more_until_they_expire(
    new_ledger: Callable[..., UploadLedger],
) -> None:
    now = 1_000
    policy = OneTimePolicy(most_unused=2)
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), new_ledger(clock=lambda: now), policy, clock=lambda: now)
    for _ in range(2):
        await uploads.issue(request_of(AccessGrant("ann")), declared("bucket_1"))
    with pytest.raises(RateLimited) as refused:
        await uploads.issue(request_of(AccessGrant("ann")), declared("bucket_1"))
    assert (refused.value.code, refused.value.retry_after_s) == ("too_many_addresses", 900)
    await uploads.issue(request_of(AccessGrant("bob")), declared("bucket_1"))
    now += 901
    await uploads.issue(request_of(AccessGrant("ann")), declared("bucket_1"))


async def test_the_claim_of_a_worker_that_was_killed_lapses_and_curl_waits_for_that_by_itself(
    new_ledger: Callable[..., UploadLedger],
) -> None:
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), new_ledger())
    address = await uploads.issue(request_of(), declared("bucket_1"))
    ticket = uploads.seal.open(urlsplit(address.url).path.removeprefix("/uploads/"))
    assert ticket is not None
    assert await uploads.ledger.claim(
        record_of(ticket, "receiving"), await uploads.ledger.read(ticket.upload_id)
    )
    api = ScriptedCalypso(scripted={})
    async with api.state() as state:
        app = Starlette(routes=[upload_route(uploads, state)])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
            answer = await http.put(address.url, content=b"once more")
    # curl repeats a 503 after the time it says; all its attempts last longer than the claim.
    assert (answer.status_code, answer.json()["error"]) == (503, "in_use")
    words = address.command.split()
    attempts = int(words[words.index("--retry") + 1])
    assert attempts * int(answer.headers["Retry-After"]) > uploads.policy.claimed_s
    assert uploads.policy.claimed_s >= 3 * uploads.policy.noted_every_s


async def test_a_claim_lapses_when_the_clock_is_set_back(new_ledger: Callable[..., UploadLedger]) -> None:
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), new_ledger(clock=lambda: time.time() + 3_600))
    address = await uploads.issue(request_of(), declared("bucket_1"))
    ticket = uploads.seal.open(urlsplit(address.url).path.removeprefix("/uploads/"))
    assert ticket is not None
    assert await uploads.ledger.claim(record_of(ticket, "receiving"), None)
    async with ScriptedCalypso(scripted={}).state() as state:
        app = Starlette(routes=[upload_route(uploads, state)])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
            answer = await http.put(address.url, content=b"once more")
    assert answer.json()["error"] != "in_use"


async def test_a_file_that_arrives_slowly_keeps_its_claim(
    tmp_path: Path, new_ledger: Callable[..., UploadLedger]
) -> None:
    policy = OneTimePolicy(noted_every_s=0.01)
    now = 1_000.0
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), new_ledger(clock=lambda: now), policy)
    async with open_backends(settings_from({"data_dir": str(tmp_path)}, {})) as backends:

        def backend_for(_grant: AccessGrant) -> Backend:
            return backends.of_process()

        bucket = await backends.of_process().client.buckets.create(CreateBucket(name="docs"))
        address = await uploads.issue(request_of(), declared(bucket.id))

        async def slow() -> AsyncGenerator[bytes]:
            nonlocal now
            yield b"a" * 500
            now = 2_000.0
            with anyio.fail_after(20):
                while True:
                    record = await uploads.ledger.read(address.upload_id)
                    if record is not None and record.changed_at == 2_000:
                        break
                    await anyio.sleep(0.001)
            assert record.state == "receiving"
            yield b"a" * 500

        app = Starlette(routes=[upload_route(uploads, ServerState(backend_for=backend_for))])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
            answer = await http.put(
                address.url, content=slow(), headers={"Content-Range": "bytes 0-999/1000"}
            )
    assert answer.status_code == 201
