"""What the settings make of callers over HTTP."""

from __future__ import annotations

import time

from pydantic import SecretStr

from calypso_mcp.assembly.access import Callers, callers
from calypso_mcp.domain.access import AccessGrant
from calypso_mcp.settings import settings_from

OAUTH = {
    "oauth_issuer": "https://id.example",
    "oauth_jwks_url": "https://id.example/keys",
    "oauth_audience": "calypso",
}


async def accepts_nothing(_key: SecretStr) -> bool:
    return False


def of(**flags: object) -> Callers:
    return callers(settings_from(flags, {}), accepts_nothing)


async def test_an_oauth_caller_may_call_until_the_token_expires() -> None:
    known = of(**OAUTH)
    lasting = AccessGrant("oauth:ann", expires_at=int(time.time()) + 3600)
    expired = AccessGrant("oauth:ann", expires_at=int(time.time()) - 1)

    assert await known.current_grant(lasting, None) == lasting
    assert await known.current_grant(expired, None) is None
