"""`calypso-mcp open`: the page of the buckets in the browser."""

from __future__ import annotations

import argparse
import webbrowser
from collections.abc import Mapping
from socket import socket

import anyio

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.embedded import DEFAULT_PORT, SETTINGS, BackendKey, serve_backend, sign_in_link
from calypso_mcp.cli.process.listening import listen
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.errors import ConfigError
from calypso_mcp.local.processes.served import Served, look_up
from calypso_mcp.settings import Settings


def add_arguments(parser: CommandParser) -> None:
    """Take whether to open a browser, and the settings of a backend that has to be started."""
    parser.description = (
        "Open the page of the buckets on this machine's disk. If no backend serves the data folder, "
        "this command serves it until you stop it. The link signs you in once, within five minutes."
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the link")
    parser.add_settings({"http", "models"}, names=SETTINGS | {"backend"})


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Print the link and open it; serve the page if no backend does.

    Raises:
        ConfigError: The buckets are hosted, not in a data folder of this machine.
    """
    settings = load_settings_and_log(flags)
    running = look_up(settings.data_dir)
    if running is None and settings.uses_hosted_api:
        raise ConfigError(
            "Your settings contain an API key, so your buckets are in the hosted Calypso.",
            hint="`calypso-mcp http` shows them at /ui; --backend embedded opens this machine's buckets.",
        )
    key = BackendKey.of(settings)
    if running is not None:
        _show(sign_in_link(running, key), arguments)
        return 0
    with _listening(settings) as listening:

        def greet(served: Served) -> None:
            _show(sign_in_link(served, key), arguments)
            print("Ctrl-C stops it.", flush=True)

        anyio.run(serve_backend, settings, key, listening, greet)
    return 0


def _listening(settings: Settings) -> socket:
    """Listen on the port that was named, else on the usual one, else on any that is free."""
    if settings.port is not None:
        return listen(settings.host, settings.port)
    try:
        return listen(settings.host, DEFAULT_PORT)
    except ConfigError:
        return listen(settings.host, 0)


def _show(link: str, arguments: argparse.Namespace) -> None:
    print(f"The page of your buckets (the link works once, for five minutes):\n{link}", flush=True)
    if not arguments.no_browser and not webbrowser.open(link):
        print("calypso-mcp could not open a browser. Open the link yourself.", flush=True)
