"""Runs the embedded backend on a free port, prints the port, and serves until told to stop.

`python -m tests.support.backend_process DATA_DIR API_KEY OPTIONS`, OPTIONS being a literal of keyword
arguments for `LocalOptions`. Two more say what a file's name does to the process while it is indexed:
`hangs_on` keeps it there for good, `dies_of` ends it at once. With `endless` no answer of an agent ever ends.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

import anyio
from starlette.types import ASGIApp, Receive, Scope, Send

from calypso_mcp.api.answers import TEXT_DONE
from calypso_mcp.api.paths import RESPONSES
from calypso_mcp.cli.process.listening import listen, serve
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.app import open_backend
from calypso_mcp.local.indexing import extraction
from calypso_mcp.local.options import EmbeddingOptions, LocalOptions


class _ScriptedExtractor(extraction.Extractor):
    """Does what a hostile file would do to the process."""

    hangs_on = ""
    dies_of = ""

    def read_small(self, path: Path, declared: Declaration) -> Any:
        if declared.filename == self.dies_of:
            os._exit(9)
        if declared.filename == self.hangs_on:
            return None
        return super().read_small(path, declared)

    async def extract(self, path: Path, declared: Declaration, **told: Any) -> Any:
        if declared.filename == self.dies_of:
            os._exit(9)
        if declared.filename == self.hangs_on:
            await anyio.sleep_forever()
        return await super().extract(path, declared, **told)


class _Endless:
    """Answers every question with a stream of events that goes on for as long as anybody listens."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith(RESPONSES):
            await self._app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        done = json.dumps({"type": TEXT_DONE, "text": "x" * 2_000})
        events = f"event: {TEXT_DONE}\ndata: {done}\n\n".encode() * 16
        async with anyio.create_task_group() as tasks:

            async def listen() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(listen)
            while True:
                await send({"type": "http.response.body", "body": events, "more_body": True})
                await anyio.lowlevel.checkpoint()  # sending to nobody gives no other task a turn


def main() -> None:
    data_dir, api_key, options = sys.argv[1:]
    fields: dict[str, Any] = {"creates_per_second": None, "poll_s": 0.05, **ast.literal_eval(options)}
    if "embeddings" in fields:
        fields["embeddings"] = EmbeddingOptions(**fields["embeddings"])
    _ScriptedExtractor.hangs_on = fields.pop("hangs_on", "")
    _ScriptedExtractor.dies_of = fields.pop("dies_of", "")
    extraction.Extractor = _ScriptedExtractor
    is_endless = fields.pop("endless", False)
    anyio.run(_serve, LocalOptions(Path(data_dir), api_key, **fields), is_endless)


async def _serve(options: LocalOptions, is_endless: bool) -> None:
    async with open_backend(options) as app:
        with listen("127.0.0.1", 0) as listening:
            print(listening.getsockname()[1], flush=True)
            await serve(_Endless(app) if is_endless else app, listening)


if __name__ == "__main__":
    main()
