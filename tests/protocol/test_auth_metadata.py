"""Every way to log in answers a stranger 401 and says, over the wire, where to read what is needed."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp.shared.exceptions import MCPError

from calypso_mcp.server.access.access_file import tokens
from tests.support.live_backend import API_KEY, options_for, serving
from tests.support.team_server import BOUND_S, Worker, call

WELL_KNOWN = "/.well-known/oauth-protected-resource"
_METADATA = re.compile(r'resource_metadata="([^"]*)"')


@dataclass(frozen=True)
class Protected:
    """A protected server, and the header that lets one in."""

    worker: Worker
    login: dict[str, str]

    @property
    def origin(self) -> str:
        return self.worker.origin

    @asynccontextmanager
    async def client(self, era: str, http: httpx2.AsyncClient) -> AsyncGenerator[Client]:
        with anyio.fail_after(BOUND_S):
            async with Client(
                streamable_http_client(f"{self.origin}/mcp", http_client=http), mode=era
            ) as client:
                yield client


@contextmanager
def protected(way: str, folder: Path, **settings: str) -> Generator[Protected]:
    """Run a server whose callers log in by access file, or with a key in the header called `way`."""
    environment = {"CALYPSO_DATA_DIR": str(folder / "mcp"), "CALYPSO_LOG_LEVEL": "debug", **settings}
    with serving(options_for(folder / "calypso")) as calypso:
        if way == "access file":
            token = tokens.new_token("one")
            entry = f'[agents.one]\ntoken_hash = "{tokens.hash_token(token)}"\nall_buckets = true\n'
            (folder / "access.toml").write_text(entry)
            environment |= {"CALYPSO_ACCESS_FILE": str(folder / "access.toml")}
            login = {"Authorization": f"Bearer {token}"}
        else:
            environment |= {"CALYPSO_API_BASE_URL": f"{calypso}/v1", "CALYPSO_CALLER_KEY_HEADER": way}
            login = {way: f"Bearer {API_KEY}" if way == "Authorization" else API_KEY}
        worker = Worker(environment)
        try:
            yield Protected(worker, login)
        finally:
            worker.stop()


WAYS = ["access file", "Authorization", "Calypso-Api-Key"]


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Protected]:
    with protected(request.param, tmp_path_factory.mktemp("way")) as running:
        yield running


async def test_the_401_leads_to_a_document_that_is_true(server: Protected) -> None:
    async with httpx2.AsyncClient() as http:
        for path in ("/mcp", "/mcp?buckets=docs", "/uploads/x", "/readyz", "/unknown", WELL_KNOWN):
            refused = await http.post(server.origin + path)
            assert refused.status_code == 401
            found = _METADATA.search(refused.headers["www-authenticate"])
            assert found
            assert found[1] == f"{server.origin}{WELL_KNOWN}/mcp"
        answer = await http.get(found[1])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    # RFC 9728, section 3.3: the very address whose path the well-known one was made from.
    assert document["resource"] == f"{server.origin}/mcp"
    assert "authorization_servers" not in document
    takes_bearer = "Calypso-Api-Key" not in server.login
    assert document["bearer_methods_supported"] == (["header"] if takes_bearer else [])
    for name in set(server.login) - {"Authorization"}:
        assert f'ApiKey realm="calypso-mcp", header="{name}"' in refused.headers["www-authenticate"]
        assert name in refused.json()["error_description"]


async def test_the_401_says_in_one_sentence_that_there_is_no_sign_in_and_what_to_send(
    server: Protected,
) -> None:
    (header,) = server.login
    slips = [{}, {header: "Bearer sk-with-a-space"}, {header: "sk-wrong"}]
    async with httpx2.AsyncClient() as http:
        answers = [await http.post(f"{server.origin}/mcp", headers=slip) for slip in slips]
    for answer in answers:
        assert answer.status_code == 401
        said = answer.json()["error_description"]
        assert said.startswith("This server has no sign-in: send the header ")
        assert header in said
        assert "key" in said or "token that the operator" in said
        assert said.count(". ") == 0
        assert f'error_description="{said}"' in answer.headers["www-authenticate"]


async def test_the_document_names_no_host_that_was_not_checked(server: Protected) -> None:
    port = server.origin.rpartition(":")[2]
    async with httpx2.AsyncClient() as http:
        for path in ("/mcp", f"{WELL_KNOWN}/mcp"):
            for host in (
                "evil.example",
                f'localhost:{port}"',
                f"localhost:{port}@evil.example",
                "localhost:x",
            ):
                answer = await http.get(server.origin + path, headers={"Host": host})
                assert answer.status_code == 421
                assert "evil.example" not in answer.text + str(answer.headers)
            origin = {"Origin": "https://evil.example"}
            assert (await http.get(server.origin + path, headers=origin)).status_code == 403
        other = await http.get(f"{server.origin}{WELL_KNOWN}/mcp", headers={"Host": f"localhost:{port}"})
        assert other.json()["resource"] == f"http://localhost:{port}/mcp"


class NothingKept:
    """A client's storage of tokens that has none."""

    async def get_tokens(self) -> None: ...

    async def set_tokens(self, tokens: OAuthToken) -> None: ...

    async def get_client_info(self) -> None: ...

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None: ...


async def _no_browser(_url: str) -> None:
    raise AssertionError("there is nobody to send a person to")


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_client_that_would_log_in_by_oauth_fails_at_once_and_says_why(
    server: Protected, era: str
) -> None:
    oauth = OAuthClientProvider(
        f"{server.origin}/mcp",
        OAuthClientMetadata.model_validate({"redirect_uris": ["http://localhost:3/done"]}),
        NothingKept(),
        redirect_handler=_no_browser,
    )
    async with httpx2.AsyncClient(auth=oauth) as http:
        with pytest.RaisesGroup(
            pytest.RaisesExc(OAuthFlowError, match="401.*no sign-in"), flatten_subgroups=True
        ):
            async with server.client(era, http):
                pass


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_client_with_a_wrong_credential_gets_an_error_and_with_the_right_one_an_answer(
    server: Protected, era: str
) -> None:
    wrong: dict[str, Any] = {name: f"{value}x" for name, value in server.login.items()}
    async with httpx2.AsyncClient(headers=wrong) as http:
        with pytest.RaisesGroup(MCPError, flatten_subgroups=True):
            async with server.client(era, http):
                pass
    async with httpx2.AsyncClient(headers=server.login) as http, server.client(era, http) as client:
        assert "buckets" in await call(client, "list_buckets")


@pytest.mark.parametrize("public", ["https://calypso.example", "https://calypso.example/mcp/"])
async def test_behind_a_proxy_everything_is_named_by_the_public_address(tmp_path: Path, public: str) -> None:
    with protected("access file", tmp_path, CALYPSO_PUBLIC_URL=public) as server:
        async with httpx2.AsyncClient() as http:
            for host in ({}, {"Host": "calypso.example"}):
                refused = await http.get(f"{server.origin}/mcp", headers=host)
                found = _METADATA.search(refused.headers["www-authenticate"])
                assert found
                assert found[1] == f"https://calypso.example{WELL_KNOWN}/mcp"
                document = (await http.get(f"{server.origin}{WELL_KNOWN}/mcp", headers=host)).json()
                assert document["resource"] == "https://calypso.example/mcp"
