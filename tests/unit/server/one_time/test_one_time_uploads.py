"""One-time upload addresses when something else happens while a file arrives."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.applications import Starlette
from starlette.requests import Request

from calypso_mcp.api.buckets import CreateBucket
from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.assembly.backends import opened
from calypso_mcp.domain.access import AccessGrant
from calypso_mcp.domain.declaration import Declaration, Destination
from calypso_mcp.server.access.credentials import access_token
from calypso_mcp.server.one_time.one_time_uploads import OneTimePolicy, OneTimeUploads
from calypso_mcp.server.one_time.tickets import TicketSeal
from calypso_mcp.server.one_time.upload_ledger import UploadLedger
from calypso_mcp.server.one_time.upload_route import upload_route
from calypso_mcp.server.state import Backend, ServerState
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
def test_no_address_is_good_for_longer_than_the_credential_of_its_caller(
    left_s: int | None, good_for_s: int
) -> None:
    now = 1_000_000
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), UploadLedger(), clock=lambda: now)
    grant = AccessGrant("oauth:ann", expires_at=None if left_s is None else now + left_s)

    address = uploads.issue(request_of(grant), declared("bucket_1"))

    ticket = uploads.open(urlsplit(address.url).path.removeprefix("/uploads/"))
    assert ticket is not None
    assert ticket.expires_at == now + good_for_s


async def test_a_file_under_way_is_refused_once_its_caller_may_no_longer_call(tmp_path: Path) -> None:
    caller = Caller()
    policy = OneTimePolicy(checked_every_s=0)
    uploads = OneTimeUploads(
        TicketSeal(b"s" * 32), UploadLedger(), policy, current_grant=caller.current_grant
    )
    async with opened(settings_from({"data_dir": str(tmp_path)}, {})) as backends:

        def backend_for(_grant: AccessGrant) -> Backend:
            return backends.of_process()

        buckets = backends.of_process().client.buckets
        bucket = await buckets.create(CreateBucket(name="docs"), idempotency_key="one")
        address = uploads.issue(request_of(), declared(bucket.id))

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
    record = uploads.ledger.read(address.upload_id)
    assert record is not None
    assert record.state == "failed"
    assert record.file_id is None


async def test_a_request_that_fails_leaves_alone_what_another_one_has_brought_meanwhile() -> None:
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), UploadLedger())
    address = uploads.issue(request_of(), declared("bucket_a"))
    ticket = uploads.open(urlsplit(address.url).path.removeprefix("/uploads/"))
    assert ticket is not None

    def while_another_worker_stores(_body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert uploads.claim(ticket, uploads.ledger.read(ticket.upload_id), "receiving")
        uploads.note(ticket, "stored", file=KnowledgeFile.model_validate(file("file_1")))
        return 403, {"error": {"code": "forbidden", "message": "No.", "retryable": False}}

    api = ScriptedCalypso(scripted={"POST /knowledge/files/upload-session": while_another_worker_stores})
    async with api.state() as state:
        app = Starlette(routes=[upload_route(uploads, state)])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
            answer = await http.put(address.url, headers={"Content-Range": "bytes */10"})
            again = await http.put(address.url, content=b"once more")

    assert answer.json()["error"] == "forbidden"
    record = uploads.ledger.read(ticket.upload_id)
    assert record is not None
    assert (record.state, record.file_id) == ("stored", "file_1")
    assert (again.status_code, again.json()["error"]) == (409, "already_used")


async def test_a_file_is_stored_also_where_that_cannot_be_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "one-time-uploads"
    uploads = OneTimeUploads(TicketSeal(b"s" * 32), UploadLedger(folder))

    async def while_the_disk_goes_away() -> AsyncGenerator[bytes]:
        yield b"a" * 500
        shutil.rmtree(folder)
        yield b"a" * 500

    async with opened(settings_from({"data_dir": str(tmp_path / "data")}, {})) as backends:

        def backend_for(_grant: AccessGrant) -> Backend:
            return backends.of_process()

        buckets = backends.of_process().client.buckets
        bucket = await buckets.create(CreateBucket(name="docs"), idempotency_key="one")
        address = uploads.issue(request_of(), declared(bucket.id))
        app = Starlette(routes=[upload_route(uploads, ServerState(backend_for=backend_for))])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
            answer = await http.put(
                address.url, content=while_the_disk_goes_away(), headers={"Content-Range": "bytes 0-999/1000"}
            )
        assert answer.status_code == 201
        assert (await backends.of_process().client.files.get(answer.json()["file_id"])).filename == "a.txt"
    assert "cannot be noted" in caplog.text
    assert address.url not in caplog.text
