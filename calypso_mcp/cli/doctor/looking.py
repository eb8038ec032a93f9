"""Runs every check, in the order in which a person reads the findings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from anyio import to_thread

from calypso_mcp.cli.arguments import SERVING
from calypso_mcp.cli.clients.places import Places
from calypso_mcp.cli.doctor.api_checks import check_api
from calypso_mcp.cli.doctor.client_checks import check_clients
from calypso_mcp.cli.doctor.data_folder import check_data_folder
from calypso_mcp.cli.doctor.embeddings import check_embeddings
from calypso_mcp.cli.doctor.findings import Finding
from calypso_mcp.cli.doctor.machine import check_folders, check_machine
from calypso_mcp.cli.doctor.settings_checks import check_settings
from calypso_mcp.settings import environment, knobs, read_settings


async def findings_of(flags: Mapping[str, object], *, handshake: bool = True) -> list[Finding]:
    """Return what all checks find; a running server need not make the `handshake` that a client would."""
    environ = environment()
    places = Places.of(environ, Path.cwd())
    reading = read_settings(flags, environ)
    findings = [*check_settings(reading, environ), *check_machine()]
    settings = reading.settings
    if settings is not None:
        findings += [finding async for finding in check_api(settings)]
        # Reads the whole store.
        findings += await to_thread.run_sync(lambda: list(check_data_folder(settings)))
        findings += [finding async for finding in check_embeddings(settings)]
        findings += check_folders(settings.allow_paths, places.home)
        if handshake:
            # Only here: it loads the MCP client.
            from calypso_mcp.cli.calls.mcp_session import settings_flags
            from calypso_mcp.cli.doctor.handshake import check_handshake

            served = {name: value for name, value in flags.items() if knobs()[name].group in SERVING}
            findings.append(await check_handshake(settings_flags(served), environ))
    return [*findings, *check_clients(places)]
