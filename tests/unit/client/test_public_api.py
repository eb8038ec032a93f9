"""What `calypso_mcp.client` exports, and the example that shows it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import calypso_mcp.client
from tests.support.live_backend import API_KEY, options_for, serving

EXAMPLE = Path(__file__).parents[3] / "examples" / "client_search.py"


def test_every_exported_name_is_there() -> None:
    for name in calypso_mcp.client.__all__:
        assert getattr(calypso_mcp.client, name).__name__ == name
        assert getattr(calypso_mcp.client, name).__doc__


async def test_the_example_finds_what_it_uploaded(tmp_path: Path) -> None:
    with serving(options_for(tmp_path)) as address:
        for outcome in ("accepted", "replayed"):
            example = await asyncio.create_subprocess_exec(
                sys.executable, str(EXAMPLE), f"{address}/v1", API_KEY, stdout=asyncio.subprocess.PIPE
            )
            output, _ = await asyncio.wait_for(example.communicate(), 60)
            assert example.returncode == 0
            said = output.decode()
            assert said.startswith(f"{outcome}, ready")
            assert "moon.md: " in said
            assert "a quarter as wide as the earth" in said
