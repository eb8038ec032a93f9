"""Every test here runs against the backend in this process and on a port."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.support.live_backend import Api, in_process, options_for, over_socket


@pytest.fixture(params=[in_process, over_socket], ids=["in process", "socket"])
async def api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Api]:
    async with request.param(options_for(tmp_path / "data")) as reached:
        yield reached
