"""What the settings make of callers over HTTP."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from calypso_mcp.assembly.access import Callers, callers
from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.access.access_file.tokens import hash_token
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


def test_keys_of_agents_are_not_ignored_in_silence_where_the_embedded_calypso_is_served(
    tmp_path: Path,
) -> None:
    (tmp_path / "key").write_text("sk_canary_agent")
    file = tmp_path / "access.toml"
    agent = f'[agents.one]\ntoken_hash = "{hash_token("t")}"\nall_buckets = true\n'
    file.write_text(agent + 'api_key_file = "key"\n')

    with pytest.raises(ConfigError, match="names Calypso API keys") as raised:
        of(access_file=str(file))
    assert "--backend hosted" in raised.value.hint
    assert of(access_file=str(file), backend="hosted").control is not None
    file.write_text(agent)
    assert of(access_file=str(file)).control is not None
