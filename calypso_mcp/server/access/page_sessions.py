"""Sessions of the page of a protected server: the cookie is the token, checked again with each request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from calypso_mcp.errors import CalypsoError
from calypso_mcp.server.access.gate import AccessControl

#: What a cookie may hold as it is (RFC 6265, section 4.1.1), as long as browsers keep.
_COOKIE = re.compile(r"[!#-+\--:<-\[\]-~]{1,3800}")


class TokenSessions:
    """Lets a person in with a token of theirs, and no further than the token would.

    Nothing is kept here, so that any worker answers, and a token that is revoked ends its sessions.
    """

    asks_for: Literal["token"] = "token"

    def __init__(self, control: AccessControl) -> None:
        self._control = control

    async def begin(self, given: str) -> str | None:
        """Return the token; None if it is not valid, or cannot be checked now."""
        if not _COOKIE.fullmatch(given):
            return None
        try:
            token = await self._control.verifier.verify_token(given)
        except CalypsoError:
            return None
        return None if token is None else given

    async def headers(self, cookie: str) -> Mapping[str, str] | None:
        """Return the header with the token; whether it is still valid is decided behind it."""
        resource = self._control.resource
        if not _COOKIE.fullmatch(cookie):
            return None
        return {resource.header: f"Bearer {cookie}" if resource.takes_bearer_tokens else cookie}
