"""The address that a client sends the bytes of an upload to."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import SecretStr
from starlette.requests import Request

from calypso_mcp.api.files import UploadTarget
from calypso_mcp.local.store.sessions import Address

UPLOAD_PATH = "/upload/{secret}"


def build_upload_target(request: Request, address: Address) -> UploadTarget:
    """Return the upload address of a session at the origin that `request` came to, with its expiry."""
    path = UPLOAD_PATH.format(secret=address.secret)
    return UploadTarget(
        session_id=address.session_id,
        upload_url=SecretStr(f"{request.url.scheme}://{request.url.netloc}{path}"),
        expires_at=datetime.fromtimestamp(int(address.expires_at), UTC),
    )
