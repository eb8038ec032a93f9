"""What the HTTP library may write about our requests."""

from __future__ import annotations

import logging

import httpx2
import pytest

from calypso_mcp.client.policies import ClientPolicies
from calypso_mcp.client.transport.connections import Connections


async def test_the_http_library_never_logs_an_upload_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="httpx2")
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200))
    connections = Connections("https://api.calypso.so/v1", ClientPolicies(), transport=transport)

    await connections.storage.put(
        "https://storage.example/upload/top-secret?upload_id=top-secret", content=b"x"
    )
    await connections.aclose()

    assert "HTTP Request: PUT https://storage.example " in caplog.text
    assert "top-secret" not in caplog.text
