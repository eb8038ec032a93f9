"""Sends the stored bytes of a source."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

import anyio
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send


class Original(FileResponse):
    """An open file: it arrives whole even if its source is removed before or while it is sent."""

    def __init__(
        self, content: BinaryIO, *, filename: str, media_type: str, headers: Mapping[str, str]
    ) -> None:
        """Send `content`, which is closed afterwards."""
        super().__init__(
            content.name,
            filename=filename,
            media_type=media_type,
            headers=headers,
            stat_result=os.fstat(content.fileno()),
        )
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or the parts that are asked for."""
        with self._content:
            await super().__call__(scope, receive, send)

    @asynccontextmanager
    async def _open_file(self) -> AsyncGenerator[anyio.AsyncFile[Any]]:
        yield anyio.wrap_file(self._content)
