"""A real MCP client on a real server, in both protocol eras."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client

from calypso_mcp.server.build import build_server
from tests.support.mcp_answers import Connect
from tests.support.scripted_calypso import ScriptedCalypso, agent, bucket, file
from tests.support.upload_rig import Rig, upload_rig


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    """How the client opens: `auto` negotiates 2026-07-28, `legacy` the initialize handshake."""
    return request.param


@pytest.fixture
def api() -> ScriptedCalypso:
    """A team with three buckets, their files and agents."""
    return ScriptedCalypso(
        buckets=[
            bucket("handbook", files=("file_h1", "file_h2")),
            bucket("pricing", files=("file_p1",), pending=1),
            bucket("vault", files=("file_s1",), name="Top Vault"),
        ],
        agents=[
            agent("support", "handbook", "pricing"),
            agent("spy", "vault", name="The spy"),
            agent("mixed", "handbook", "vault"),
            {"id": "calypso-agent", "source": "default_policy", "enabled": True},
        ],
        files={
            "file_h1": file("file_h1", "handbook"),
            "file_s1": file("file_s1", "vault"),
            "file_both": file("file_both", "handbook", "vault"),
        },
        tasks={
            "task_h1": {"id": "task_h1", "status": "indexed", "knowledge_id": "file_h1"},
            "task_s1": {"id": "task_s1", "status": "indexed", "knowledge_id": "file_s1"},
        },
        batches={
            "batch_s": {
                "id": "batch_s",
                "status": "active",
                "items": [{"client_file_id": "c1", "status": "active", "knowledgeId": "file_s1"}],
            },
        },
    )


@pytest.fixture
def connect(api: ScriptedCalypso, era: str) -> Connect:
    """Return `connect(**decisions)`: a client of a server with the operator's decisions."""

    @asynccontextmanager
    async def open_client(**decisions: Any) -> AsyncGenerator[Client]:
        with anyio.fail_after(30):
            async with api.state(**decisions) as state, Client(build_server(state), mode=era) as client:
                yield client

    return open_client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The allowed folder, empty; `outside.md` lies beside it."""
    inside = tmp_path / "allowed"
    inside.mkdir()
    (tmp_path / "outside.md").write_text("out of reach")
    return inside


@pytest.fixture
async def rig(folder: Path, tmp_path: Path, era: str) -> AsyncGenerator[Rig]:
    """A client of a server on an embedded backend, with an empty bucket `docs`."""
    async with upload_rig(tmp_path / "data", folder, era=era) as opened:
        await opened.ok("create_bucket", name="Docs", slug="docs")
        yield opened
