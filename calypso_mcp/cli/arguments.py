"""The command line: commands, their flags, and what `--help` says. Flags of settings come from `Settings`."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

from calypso_mcp import __version__
from calypso_mcp.settings import Knob, Settings, knobs
from calypso_mcp.settings.values import Group

_SERVING: frozenset[Group] = frozenset({"calypso", "scope", "files", "transfer", "observing"})
_LISTENING: frozenset[Group] = _SERVING | frozenset[Group]({"http", "access"})

_TITLES: dict[Group, str] = {
    "calypso": "where Calypso is",
    "scope": "what callers may do",
    "files": "files on this machine",
    "transfer": "sending files",
    "http": "listening",
    "access": "who may call over HTTP",
    "observing": "logs",
}

_DAY_S = 86_400

_EPILOG = """\
commands:
  calypso-mcp                    serve MCP over stdio (what a client configuration starts)
  calypso-mcp http               serve MCP over streamable HTTP
  calypso-mcp backend            serve the embedded Calypso's REST API
  calypso-mcp demo [PATH ...]    upload files, wait, search, print cited passages
  calypso-mcp upload PATH ...    upload files or folders into a bucket
  calypso-mcp recover            save what is left of a damaged store
  calypso-mcp token new NAME     make an access token for an agent

`calypso-mcp COMMAND --help` describes a command. Every flag has an environment variable: see the README.
The API key comes from CALYPSO_API_KEY or a file, never from an argument. Without a key, buckets live on
this machine's disk.
"""


def parse(argv: list[str]) -> tuple[argparse.Namespace, dict[str, object]]:
    """Return the command with its own arguments, and the settings given as flags.

    `--help`, `--version` and wrong arguments end the process as argparse does (exit codes 0, 0 and 2).
    """
    settings_names = set(knobs())
    given = vars(_parser().parse_args(argv))
    flags = {name: value for name, value in given.items() if name in settings_names}
    own = {name: value for name, value in given.items() if name not in settings_names}
    return argparse.Namespace(**own), flags


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="calypso-mcp",
        usage="calypso-mcp [COMMAND] [FLAGS]",
        description="MCP server for Calypso Buckets: upload, wait until searchable, search with citations.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"calypso-mcp {__version__}")
    parser.set_defaults(command="stdio")
    _add_settings(parser, _SERVING)
    # The commands are described by the epilog: argparse's own list would push the flags out of sight.
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help=argparse.SUPPRESS)
    _add_http(commands)
    _add_backend(commands)
    _add_demo(commands)
    _add_upload(commands)
    _add_recover(commands)
    _add_token(commands)
    return parser


# argparse gives the types of add_subparsers() and add_argument_group() no public names.
Commands = Any
ArgumentGroup = Any


def _command(commands: Commands, name: str, description: str) -> argparse.ArgumentParser:
    added = commands.add_parser(name, description=description, help=description, allow_abbrev=False)
    return cast("argparse.ArgumentParser", added)


def _add_http(commands: Commands) -> None:
    http = _command(commands, "http", "Serve MCP over streamable HTTP at /mcp.")
    _add_settings(http, _LISTENING)


def _add_backend(commands: Commands) -> None:
    backend = _command(
        commands,
        "backend",
        "Serve the embedded Calypso's REST API. The API key is CALYPSO_API_KEY where set; otherwise one is "
        "made and kept in the data folder.",
    )
    _add_settings(
        backend, {"http"}, names={"data_dir", "min_free_disk_mb", "api_key_file", "log_level", "log_json"}
    )


def _add_demo(commands: Commands) -> None:
    demo = _command(
        commands,
        "demo",
        "Do the main job once with a real MCP client: upload the files, wait until they are searchable, "
        "search, print cited passages. Uses the embedded Calypso in a temporary folder unless told "
        "otherwise.",
    )
    demo.add_argument(
        "paths", metavar="PATH", nargs="*", type=Path, help="files or folders (default: samples)"
    )
    demo.add_argument(
        "--query", action="append", default=[], metavar="TEXT", help="question to ask; repeat it for several"
    )
    demo.add_argument(
        "--time-limit", type=_seconds, default=300.0, metavar="SECONDS", help="give up after this long (300)"
    )
    _add_settings(demo, {"observing"}, names={"backend", "api_key_file", "api_base_url", "data_dir"})


def _add_upload(commands: Commands) -> None:
    upload = _command(
        commands, "upload", "Upload files or folders into a bucket; exit code 1 if any file failed."
    )
    upload.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="files or folders")
    upload.add_argument(
        "--bucket", dest="destination", required=True, metavar="BUCKET", help="slug, id or name of the bucket"
    )
    upload.add_argument("--create-bucket", action="store_true", help="create the bucket where there is none")
    upload.add_argument(
        "--include", action="append", default=[], metavar="GLOB", help="only files that match"
    )
    upload.add_argument(
        "--exclude", action="append", default=[], metavar="GLOB", help="leave out files that match"
    )
    upload.add_argument(
        "--tag", action="append", default=[], dest="tags", metavar="TAG", help="tag for every file"
    )
    upload.add_argument("--dry-run", action="store_true", help="say what would be sent, and send nothing")
    upload.add_argument("--wait", action="store_true", help="wait until everything is searchable")
    upload.add_argument(
        "--time-limit",
        type=_seconds,
        default=3600.0,
        metavar="SECONDS",
        help="give up after this long (3600)",
    )
    _add_settings(upload, {"calypso", "transfer", "observing"}, names={"allow_secret_names", "scan_secrets"})


def _add_recover(commands: Commands) -> None:
    recover = _command(
        commands,
        "recover",
        "Save what is left of a damaged store of the embedded Calypso: move it aside and make a new one of "
        "everything that can be read. Stop every server on the data folder first.",
    )
    _add_settings(recover, (), names={"data_dir", "log_level"})


def _add_token(commands: Commands) -> None:
    token = _command(commands, "token", "Access tokens for agents that call over HTTP.")
    actions = token.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = _command(actions, "new", "Make a token, print it once, and print what to put into the access file.")
    new.add_argument("name", metavar="NAME", help="the agent's name in the access file")


def _add_settings(
    parser: argparse.ArgumentParser, groups: Collection[Group], names: Collection[str] = ()
) -> None:
    """Offer the flags of whole groups and of single settings; absent flags leave no trace."""
    sections: dict[Group, ArgumentGroup] = {}
    for name, knob in knobs().items():
        if knob.flag is None or (knob.group not in groups and name not in names):
            continue
        section = sections.get(knob.group)
        if section is None:
            section = sections[knob.group] = parser.add_argument_group(_TITLES[knob.group])
        _add_setting(section, name, knob)


def _add_setting(section: ArgumentGroup, name: str, knob: Knob) -> None:
    flag = cast("str", knob.flag)
    help_text = (Settings.model_fields[name].description or "").replace("`", "").replace("%", "%%")
    if not knob.metavar:
        section.add_argument(
            flag, dest=name, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=help_text
        )
        return
    repeatable = knob.separator is not None and name != "tools"
    section.add_argument(
        flag,
        dest=name,
        action="append" if repeatable else "store",
        default=argparse.SUPPRESS,
        metavar=knob.metavar,
        help=help_text,
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= _DAY_S:
        raise argparse.ArgumentTypeError(f"must be more than 0 and at most {_DAY_S} seconds")
    return value
