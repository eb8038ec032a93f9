"""Many API keys in one process: what they share, and what they must not."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from calypso_mcp.assembly.access import Callers, callers
from calypso_mcp.assembly.backends import Backends, client_policies, open_backends
from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.errors import AuthenticationFailed
from calypso_mcp.server.access.credentials import grant_of_token
from calypso_mcp.settings import settings_from
from tests.support.served_app import serving


@dataclass
class Calypso:
    """Accepts every key but revoked ones, and gives each a cookie."""

    revoked: set[str] = field(default_factory=set[str])
    cookies: list[str] = field(default_factory=list[str])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        key = request.headers["authorization"].removeprefix("Bearer ")
        self.cookies.extend(request.headers.getlist("cookie"))
        if key in self.revoked:
            answer = JSONResponse({"error": {"code": "unauthorized", "message": "No."}}, 401)
        else:
            answer = JSONResponse({"team_id": "t", "buckets": []})
        answer.set_cookie("session", key)
        await answer(scope, receive, send)


@asynccontextmanager
async def backends_of(calypso: Calypso) -> AsyncGenerator[Backends]:
    async with serving(calypso) as port:
        settings = settings_from(
            {"caller_key_header": "Calypso-Api-Key", "api_base_url": f"http://127.0.0.1:{port}/v1"}, {}
        )
        async with open_backends(settings) as backends:
            yield backends


async def test_all_keys_share_one_tls_context(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0
    load = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *args: object, **named: object) -> None:
        nonlocal made
        made += 1
        load(context, *args, **named)  # pyright: ignore[reportArgumentType] - passed on as it came

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    async with backends_of(Calypso()) as backends:
        for number in range(5):
            assert await backends.accepts(SecretStr(f"sk-{number}"))
            await backends.of_key(SecretStr(f"sk-{number}")).client.buckets.list()
    assert made <= 1


async def test_a_cookie_set_for_one_key_is_not_sent_with_another() -> None:
    calypso = Calypso()
    async with backends_of(calypso) as backends:
        for key in ("sk-one", "sk-two"):
            assert await backends.accepts(SecretStr(key))
            await backends.of_key(SecretStr(key)).client.buckets.list()
    assert calypso.cookies == []


async def test_the_backends_of_only_so_many_keys_are_kept_and_a_dropped_one_still_works() -> None:
    async with backends_of(Calypso()) as backends:
        first = backends.of_key(SecretStr("sk-first"))
        assert backends.of_key(SecretStr("sk-first")) is first
        for number in range(300):
            backends.of_key(SecretStr(f"sk-{number}"))
        assert backends.of_key(SecretStr("sk-first")) is not first
        assert (await first.client.buckets.list()).buckets == ()


def by_own_key(backends: Backends) -> Callers:
    return callers(settings_from({"caller_key_header": "Calypso-Api-Key"}, {}), backends.accepts)


async def test_a_revoked_key_is_explained_to_the_caller_who_sends_it() -> None:
    calypso = Calypso()
    async with backends_of(calypso) as backends:
        known = by_own_key(backends)
        assert known.control is not None
        token = await known.control.verifier.verify_token("sk-soon-revoked")
        assert token is not None
        grant = grant_of_token(token)
        calypso.revoked.add("sk-soon-revoked")
        with pytest.raises(AuthenticationFailed) as caught:
            await known.find_backend(backends, grant).client.buckets.list()
    assert "Calypso-Api-Key" in caught.value.hint
    assert "operator" not in caught.value.hint


async def test_a_forgotten_key_is_explained_to_the_caller_who_sends_it() -> None:
    async with backends_of(Calypso()) as backends:
        known = by_own_key(backends)
        with pytest.raises(AuthenticationFailed) as caught:
            known.find_backend(backends, AccessGrant("key-x", key_reference="caller:x"))
    assert "Calypso-Api-Key" in caught.value.hint


@pytest.mark.parametrize(
    ("variables", "files"),
    [
        ({"CALYPSO_BACKEND": "embedded"}, 32),
        ({"CALYPSO_API_KEY": "sk_test"}, 8),
        ({"CALYPSO_BACKEND": "embedded", "CALYPSO_PARALLEL_UPLOADS": "3"}, 3),
    ],
)
def test_more_files_at_once_go_to_the_embedded_calypso_unless_a_number_is_set(
    variables: dict[str, str], files: int
) -> None:
    assert client_policies(settings_from({}, variables)).parallel_uploads == files
