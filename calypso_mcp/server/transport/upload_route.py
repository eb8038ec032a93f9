"""PUT to a one-time address: checked, then streamed on to the storage, and finalized.

It answers as the storage itself would, so that any client of resumable uploads works: 201 when the file is
finalized, 308 with `Range` while bytes are missing. A plain `curl --upload-file` works as well.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calypso_mcp.api.files import CreateUploadSession
from calypso_mcp.api.states import state_of_file
from calypso_mcp.client.uploading.relayed_upload import StreamEnded, StreamSource
from calypso_mcp.concurrency import run_in_background
from calypso_mcp.domain.cross_origin import preflight_headers
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.errors import CalypsoError, ContentError, ScopeError, SessionExpired
from calypso_mcp.server.access.answers import failure, refusal
from calypso_mcp.server.access.credentials import UPLOADS_PREFIX, grant_of_http
from calypso_mcp.server.access.upload_quotas import Admission, Arrival
from calypso_mcp.server.batches.batch_reports import earlier_line
from calypso_mcp.server.one_time.one_time_uploads import OneTimeUploads, record_of
from calypso_mcp.server.one_time.tickets import Ticket, mark_of
from calypso_mcp.server.one_time.upload_ledger import State, UploadRecord
from calypso_mcp.server.scope.request_scope import Access
from calypso_mcp.server.scope.scoped_lookup import find_arrived
from calypso_mcp.server.state import ServerState
from calypso_mcp.server.transport.upload_requests import Part, Refused, Seen, read_part

if TYPE_CHECKING:
    from calypso_mcp.api.files import KnowledgeFile
    from calypso_mcp.client import CalypsoClient
    from calypso_mcp.domain.callers.access import AccessGrant
    from calypso_mcp.domain.uploads.declaration import Declaration

_log = logging.getLogger(__name__)

#: Longest silence of a sender, in seconds.
_SILENCE_S = 60.0


def upload_route(uploads: OneTimeUploads, state: ServerState) -> Route:
    """Return the route of all one-time addresses."""
    return Route(
        UPLOADS_PREFIX + "{ticket}", UploadEndpoint(uploads, state).answer, methods=["PUT", "OPTIONS"]
    )


class UploadEndpoint:
    """Serves the PUTs to one-time addresses of one worker."""

    def __init__(self, uploads: OneTimeUploads, state: ServerState) -> None:
        self._uploads = uploads
        self._ledger = uploads.ledger
        self._state = state

    async def answer(self, request: Request) -> Response:
        """Answer a PUT, or a browser that asks whether it may send one."""
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=preflight_headers("PUT"))
        try:
            ticket = self._uploads.open(request.path_params["ticket"])
        except SessionExpired as error:
            return failure(error)
        if ticket is None:
            return refusal(404, "not_found", "There is nothing at this address.")
        try:
            return await self._take(ticket, request)
        except Refused as error:
            return refusal(*error.answer)
        except CalypsoError as error:
            await self._note(record_of(ticket, _after(error), error=error))
            return _failed(ticket, error)

    async def _take(self, ticket: Ticket, request: Request) -> Response:
        """Take in what a PUT carries.

        Raises:
            Refused: Its headers make no sense.
            CalypsoError: The upload was claimed for this request, and failed.
        """
        part = read_part(request, ticket.most_bytes)
        record = await self._ledger.read(ticket.upload_id)
        if (taken := _taken(record, self._uploads.policy.claimed_s)) is not None:
            return taken
        grant, quotas = grant_of_http(request), self._state.quotas
        try:
            access = await self._access(ticket, grant)
            await self._require_unused(ticket, access)
            delivery = _Delivery(ticket, request, part, access.client)
            if (kept := await delivery.kept_before_gap()) is not None:
                return _incomplete(kept)
            before = await _require_replaceable(access, ticket.declaration)
            admission = await quotas.admit(grant, [delivery.arrival.in_place_of(before)])
            admission.require()
        except CalypsoError as error:
            # Only as a claim: another process may have begun to receive the file meanwhile.
            await self._ledger.claim(record_of(ticket, _after(error), error=error), record)
            return _failed(ticket, error)
        if not await self._ledger.claim(record_of(ticket, "receiving"), record):
            return _in_use()
        try:
            file = await self._receive(delivery)
        except StreamEnded:
            await self._note(record_of(ticket, "interrupted"))
            return _incomplete(await delivery.kept())
        except CalypsoError as error:
            await quotas.settle(grant, admission, [FileState.of_error(error)])
            raise
        access.backend.catalogue.forget()
        delivery.seen.check_is(file)
        await access.client.uploads.note_sent(ticket.declaration, file.id)
        await self._note_stored(ticket, file, grant, admission)
        return _stored(ticket, file, before)

    async def _receive(self, delivery: _Delivery) -> KnowledgeFile:
        """Pass on what arrives, as long as its caller may send it; errors as `RelayedUpload.run`."""
        ticket, part = delivery.ticket, delivery.part
        async with run_in_background(lambda: self._keep_claim(ticket)):
            blocks = self._blocks(delivery)
            if not part.start:
                blocks = await self._recognized(ticket, blocks)
            source = StreamSource(blocks, start=part.start, end=part.end, size_bytes=part.total)
            return await delivery.store(source, check=lambda: self._check(ticket))

    async def _note_stored(
        self, ticket: Ticket, file: KnowledgeFile, grant: AccessGrant, admission: Admission
    ) -> None:
        try:
            await self._ledger.write(record_of(ticket, "stored", file=file))
            await self._state.quotas.settle(grant, admission, [state_of_file(file)])
        except CalypsoError as error:
            # The file is stored all the same; its sender would take any other answer for a loss.
            _log.warning("one-time upload %s: its end cannot be noted: %s", ticket.upload_id, error)
        _log.info("one-time upload %s stored as %s", ticket.upload_id, file.id)

    async def _require_unused(self, ticket: Ticket, access: Access) -> None:
        """Ask the API, which every machine shares, whether a file came with this ticket already."""
        file = await find_arrived(access, ticket.upload_id, ticket.place)
        if file is not None:
            await self._ledger.write(record_of(ticket, "stored", file=file))
            raise Refused(409, "already_used", _used(file.id))

    async def _access(self, ticket: Ticket, grant: AccessGrant | None) -> Access:
        """Return what the ticket's caller may use, whose reach may have shrunk since.

        Raises:
            ScopeError: The caller may no longer call or write, or the bucket is no longer within reach.
        """
        if grant is None:
            raise ScopeError
        access = Access(self._state, grant)
        if grant.read_only or not (await access.scope(fresh=True)).allows(ticket.bucket_id):
            raise ScopeError
        return access

    async def _check(self, ticket: Ticket) -> None:
        await self._access(ticket, await self._uploads.grant(ticket))

    async def _blocks(self, delivery: _Delivery) -> AsyncGenerator[bytes]:
        checked_at = time.monotonic()
        stream = delivery.request.stream()
        try:
            while True:
                with anyio.fail_after(_SILENCE_S):
                    block = await anext(stream, b"")
                if not block:
                    return
                if time.monotonic() - checked_at >= self._uploads.policy.checked_every_s:
                    checked_at = time.monotonic()
                    await self._check(delivery.ticket)
                delivery.seen.add(block)
                yield block
        except (ClientDisconnect, TimeoutError):
            raise StreamEnded from None

    async def _recognized(self, ticket: Ticket, blocks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """Return `blocks` after a look at the first of them, before anything is declared to Calypso.

        Raises:
            ContentError: The backend cannot read such a file.
        """
        from calypso_mcp.domain.files.text_bytes import HEAD_BYTES

        head = bytearray()
        async for block in blocks:
            head += block
            if len(head) >= HEAD_BYTES:
                break
        declared = ticket.declaration
        self._state.files.check_format(declared.filename, bytes(head[:HEAD_BYTES]), declared.media_type)
        return _preceded(bytes(head), blocks)

    async def _keep_claim(self, ticket: Ticket) -> None:
        """Note again and again that the file is arriving: a worker that was killed stops doing so."""
        while True:
            await anyio.sleep(self._uploads.policy.noted_every_s)
            await self._note(record_of(ticket, "receiving"))

    async def _note(self, record: UploadRecord) -> None:
        """Note how far an upload has come, if that is possible: its sender learns it anyway."""
        try:
            await self._ledger.write(record)
        except CalypsoError as error:
            _log.warning("one-time upload %s: its state cannot be noted: %s", record.upload_id, error)


class _Delivery:
    """What one PUT brings to an address, on its way through `client` to the storage.

    All PUTs of one file share the key under which the storage continues it; another size is another file.
    """

    def __init__(self, ticket: Ticket, request: Request, part: Part, client: CalypsoClient) -> None:
        self.ticket, self.request, self.part = ticket, request, part
        self.seen = Seen(part.total)
        self.arrival = Arrival(
            ticket.declaration.destination.names[0], f"{ticket.upload_id} {part.total}", part.total
        )
        relay, upload = client.uploads.relay, CreateUploadSession.of(ticket.declaration, part.total)
        key = f"one-time-{mark_of(ticket.upload_id)['upload_id']}"
        origin = request.headers.get("origin")
        #: Returns how many bytes of the file the storage has.
        self.kept = partial(relay.kept, upload, idempotency_key=key, origin=origin)
        #: Brings the rest of the file to the storage.
        self.store = partial(relay.run, upload, idempotency_key=key, origin=origin)

    async def kept_before_gap(self) -> int | None:
        """Return `kept` if the request only asks for it, or its bytes do not follow; None if it may go on."""
        if not self.part.asks and not self.part.start:
            return None
        kept = await self.kept()
        follows = not self.part.asks and self.part.start <= kept
        return None if follows or kept >= self.part.total else kept


async def _require_replaceable(access: Access, declared: Declaration) -> FileState | None:
    """Return the version that the bucket holds before; ContentError if it keeps that one."""
    before = await access.client.uploads.version_before(declared)
    if before is not None and before.earlier == "kept":
        raise ContentError(
            f"The bucket already holds a source with this name ({before.earlier_id}) and keeps it.",
            code="source_exists",
            hint="Ask for an address with if_exists=replace.",
        )
    return before


async def _preceded(head: bytes, blocks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield head
    async for block in blocks:
        yield block


def _after(error: CalypsoError) -> State:
    return "interrupted" if error.retryable else "failed"


def _failed(ticket: Ticket, error: CalypsoError) -> Response:
    _log.warning("one-time upload %s: %s", ticket.upload_id, error.code)
    return failure(error)


def _taken(record: UploadRecord | None, claimed_s: float) -> Response | None:
    """Return the answer to a request that comes too late: the file is here, or arriving."""
    if record is None:
        return None
    if record.state == "stored":
        return refusal(409, "already_used", _used(record.file_id))
    # A claim from the future is void, too: the clock was set back.
    is_arriving = record.state == "receiving" and abs(time.time() - record.changed_at) < claimed_s
    return _in_use() if is_arriving else None


def _used(file_id: str | None) -> str:
    return f"This address has been used: the file is {file_id}."


def _in_use() -> Response:
    # 503, so that a plain curl tries again by itself: the worker that was receiving may have been killed.
    return refusal(503, "in_use", "Another file is already arriving at this address.", {"Retry-After": "5"})


def _incomplete(kept: int) -> Response:
    headers = {"Range": f"bytes=0-{kept - 1}"} if kept else {}
    return Response(status_code=308, headers=headers)


def _stored(ticket: Ticket, file: KnowledgeFile, before: FileState | None) -> Response:
    body = {
        "upload_id": ticket.upload_id,
        "file_id": file.id,
        "task_id": file.task_id,
        "status": file.status,
        **({"earlier": earlier_line(before, is_searchable=False)} if before else {}),
        "next_step": f"Call wait_for_bucket_sync with file_ids=['{file.id}'].",
    }
    return JSONResponse(body, status_code=201, headers={"Cache-Control": "no-store"})
