"""`calypso-mcp install CLIENT`: adds the server to a client's configuration and touches nothing else."""

from __future__ import annotations

import argparse
import difflib
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import anyio

from calypso_mcp.cli.arguments import SERVING, CommandParser
from calypso_mcp.cli.calls.mcp_session import settings_flags
from calypso_mcp.cli.clients.command import ask_program, server_command
from calypso_mcp.cli.clients.edits import pasted, server_in, with_server
from calypso_mcp.cli.clients.entries import NAME
from calypso_mcp.cli.clients.facts import CLIENTS, Client
from calypso_mcp.cli.clients.jsonc import Unreadable
from calypso_mcp.cli.clients.places import Places
from calypso_mcp.cli.clients.shapes import Fields, Local, Remote, fields_of
from calypso_mcp.cli.clients.writing import NotWritten, Snapshot
from calypso_mcp.cli.doctor.handshake import check_handshake
from calypso_mcp.cli.printing.terminal import started_by_hand
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import ConfigError
from calypso_mcp.regular_files import expand_home
from calypso_mcp.settings import environment, settings_from
from calypso_mcp.settings.values import is_web_url

_STATUS_WAIT_S = 60
_SHOWN_CHARS = 200
#: Settings whose values are paths, and must not depend on the folder a client starts us in.
_PATHS = ("api_key_file", "data_dir")


def add_arguments(parser: CommandParser) -> None:
    """Take the client, how to install, and the settings of the server."""
    parser.description = (
        "Add calypso-mcp to a client's configuration. The command shows the change, keeps a copy, "
        "leaves everything else as it is, and checks that the server starts. It never writes an API "
        "key; name the key's file with --api-key-file."
    )
    parser.add_argument(
        "client",
        metavar="CLIENT",
        choices=[client.name for client in CLIENTS],
        help="client to configure: " + ", ".join(client.name for client in CLIENTS),
    )
    parser.add_argument(
        "--project", action="store_true", help="write the configuration of this folder's project"
    )
    parser.add_argument("--uninstall", action="store_true", help="remove the server again")
    parser.add_argument("--print", dest="only_print", action="store_true", help="only print what to paste")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--http", metavar="URL", help="use a team's server at this address")
    parser.add_argument(
        "--token-env",
        metavar="VARIABLE",
        default="",
        help="environment variable that holds the token for --http",
    )
    parser.add_settings(SERVING)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Install or uninstall; return 0 if the configuration is as it should be and the server starts."""
    client = next(client for client in CLIENTS if client.name == arguments.client)
    places = Places.of(environment(), Path.cwd())
    if arguments.uninstall:
        return _change(client, _path(client, places, arguments), None, arguments)
    chosen = _with_folders(flags, arguments)
    fields = fields_of(client, _server(client, chosen, arguments, places))
    if arguments.only_print:
        print(pasted(client, fields))
        return 0
    code = _change(client, _path(client, places, arguments), fields, arguments)
    if code:
        return code
    if arguments.http:
        _show_status(client)
        return 0
    finding = anyio.run(check_handshake, settings_flags(chosen), places.environ)
    print(f"{finding.message} {finding.fix}".rstrip())
    _show_status(client)
    return 0 if finding.status != "problem" else 1


def _server(
    client: Client, flags: Mapping[str, object], arguments: argparse.Namespace, places: Places
) -> Local | Remote:
    """Return what the client should use."""
    if arguments.http:
        if not is_web_url(arguments.http):
            raise ConfigError(
                "--http needs an address such as https://mcp.example.org/mcp (https off this machine)."
            )
        if flags:
            raise ConfigError("The team's server has its own settings. Leave these out with --http.")
        return Remote(arguments.http, arguments.token_env)
    if arguments.token_env:
        raise ConfigError("--token-env needs --http.")
    key = {name: value for name, value in places.environ.items() if name == "CALYPSO_API_KEY"}
    settings_from(flags, key)
    command = [*server_command(places.environ.get("PATH")), *settings_flags(flags)]
    if not any(key.values()) or "api_key_file" in flags or flags.get("backend") == "embedded":
        return Local(command)
    if client.is_desktop:
        raise ConfigError(
            f"CALYPSO_API_KEY is set here, but {client.title} does not see the variables of this terminal.",
            hint="Name a file that holds the key (--api-key-file FILE), or use this machine's disk "
            "(--backend embedded).",
        )
    # Without the variable the server must say so, and not begin an empty store on this machine's disk.
    hosted = [] if "backend" in flags else ["--backend", "hosted"]
    return Local([*command, *hosted], ("CALYPSO_API_KEY",))


def _with_folders(flags: Mapping[str, object], arguments: argparse.Namespace) -> dict[str, object]:
    """Return the settings with absolute folders; if none is named, ask for one at a terminal."""
    chosen = dict(flags)
    folders = cast("list[str]", chosen.get("allow_paths", []))
    if not folders and not arguments.http:
        if arguments.project:
            folders = ["."]
        elif started_by_hand() and not arguments.yes and not arguments.only_print:
            answer = input("Folder whose files the agent may upload (press Enter for none): ").strip()
            folders = [answer] if answer else []
    if folders:
        chosen["allow_paths"] = [str(expand_home(Path(folder)).absolute()) for folder in folders]
    for name in _PATHS:
        if name in chosen:
            chosen[name] = str(expand_home(Path(str(chosen[name]))).absolute())
    return chosen


def _path(client: Client, places: Places, arguments: argparse.Namespace) -> Path:
    """Return the configuration to write."""
    if arguments.project:
        path = places.project_file(client)
        if path is None:
            raise ConfigError(f"{client.title} has no configuration for a project; leave out --project.")
        return path
    files = places.user_files(client)
    return next((path for path in files if path.is_file()), files[0])


def _change(client: Client, path: Path, fields: Fields | None, arguments: argparse.Namespace) -> int:
    """Show the change, ask, and write."""
    try:
        before = Snapshot.of(path)
        text = before.text
        there = server_in(client, text)
        if there is None and fields is None:
            print(f"{client.title} has no entry for calypso-mcp in {path}.")
            return 0
        if there is not None and there.command and not there.is_ours_by_command:
            raise NotWritten(
                f"{path} is unchanged: its server {NAME} is another program.",
                hint="Rename or remove that server.",
            )
        after = with_server(client, text, fields)
    except Unreadable as error:
        hint = "" if fields is None else f" Paste this by hand:\n{pasted(client, fields)}"
        raise NotWritten(f"{path} is unchanged: {error}.", hint=f"Correct the file.{hint}") from None
    if after == text:
        print(f"{path} has this entry already.")
        return 0
    _show_change(path, text.splitlines(), after.splitlines())
    if not arguments.yes and not _ask_agreement():
        print("Nothing was changed.")
        return 1
    backup = before.replace(after)
    print(f"Written: {path}" + (f" (before: {backup})" if backup else ""))
    return 0


def _show_change(path: Path, before: Sequence[str], after: Sequence[str]) -> None:
    """Show the lines that change, and no others: those may hold secrets.

    Differences in commas do not count: JSON puts one after the server before ours.
    """
    print(path)
    alike = difflib.SequenceMatcher(
        None,
        [line.replace(",", "") for line in before],
        [line.replace(",", "") for line in after],
        autojunk=False,
    )
    for kind, start, end, new_start, new_end in alike.get_opcodes():
        if kind != "equal":
            for line in before[start:end]:
                print(f"-{line}")
            for line in after[new_start:new_end]:
                print(f"+{line}")


def _ask_agreement() -> bool:
    """Ask a person."""
    if not started_by_hand():
        raise ConfigError(
            "The command needs a terminal to ask you.",
            hint="Add --yes to write without asking, or --print only to look.",
        )
    return input("Write this? [y/N] ").strip().lower() in {"y", "yes"}


def _show_status(client: Client) -> None:
    """Show what the client's own command line says of the server, if it has one."""
    program = shutil.which(client.status[0]) if client.status else None
    if program is None:
        print(f"Restart {client.title} to use it.")
        return
    answer = ask_program([program, *client.status[1:]], timeout_s=_STATUS_WAIT_S)
    if answer is None:
        print(f"`{' '.join(client.status)}` did not answer.", file=sys.stderr)
        return
    print(f"{' '.join(client.status)}:")
    for line in (answer.stdout + answer.stderr).splitlines():
        if line.strip():
            print(f"  {clean_line(line, _SHOWN_CHARS)}")
