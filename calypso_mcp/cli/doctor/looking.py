"""Runs every check, in the order in which a person reads the findings."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from anyio import to_thread

from calypso_mcp.cli.arguments import SERVING
from calypso_mcp.cli.calls.mcp_session import settings_flags
from calypso_mcp.cli.clients.places import Places
from calypso_mcp.cli.doctor.api_checks import check_api
from calypso_mcp.cli.doctor.client_checks import check_clients
from calypso_mcp.cli.doctor.data_folder import check_data_folder
from calypso_mcp.cli.doctor.embeddings import check_embeddings
from calypso_mcp.cli.doctor.findings import Finding, note, ok, problem
from calypso_mcp.cli.doctor.handshake import check_handshake
from calypso_mcp.cli.doctor.machine import check_folders, check_machine
from calypso_mcp.settings import Reading, WrongSetting, environment, knobs, read_settings

#: What the names of our variables begin with.
_PREFIX = "CALYPSO_"


async def findings_of(flags: Mapping[str, object]) -> list[Finding]:
    """Return what all checks find."""
    environ = environment()
    places = Places.of(environ, Path.cwd())
    reading = read_settings(flags, environ)
    findings = [*_of("settings", check_settings(reading, environ)), *_of("machine", check_machine())]
    settings = reading.settings
    if settings is not None:
        findings += _of("API", [finding async for finding in check_api(settings)])
        # Reads the whole store.
        findings += await to_thread.run_sync(lambda: _of("data folder", check_data_folder(settings)))
        findings += _of("embeddings", [finding async for finding in check_embeddings(settings)])
        findings += _of("folders", check_folders(settings.allow_paths, places.home))
        served = {name: value for name, value in flags.items() if knobs()[name].group in SERVING}
        findings += _of("handshake", [await check_handshake(settings_flags(served), environ)])
    return [*findings, *_of("clients", check_clients(places))]


def _of(area: str, findings: Iterable[Finding]) -> list[Finding]:
    return [replace(finding, area=area) for finding in findings]


def check_settings(reading: Reading, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what was given, what is wrong with it, and variables that are not settings."""
    faulty = [wrong.given for wrong in reading.problems if isinstance(wrong, WrongSetting)]
    for given in reading.given.values():
        if given not in faulty:
            yield ok(f"{given.name}: {given.shown}")
    if not reading.given:
        yield ok("Nothing is set: every setting has its default.")
    for wrong in reading.problems:
        yield problem(wrong.message, wrong.hint or "Correct the value where it is set.")
    known = {knob.variable for knob in knobs().values()}
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            message = f"variable {name} is not a setting, so it has no effect."
            if close:
                yield problem(message, f"Did you mean {close[0]}?")
            else:
                yield note(message, "Remove it.")
