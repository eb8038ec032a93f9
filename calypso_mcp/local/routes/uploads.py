"""The upload address: GCS's resumable protocol. The address itself is the only credential.

Answers are plain text and status codes, as the storage host's are; no API key is asked for.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from functools import partial
from http import HTTPStatus

from anyio import CancelScope
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from calypso_mcp.domain.cross_origin import ANSWER_HEADERS, preflight_headers
from calypso_mcp.domain.limits import CHUNK_GRANULARITY
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.blobs import AlreadySealed, BlobBusy, Digests, HashMismatch, Partial
from calypso_mcp.local.http.exchange import refusal_for
from calypso_mcp.local.identifiers import new_id
from calypso_mcp.local.store import sessions
from calypso_mcp.local.store.sessions import CANCELLED, UPLOADED, SessionRow
from calypso_mcp.local.uploads.admission import UPLOAD_PATH

#: Bytes gathered before they are written, and so the most that one upload holds in memory.
_WRITE_BYTES = 1_048_576
_RESUME_INCOMPLETE = 308
_CLIENT_CLOSED = 499
_RANGE = re.compile(r"bytes (?:(?P<start>\d{1,18})-(?P<end>\d{1,18})|\*)/(?P<total>\d{1,18}|\*)", re.ASCII)


class Stop(Exception):
    """Ends the request with this answer."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.response = PlainTextResponse(text, status, dict(headers or {}))


async def receive(request: Request) -> Response:
    """Answer a PUT or DELETE to an upload address, or a browser that asks whether it may send one."""
    if request.method == "OPTIONS":
        # The same for every address: it says nothing of whether there is an upload.
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=preflight_headers("PUT", "DELETE"))
    backend: Backend = request.app.state.backend
    response: Response | None
    try:
        # One after the other: the requests of an upload take their turns in the order in which they came.
        session = await _session(backend, request.path_params["secret"])
        answer = _cancel if request.method == "DELETE" else _put
        response = await backend.turns.take(session.id, partial(answer, backend, request, session))
    except Stop as stop:
        response = stop.response
    except ClientDisconnect:
        response = PlainTextResponse("The connection ended early.", 503)
    except Exception as error:  # noqa: BLE001 - the outermost handler of the address
        response = PlainTextResponse("The bytes could not be stored.", refusal_for(error).status)
    response = response or PlainTextResponse("A newer request continues this upload.", 503)
    response.headers.update({**ANSWER_HEADERS, "X-Request-Id": new_id("req")})
    return response


async def _session(backend: Backend, secret: str) -> SessionRow:
    found = await backend.arrivals.find_session(secret)
    if found is None:
        raise Stop(404, "There is no upload at this address.")
    session, expires_at = found
    if expires_at <= backend.now() or session.state == CANCELLED:
        raise Stop(410, "This upload address has expired. Create the session again for a new one.")
    return session


async def _put(backend: Backend, request: Request, session: SessionRow) -> Response:
    length = request.headers.get("content-length", "")
    try:
        wanted = read_range(
            request.headers.get("content-range"),
            content_length=int(length) if length.isdecimal() else None,
            size_bytes=session.size_bytes,
        )
        if session.state == UPLOADED:
            return _finished(session)
        if wanted is None:
            stored = await backend.on_disk(partial(backend.blobs.stored, session.id, session.size_bytes))
            return _incomplete(stored)
        if session.size_bytes <= CHUNK_GRANULARITY and wanted == range(session.size_bytes):
            return await _store_whole(backend, request, session)
        blob = await backend.on_disk(partial(backend.blobs.open_partial, session.id, session.size_bytes))
        try:
            return await _store(backend, request, session, wanted, blob)
        finally:
            blob.close()
    except AlreadySealed:
        # The process ended between sealing the bytes and recording it.
        digests = await backend.on_disk(partial(backend.blobs.digests, session.id))
        return await _record(backend, session, digests)
    except HashMismatch:
        raise Stop(400, "The bytes do not match the announced hash; nothing was kept.") from None
    except BlobBusy:
        raise Stop(503, "Another request is already sending these bytes.", {"Retry-After": "1"}) from None


async def _store_whole(backend: Backend, request: Request, session: SessionRow) -> Response:
    """Store a file that comes in one piece, of which nothing would be kept if the connection broke."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > session.size_bytes:
            raise _too_long()
    if len(data) < session.size_bytes:
        return _incomplete(0)
    expected = read_hashes(request.headers.getlist("x-goog-hash"))
    return _finished(await backend.arrivals.store_whole(session, bytes(data), expected))


async def _store(
    backend: Backend, request: Request, session: SessionRow, part: range, blob: Partial
) -> Response:
    if part.start > blob.stored:
        raise Stop(
            503, f"Only {blob.stored} bytes are stored. Ask for the offset with 'bytes */' and resume there."
        )
    waiting = await _receive_body(backend, request, part, blob)
    if blob.stored + len(waiting) < session.size_bytes:
        return _incomplete(await backend.on_disk(partial(blob.acknowledge, waiting)))
    expected = read_hashes(request.headers.getlist("x-goog-hash"))
    return await _record(backend, session, await backend.on_disk(partial(blob.seal, waiting, expected)))


async def _receive_body(backend: Backend, request: Request, part: range, blob: Partial) -> bytes:
    """Write the body from where the stored bytes end; return the last of it, not yet written.

    Raises:
        ClientDisconnect: The connection was cut; what arrived is kept.
    """
    waiting = bytearray()
    position = part.start
    try:
        async for piece in request.stream():
            position += len(piece)
            # Bytes that are stored already are passed over, as are bytes beyond the announced size.
            new = min(len(piece), max(position - blob.stored - len(waiting), 0))
            waiting += piece[len(piece) - new : len(piece) - max(position - part.stop, 0)]
            if position > part.stop:
                break
            if len(waiting) >= _WRITE_BYTES:
                # Taken out first: what is cut off while it is written must not be written twice.
                block, waiting = bytes(waiting), bytearray()
                await backend.on_disk(partial(blob.append, block))
    except BaseException:
        # Shielded, so that a cut connection or a newer request does not cost the bytes that arrived.
        with CancelScope(shield=True):
            await backend.on_disk(partial(blob.append, bytes(waiting)))
        raise
    if position > part.stop:
        raise _too_long()
    return bytes(waiting)


async def _record(backend: Backend, session: SessionRow, digests: Digests) -> Response:
    mark = partial(sessions.mark_uploaded, stored={session.id: digests})
    # The bytes are safe on the disk; the record can be made again from them.
    await backend.database.write(mark, durable=False)
    return _finished(session.with_digests(digests))


async def _cancel(backend: Backend, _: Request, session: SessionRow) -> Response:
    def work(connection: sqlite3.Connection) -> bool:
        # Looked at again: other processes send and finalize, too.
        if any(row.state == UPLOADED for row in sessions.get_all(connection, [session.id]).values()):
            return False
        sessions.set_state(connection, [session.id], CANCELLED)
        backend.blobs.discard(session.id)
        return True

    if not await backend.database.write(work):
        raise Stop(400, "All bytes have arrived; there is nothing to cancel.")
    return PlainTextResponse("The upload was cancelled.", _CLIENT_CLOSED)


def _too_long() -> Stop:
    return Stop(400, "The body is longer than its Content-Range.")


def _incomplete(stored: int) -> Response:
    return Response(
        status_code=_RESUME_INCOMPLETE, headers={"Range": f"bytes=0-{stored - 1}"} if stored else {}
    )


def _finished(session: SessionRow) -> Response:
    stored = {
        "kind": "storage#object",
        "name": session.declaration.filename,
        "contentType": session.declaration.content_type,
        "size": str(session.size_bytes),
        "md5Hash": session.md5,
        "crc32c": session.crc32c,
    }
    return JSONResponse({name: value for name, value in stored.items() if value is not None})


def read_range(header: str | None, *, content_length: int | None, size_bytes: int) -> range | None:
    """Return the bytes that the request carries; None if it asks how many bytes are stored.

    A request without a Content-Range carries the whole object, whose announced size is `size_bytes`.

    Raises:
        Stop: It cannot be part of this object (400).
    """
    if header is None:
        part = range(size_bytes)
    else:
        matched = _RANGE.fullmatch(header.strip())
        if matched is None:
            raise Stop(400, "Content-Range must look like 'bytes 0-99/100' or 'bytes */100'.")
        if matched["total"] not in {"*", str(size_bytes)}:
            raise Stop(400, f"Content-Range names another total than the announced {size_bytes} bytes.")
        if matched["start"] is None:
            if content_length:
                raise Stop(400, "A request with 'bytes */' has no body.")
            return None
        part = range(int(matched["start"]), int(matched["end"]) + 1)
    if part.stop <= part.start or part.stop > size_bytes:
        raise Stop(400, f"The range lies outside the announced {size_bytes} bytes.")
    if content_length is not None and content_length != part.stop - part.start:
        raise Stop(400, f"The body has {content_length} bytes, but its range has {part.stop - part.start}.")
    return part


def read_hashes(headers: Iterable[str]) -> dict[str, str]:
    """Return the base64 hashes of `X-Goog-Hash` headers by name; unknown kinds are left out."""
    found: dict[str, str] = {}
    for entry in ",".join(headers).split(","):
        name, _, value = entry.strip().partition("=")
        if name in {"crc32c", "md5"} and value:
            found[name] = value
    return found


ROUTES = (Route(UPLOAD_PATH, receive, methods=["PUT", "DELETE", "OPTIONS"]),)
