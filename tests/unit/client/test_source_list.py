"""Lists of sources, page by page."""

from __future__ import annotations

import pytest

from calypso_mcp.errors import ContractError
from tests.support.faulty_transport import scripted_client

SOURCES = "GET /v1/knowledge/sources"


async def test_pages_that_go_in_circles_come_to_an_end() -> None:
    first = {"sources": [{"id": "f1", "name": "a"}], "next_cursor": "two"}
    second = {"sources": [{"id": "f2", "name": "b"}], "next_cursor": "three"}
    third = {"sources": [{"id": "f3", "name": "c"}], "next_cursor": "two"}
    client, _ = scripted_client({SOURCES: [first, second, third]})
    async with client:
        with pytest.raises(ContractError, match="never ends"):
            assert [source async for source in client.sources.every("docs")]


async def test_every_page_is_listed_once() -> None:
    first = {"sources": [{"id": "f1", "name": "a"}], "next_cursor": "two"}
    client, _ = scripted_client({SOURCES: [first, {"sources": [{"id": "f2", "name": "b"}]}]})
    async with client:
        assert [source.id async for source in client.sources.every("docs")] == ["f1", "f2"]
