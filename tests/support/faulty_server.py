"""Our server in this process, an agent as its client, and an API that fails as a script says behind both."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from mcp.client import Client

from calypso_mcp.assembly.server import running_server
from calypso_mcp.settings import settings_from
from tests.support.fault_proxy import fault_proxy
from tests.support.fault_script import Script
from tests.support.faulty_calypso import API_KEY, FaultyCalypso, faulty_calypso
from tests.support.served_app import serving


@asynccontextmanager
async def faulty_server(
    parent: Path, folder: Path, script: Script
) -> AsyncGenerator[tuple[FaultyCalypso, Client]]:
    """Yield the API and the agent, who may upload from `folder`; everything is kept below `parent`."""
    async with (
        faulty_calypso(parent / "data", script) as calypso,
        serving(calypso.app) as port,
        fault_proxy(port, script) as proxy,
        running_server(
            settings_from(
                {
                    "api_base_url": f"{proxy.origin}/v1",
                    "allow_paths": [str(folder)],
                    "data_dir": str(parent / "memory"),
                },
                {"CALYPSO_API_KEY": API_KEY},
            )
        ) as server,
        Client(server) as agent,
    ):
        yield calypso, agent
