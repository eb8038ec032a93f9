"""Runs the embedded backend on a free port, prints the port, and serves until told to stop.

`python -m tests.support.backend_process DATA_DIR API_KEY OPTIONS`, OPTIONS being a literal of keyword
arguments for `LocalOptions`; `slow_indexing_s` among them holds every file in the extractor that long.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from socket import socket
from typing import Any

import anyio
import uvicorn

from calypso_mcp.local.app import LocalOptions, create_app
from calypso_mcp.local.indexing import worker


class _SlowExtractor(worker.Extractor):
    """Stays in the middle of indexing, so that a test can end the process there."""

    pause_s = 0.0

    async def extract(self, path: Path, *, filename: str, content_type: str) -> Any:
        document = await super().extract(path, filename=filename, content_type=content_type)
        await anyio.sleep(self.pause_s)
        return document


def main() -> None:
    data_dir, api_key, options = sys.argv[1:]
    fields: dict[str, Any] = {"creates_per_second": None, "poll_s": 0.05, **ast.literal_eval(options)}
    pause_s = fields.pop("slow_indexing_s", 0.0)
    if pause_s:
        _SlowExtractor.pause_s = pause_s
        worker.Extractor = _SlowExtractor
    app = create_app(LocalOptions(Path(data_dir), api_key, **fields))
    with socket() as listening:
        listening.bind(("127.0.0.1", 0))
        print(listening.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none")).run(sockets=[listening])


if __name__ == "__main__":
    main()
