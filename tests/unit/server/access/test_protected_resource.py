"""Where the metadata of a protected resource stands, and what it says."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from calypso_mcp.assembly.access import callers
from calypso_mcp.server.access.oauth.protected_resource import ProtectedResource
from calypso_mcp.settings import settings_from

WELL_KNOWN = "/.well-known/oauth-protected-resource"


async def never(_key: object) -> bool:
    raise AssertionError("no key is checked here")


async def document(resource: ProtectedResource) -> dict[str, Any]:
    transport = httpx2.ASGITransport(Starlette(routes=[resource.route()]))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
        answer = await http.get(resource.metadata_path)
        assert answer.status_code == 200
        return answer.json()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (None, f"{WELL_KNOWN}/mcp"),
        ("https://calypso.example", WELL_KNOWN),
        ("https://calypso.example/", WELL_KNOWN),
        ("https://calypso.example/team/mcp", f"{WELL_KNOWN}/team/mcp"),
    ],
)
async def test_the_document_stands_before_the_path_and_names_the_resource_as_it_is_known(
    url: str | None, path: str
) -> None:
    resource = ProtectedResource(url)
    assert resource.metadata_path == path
    assert (await document(resource))["resource"] == (url or "http://127.0.0.1:8000/mcp")


async def test_authorization_servers_and_scopes_are_listed_where_there_are_some() -> None:
    oauth = ProtectedResource(
        "https://a.example/mcp", authorization_servers=("https://id.example/",), scopes=("write",)
    )
    listed = await document(oauth)
    assert listed["authorization_servers"] == ["https://id.example/"]
    assert listed["scopes_supported"] == ["write"]
    assert not {"authorization_servers", "scopes_supported"} & (await document(ProtectedResource())).keys()


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"oauth_audience": "https://a.example/mcp"}, "https://a.example/mcp"),
        ({"oauth_audience": "calypso"}, None),
        ({"public_url": "https://a.example"}, "https://a.example/mcp"),
        ({"oauth_audience": "calypso", "public_url": "https://a.example"}, "https://a.example/mcp"),
    ],
)
def test_with_oauth_the_resource_is_the_public_address_or_an_audience_that_is_one(
    settings: dict[str, object], url: str | None
) -> None:
    oauth = {"oauth_issuer": "https://id.example", "oauth_jwks_url": "https://id.example/keys"}
    control = callers(settings_from({**oauth, **settings}, {}), never).control
    assert control is not None
    assert control.resource.url == url
    assert control.resource.authorization_servers == ("https://id.example",)
