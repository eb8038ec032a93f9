"""The address that a client sends the bytes of an upload to."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import SecretStr
from starlette.requests import Request

from calypso_mcp.api.files import UploadTarget
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.store.sessions import Address

UPLOAD_PATH = "/upload/{secret}"


def build_upload_target(backend: Backend, request: Request, address: Address) -> UploadTarget:
    """Return the upload address of a session, with its expiry."""
    origin = backend.options.upload_origin or f"{request.url.scheme}://{request.url.netloc}"
    path = UPLOAD_PATH.format(secret=address.secret)
    return UploadTarget(
        session_id=address.session_id,
        upload_url=SecretStr(origin.rstrip("/") + path),
        expires_at=datetime.fromtimestamp(int(address.expires_at), UTC),
    )
