"""Our server as text to paste into a client's configuration."""

from __future__ import annotations

from collections.abc import Mapping

from calypso_mcp.cli.clients.command import server_command
from calypso_mcp.cli.clients.edits import with_server
from calypso_mcp.cli.clients.facts import CLIENTS, Client
from calypso_mcp.cli.clients.shapes import Fields, Local, Remote, fields_of
from calypso_mcp.errors import ConfigError


def pasted(client: Client, fields: Fields) -> str:
    """Return the part of a client's configuration that has our server, and nothing else."""
    return with_server(client, "", fields).rstrip("\n")


def snippets(server: Remote | None = None) -> list[Mapping[str, str]]:
    """Return for each client what installs our server and what to paste by hand; no secret is among it.

    For a team's `server`, clients that cannot use one are left out.
    """
    found: list[Mapping[str, str]] = []
    chosen = Local(server_command()) if server is None else server
    for client in CLIENTS:
        try:
            text = pasted(client, fields_of(client, chosen))
        except ConfigError:
            continue
        remote = "" if server is None else f" --http {server.url}"
        command = f"calypso-mcp install {client.name}{remote}"
        found.append({"title": client.title, "command": command, "file": client.user_files[0], "text": text})
    return found
