"""`calypso-mcp backend`: the embedded Calypso's REST API on a port."""

from __future__ import annotations

import argparse
import secrets
import shlex
import signal
from collections.abc import Mapping
from pathlib import Path
from socket import socket

import anyio
import anyio.to_thread
from pydantic import SecretStr

from calypso_mcp.assembly.kept_secret import kept_secret
from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.listening import listen, origin, serve
from calypso_mcp.cli.logs import log_to_stderr
from calypso_mcp.concurrency import run_in_background
from calypso_mcp.domain.addresses import is_loopback
from calypso_mcp.local.app import STORE_FILE, LocalOptions, open_backend
from calypso_mcp.local.web.policy import WebPolicy
from calypso_mcp.settings import load_settings
from calypso_mcp.sqlite.faults import FileWatch, StoreGone

DEFAULT_PORT = 8010
_STORE_CHECK_S = 1.0


def add_arguments(parser: CommandParser) -> None:
    """Take where to listen and what to serve."""
    parser.description = (
        "Serve the embedded Calypso's REST API. The API key is CALYPSO_API_KEY where set; otherwise one is "
        "made and kept in the data folder."
    )
    parser.add_settings(
        {"http"},
        names={
            "data_dir",
            "min_free_disk_mb",
            "allow_private_hosts",
            "api_key_file",
            "log_level",
            "log_json",
        },
    )


def run(_arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Serve until told to stop."""
    settings = load_settings(flags)
    log_to_stderr(settings)
    key, key_source = settings.api_key, "CALYPSO_API_KEY"
    if settings.api_key_file is not None:
        key_source = str(settings.api_key_file)
    if key is None:
        path = settings.data_dir / "api-key"
        key, key_source = SecretStr(kept_secret(path, _new_key)), str(path)
    port = DEFAULT_PORT if settings.port is None else settings.port
    with listen(settings.host, port) as listening:
        options = LocalOptions(
            data_dir=settings.data_dir,
            api_key=key.get_secret_value(),
            min_free_bytes=settings.min_free_disk_bytes,
            web=WebPolicy.opening(settings.allow_private_hosts),
        )
        anyio.run(_serve, options, listening, key_source)
    return 0


async def _serve(options: LocalOptions, listening: socket, key_source: str) -> None:
    async with open_backend(options) as app:
        store = FileWatch(options.data_dir / STORE_FILE)
        _introduce(origin(listening), key_source, options.data_dir)
        if not is_loopback(listening.getsockname()[0]):
            print("Plain http on a network: put a TLS proxy before it.", flush=True)
        async with run_in_background(lambda: _stop_when_gone(store)):
            await serve(app, listening)
    # Says why it ended; after any other end it returns.
    store.check()


async def _stop_when_gone(store: FileWatch) -> None:
    """Stop the server as a signal would when the store was deleted or replaced: it could save nothing."""
    while True:
        try:
            await anyio.to_thread.run_sync(store.check)
        except StoreGone:
            signal.raise_signal(signal.SIGTERM)
            return
        await anyio.sleep(_STORE_CHECK_S)


def _new_key() -> str:
    return f"sk_local_{secrets.token_urlsafe(24)}"


def _introduce(base: str, key_source: str, data_dir: Path) -> None:
    reading = f'export CALYPSO_API_KEY="$(cat {shlex.quote(key_source)})"\n  '
    print(
        f"Embedded Calypso: {base}/v1\n"
        f"Data: {data_dir}\n"
        f"API key: {key_source}\n\n"
        f"  {reading if key_source != 'CALYPSO_API_KEY' else ''}curl {base}/v1/knowledge/buckets \\\n"
        f'    -H "Authorization: Bearer $CALYPSO_API_KEY"\n\n'
        f"  CALYPSO_API_BASE_URL={base}/v1 calypso-mcp\n\n"
        "Ctrl-C stops it.",
        flush=True,
    )
