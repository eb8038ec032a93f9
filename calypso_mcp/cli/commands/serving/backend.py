"""`calypso-mcp backend`: the embedded Calypso's REST API on a port, and the page of its buckets."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from pathlib import Path

import anyio

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.embedded import DEFAULT_PORT, SETTINGS, BackendKey, serve_backend
from calypso_mcp.cli.process.listening import listen
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.domain.addresses import is_loopback
from calypso_mcp.local.processes.served import Served


def add_arguments(parser: CommandParser) -> None:
    """Take where to listen and what to serve."""
    parser.description = (
        "Serve the embedded Calypso's REST API and the page of its buckets. The API key is "
        "CALYPSO_API_KEY if that is set; otherwise the command makes one and keeps it in the data "
        "folder."
    )
    parser.add_settings({"http", "models"}, names=SETTINGS)


def run(_arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Serve until told to stop."""
    settings = load_settings_and_log(flags)
    key = BackendKey.of(settings)
    with listen(settings.host, DEFAULT_PORT if settings.port is None else settings.port) as listening:
        host = listening.getsockname()[0]

        def greet(served: Served) -> None:
            _introduce(served.origin, key.source, settings.data_dir)
            if not is_loopback(host):
                print("This is plain http on a network: put a TLS proxy in front of it.", flush=True)

        anyio.run(serve_backend, settings, key, listening, greet)
    return 0


def _introduce(base: str, key_source: str, data_dir: Path) -> None:
    reading = f'export CALYPSO_API_KEY="$(cat {shlex.quote(key_source)})"\n  '
    print(
        f"Embedded Calypso: {base}/v1\n"
        f"Data: {data_dir}\n"
        f"API key: {key_source}\n"
        f"Page: {base}/ (`calypso-mcp open` signs you in)\n\n"
        f"  {reading if key_source != 'CALYPSO_API_KEY' else ''}curl {base}/v1/knowledge/buckets \\\n"
        f'    -H "Authorization: Bearer $CALYPSO_API_KEY"\n\n'
        f"  CALYPSO_API_BASE_URL={base}/v1 calypso-mcp\n\n"
        "Ctrl-C stops it.",
        flush=True,
    )
