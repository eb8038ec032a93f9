"""Every configuration of a client on this machine that names calypso-mcp: would its server start?"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from calypso_mcp import __version__
from calypso_mcp.cli.arguments import UsageError, parse
from calypso_mcp.cli.clients.command import PACKAGE, ask_program, minimal_path
from calypso_mcp.cli.clients.entries import Entry, servers_of
from calypso_mcp.cli.clients.facts import Client
from calypso_mcp.cli.clients.jsonc import Unreadable
from calypso_mcp.cli.clients.places import ConfigFile, Places, config_files, parse as parse_config
from calypso_mcp.cli.clients.writing import Snapshot
from calypso_mcp.cli.command_list import STDIO
from calypso_mcp.cli.doctor.findings import Finding, note, ok, problem
from calypso_mcp.regular_files import expand_home
from calypso_mcp.settings import read_settings
from calypso_mcp.settings.placeholders import placeholder_in

_PINNED = re.compile(r"calypso-mcp(?:\[[\w,-]+\])?(?:==|@)(\d[\w.]*)")
_VERSION = re.compile(r"calypso-mcp (\d[\w.]*)")
_VERSION_WAIT_S = 20.0


def check_clients(places: Places) -> Iterator[Finding]:
    """Yield what is right and wrong with every entry of calypso-mcp in every configuration."""
    found = False
    for file in config_files(places):
        for finding in _check_file(file, places):
            found = True
            yield finding
    if not found:
        yield note(
            "No client on this machine is configured to use calypso-mcp.",
            "Add it: calypso-mcp install CLIENT",
        )


def _check_file(file: ConfigFile, places: Places) -> Iterator[Finding]:
    where = f"{file.client.title}, {file.path}"
    text = ""
    try:
        text = Snapshot.of(file.path).text
        entries = servers_of(file.client, parse_config(text, file.client.syntax))
    except Unreadable as error:
        if not text or "calypso" in text:
            yield problem(
                f"{where}: cannot be read: {error}.",
                f"Correct the file; {file.client.title} ignores it, or the part after the fault.",
            )
        return
    for entry in entries:
        if entry.is_ours:
            faults = list(_check_entry(file, entry, places))
            for message, fix in faults:
                yield problem(f"{where}, server {entry.name}: {message}", fix)
            if not faults and entry.is_disabled:
                yield note(f"{where}, server {entry.name}: is turned off.")
            elif not faults:
                yield ok(f"{where}, server {entry.name}: would start.")


def _check_entry(file: ConfigFile, entry: Entry, places: Places) -> Iterator[tuple[str, str]]:
    client = file.client
    again = f"Rewrite it: calypso-mcp install {client.name}"
    if not entry.is_read:
        yield (
            f"is under a key that {client.title} does not read.",
            f"Move it below {'.'.join(client.key)}.",
        )
        return
    if entry.url is not None:
        yield from _check_address(client, entry)
        return
    if not entry.command:
        yield "has neither a command nor an address.", again
        return
    yield from _check_command(client, entry.command[0], places, again)
    yield from _check_placeholders(file, entry)
    yield from _check_settings(file, entry)
    yield from _check_version(entry, again)


def _check_address(client: Client, entry: Entry) -> Iterator[tuple[str, str]]:
    if not client.url_field:
        yield (
            f"{client.title} only starts commands and cannot use an address.",
            f"Give it a command: calypso-mcp install {client.name}",
        )
    elif client.url_field not in entry.fields and not (client.name == "gemini" and "type" in entry.fields):
        yield (
            f"the address is in a field that {client.title} does not read.",
            f"Call the field {client.url_field}.",
        )
    elif client.type_field and entry.fields.get("type") is None:
        yield (
            f'{client.title} treats a server without "type" as a command.',
            f'Add "type": "{client.type_field}".',
        )


def _check_command(client: Client, program: str, places: Places, again: str) -> Iterator[tuple[str, str]]:
    path = expand_home(Path(program))
    if path.is_absolute():
        if not path.exists():
            yield f"{program} does not exist.", again
        elif not os.access(path, os.X_OK) or path.is_dir():
            yield f"{program} cannot be run.", again
        return
    if client.is_desktop and shutil.which(program, path=minimal_path()) is None:
        yield (
            f"`{program}` is not an absolute path, and {client.title} may start with a PATH that lacks it.",
            again,
        )
    elif shutil.which(program, path=places.environ.get("PATH")) is None:
        yield f"`{program}` is not in the PATH.", again


def _check_placeholders(file: ConfigFile, entry: Entry) -> Iterator[tuple[str, str]]:
    for text in (*entry.command, *entry.environ.values()):
        if placeholder := placeholder_in(_expand(file, text)):
            yield (
                f"{file.client.title} does not replace the placeholder {placeholder} here.",
                "Write the value itself; for a key, name a file with CALYPSO_API_KEY_FILE.",
            )


def _check_settings(file: ConfigFile, entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield what this version says of the settings; those with placeholders are known to the client only."""
    words = entry.arguments
    if words is None or any(_expand(file, text) != text for text in (*words, *entry.environ.values())):
        return
    if any(placeholder_in(text) for text in (*words, *entry.environ.values())):
        return
    try:
        parsed = parse(list(words))
    except UsageError as error:
        yield error.message, "Correct the arguments; `calypso-mcp --help` lists the flags."
        return
    if parsed.command is STDIO:
        for wrong in read_settings(parsed.flags, entry.environ).problems:
            yield wrong.message, wrong.hint or "Correct the value in this file."
    else:
        yield (
            f"starts `calypso-mcp {parsed.command.name}`, which speaks no MCP over stdio.",
            f"Remove {parsed.command.name} from the arguments.",
        )


def _check_version(entry: Entry, again: str) -> Iterator[tuple[str, str]]:
    version = next((found.group(1) for word in entry.command if (found := _PINNED.search(word))), None)
    if version is None:
        version = _ask_version(entry.command[0])
    if version is not None and version != __version__:
        yield f"starts version {version}, but this is version {__version__}.", again


def _ask_version(program: str) -> str | None:
    """Ask a `calypso-mcp` for its version; other programs are left alone."""
    path = Path(program)
    if path.stem != PACKAGE or not path.is_absolute() or not os.access(path, os.X_OK):
        return None
    answer = ask_program([program, "--version"], timeout_s=_VERSION_WAIT_S)
    found = _VERSION.search(answer.stdout) if answer is not None else None
    return found.group(1) if found else None


def _expand(file: ConfigFile, text: str) -> str:
    """Return `text` without the placeholders that the client replaces."""
    pattern = file.client.placeholders(in_project=file.in_project)
    return re.sub(pattern, "", text) if pattern else text
