"""What lists offer and calls use while a backend does not say what it can do."""

from __future__ import annotations

import httpx2
import pytest

from calypso_mcp.api.connection import Extension
from calypso_mcp.errors import AuthenticationFailed
from calypso_mcp.server.backend import Backend
from tests.support.faulty_transport import problem, scripted_client

CONNECTION = "GET /v1/connection"


async def test_a_backend_that_fails_to_say_is_used_as_published_and_lists_offer_everything() -> None:
    client, _ = scripted_client({CONNECTION: [problem(500)]})
    async with client:
        backend = Backend.of(client, "hosted")
        assert await backend.abilities_to_offer() == frozenset(Extension)
        assert await backend.abilities() == frozenset()
        assert not await backend.can(Extension.REPLACE)
        assert await backend.abilities_to_offer() == frozenset(Extension)


@pytest.mark.parametrize("answer", [{"extensions": ["qa"]}, {}, problem(404)])
async def test_a_backend_that_says_is_asked_once(answer: dict[str, list[str]] | httpx2.Response) -> None:
    client, api = scripted_client({CONNECTION: [answer, problem(500)]})
    async with client:
        backend = Backend.of(client, "hosted")
        known = frozenset({Extension.QA}) if isinstance(answer, dict) and answer else frozenset[Extension]()
        assert await backend.abilities_to_offer() == await backend.abilities() == known
    assert len(api.requests) == 1


async def test_a_refused_key_is_an_error() -> None:
    client, _ = scripted_client({CONNECTION: [problem(401)]})
    async with client:
        with pytest.raises(AuthenticationFailed):
            await Backend.of(client, "hosted").abilities()
