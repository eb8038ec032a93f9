"""The OAuth resource server over real connections: an issuer on loopback, a server process, an MCP client."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from anyio import to_thread
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.support.served_app import serving
from tests.support.team_server import Worker, call

PUBLIC = "https://mcp.example.com"
KEY = ec.generate_private_key(ec.SECP256R1())


def token(issuer: str, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": f"{PUBLIC}/mcp",
        "sub": "ann",
        "exp": now + 60,
        "calypso_buckets": ["docs"],
    }
    return jwt.encode(claims | changes, KEY, "ES256", {"kid": "k1"})


@asynccontextmanager
async def issuing() -> AsyncGenerator[str]:
    async def keys(_request: Request) -> JSONResponse:
        public = json.loads(ECAlgorithm.to_jwk(KEY.public_key()))
        return JSONResponse({"keys": [{**public, "kid": "k1", "use": "sig", "alg": "ES256"}]})

    async with serving(Starlette(routes=[Route("/jwks", keys)])) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"CALYPSO_DATA_DIR": str(tmp_path), "CALYPSO_PUBLIC_URL": PUBLIC, "CALYPSO_LOG_LEVEL": "debug"}


@pytest.mark.parametrize("ending", ["", "/"])
async def test_a_token_of_the_issuer_reaches_the_buckets_of_its_claim(
    environment: dict[str, str], ending: str
) -> None:
    async with issuing() as origin:
        issuer = origin + ending
        environment |= {"CALYPSO_OAUTH_ISSUER": issuer, "CALYPSO_OAUTH_JWKS_URL": f"{origin}/jwks"}
        worker = await to_thread.run_sync(Worker, {**environment, "CALYPSO_ALLOW_CREATE": "true"})
        try:
            good = token(issuer)
            headers = {"Authorization": f"Bearer {good}"}
            async with (
                httpx2.AsyncClient(headers=headers) as http,
                Client(streamable_http_client(f"{worker.origin}/mcp", http_client=http)) as client,
            ):
                await call(client, "create_bucket", name="docs", slug="docs")
                assert [bucket["slug"] for bucket in (await call(client, "list_buckets"))["buckets"]] == [
                    "docs"
                ]
            async with httpx2.AsyncClient(base_url=worker.origin) as http:
                await _strangers_are_told_where_to_go(http, issuer)
            assert good not in worker.log
        finally:
            await to_thread.run_sync(worker.stop)


async def _strangers_are_told_where_to_go(http: httpx2.AsyncClient, issuer: str) -> None:
    refused = await http.post("/mcp")
    assert refused.status_code == 401
    challenge = refused.headers["www-authenticate"]
    metadata = challenge.split('resource_metadata="')[1].split('"')[0]
    assert metadata == f"{PUBLIC}/.well-known/oauth-protected-resource/mcp"
    document = (await http.get(metadata.removeprefix(PUBLIC))).json()
    assert document["resource"] == f"{PUBLIC}/mcp"
    assert document["authorization_servers"] == [issuer]
    for wrong in (
        token(issuer, aud="https://other.example/mcp"),
        token("https://evil.example"),
        token(issuer, exp=int(time.time()) - 600),
        token(issuer)[:-8] + "AAAAAAAA",
    ):
        answer = await http.post("/mcp", headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == challenge
