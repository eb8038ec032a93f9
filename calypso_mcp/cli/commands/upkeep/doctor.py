"""`calypso-mcp doctor`: everything an installation needs, looked at, each fault with its fix."""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import anyio

from calypso_mcp.cli.arguments import LISTENING, SERVING, CommandParser
from calypso_mcp.cli.calls.mcp_session import settings_flags
from calypso_mcp.cli.clients.places import Places
from calypso_mcp.cli.doctor.api_checks import check_api
from calypso_mcp.cli.doctor.client_checks import check_clients
from calypso_mcp.cli.doctor.data_folder import check_data_folder
from calypso_mcp.cli.doctor.embeddings import check_embeddings
from calypso_mcp.cli.doctor.findings import Finding, is_well, rendered
from calypso_mcp.cli.doctor.handshake import check_handshake
from calypso_mcp.cli.doctor.machine import check_folders, check_machine
from calypso_mcp.cli.doctor.settings_checks import check_settings
from calypso_mcp.cli.printing.terminal import columns
from calypso_mcp.settings import environment, knobs, read_settings


def add_arguments(parser: CommandParser) -> None:
    """Take every setting, so that a command line can be checked as it is."""
    parser.description = (
        "Look at everything an installation needs: settings, API key, data folder, a handshake through the "
        "command a client would start, and the configurations of clients. Changes nothing. Exit code 1 if "
        "anything is wrong."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_settings(LISTENING)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Look at everything; 0 only where all is well."""
    findings = anyio.run(_findings, flags)
    is_all_well = is_well(findings)
    if arguments.json:
        print(json.dumps({"ok": is_all_well, "findings": [one.as_json() for one in findings]}, indent=2))
        return 0 if is_all_well else 1
    print(rendered(findings, columns()))
    problems = sum(one.status == "problem" for one in findings)
    print("\nAll is well." if is_all_well else f"\n{problems} {'problem' if problems == 1 else 'problems'}.")
    return 0 if is_all_well else 1


async def _findings(flags: Mapping[str, object]) -> list[Finding]:
    return [finding async for finding in _look(flags)]


async def _look(flags: Mapping[str, object]) -> AsyncIterator[Finding]:
    environ = environment()
    places = Places.of(environ, Path.cwd())
    reading = read_settings(flags, environ)
    for finding in check_settings(reading, environ):
        yield finding
    for finding in check_machine():
        yield finding
    if reading.settings is not None:
        async for finding in check_api(reading.settings):
            yield finding
        for finding in check_data_folder(reading.settings):
            yield finding
        async for finding in check_embeddings(reading.settings):
            yield finding
        for finding in check_folders(reading.settings.allow_paths, places.home):
            yield finding
        served = {name: value for name, value in flags.items() if knobs()[name].group in SERVING}
        yield await check_handshake(settings_flags(served), environ)
    for finding in check_clients(places):
        yield finding
