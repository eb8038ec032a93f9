"""From the words of a command line to a command, its own arguments, and the settings given as flags.

Flags of settings come from `Settings`. An error names what is wrong and never repeats a value: it may be a
secret that was typed in the wrong place.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, Protocol, cast

from calypso_mcp import __version__
from calypso_mcp.cli.command_list import COMMANDS, STDIO, Command
from calypso_mcp.cli.printing.terminal import columns, fill
from calypso_mcp.errors import ConfigError
from calypso_mcp.settings import Knob, Settings, knobs
from calypso_mcp.settings.values import Group

#: Settings of a server over stdio, and of one that listens.
SERVING: frozenset[Group] = frozenset({"calypso", "models", "scope", "files", "transfer", "observing"})
LISTENING: frozenset[Group] = SERVING | frozenset[Group]({"http", "access"})

_TITLES: dict[Group, str] = {
    "calypso": "where Calypso is",
    "models": "models that the embedded Calypso uses",
    "scope": "what callers may do",
    "files": "files on this machine",
    "transfer": "sending files",
    "http": "listening",
    "access": "who may call over HTTP",
    "observing": "logs",
}
_ABOUT = "MCP server for Calypso Buckets: upload, wait until searchable, search with citations."
_NOTES = (
    "`calypso-mcp COMMAND --help` describes a command. Every flag has an environment variable: see "
    "docs/reference/settings.md. The API key comes from CALYPSO_API_KEY or a file, never from an argument. "
    "Without a key, buckets live on this machine's disk."
)
_KEY_FLAGS = frozenset({"--api-key", "--apikey", "--key", "--token"})
_DAY_S = 86_400
#: Columns of the command names in the list of commands.
_NAMES_WIDTH = 12

# argparse gives the type of add_argument_group() no public name.
ArgumentGroup = Any


class UsageError(ConfigError):
    """The command line cannot be understood. The hint is the usage."""

    def __init__(self, message: str, command: Command | None) -> None:
        """Say what is wrong with the line of `command`; None if it names no command."""
        if command is None:
            hint = "Usage: calypso-mcp [COMMAND] [FLAGS]. `calypso-mcp --help` lists the commands."
        else:
            typed = _typed(command)
            hint = f"Usage: {typed} {command.usage}. `{typed} --help` explains."
        super().__init__(message, hint=hint)
        self.command = command


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command line that was understood."""

    command: Command
    arguments: argparse.Namespace
    flags: dict[str, object]


class CommandModule(Protocol):
    """What the module of a command offers."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments and the settings it takes."""

    def run(self, arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
        """Run the command with its own arguments and the settings given as flags; return the exit code."""
        ...


def load_module(command: Command) -> CommandModule:
    """Import the module of a command, and no other command's."""
    return cast("CommandModule", import_module(f"calypso_mcp.cli.commands.{command.module}"))


def parse(argv: list[str]) -> Parsed:
    """Return the command, its own arguments, and the settings given as flags.

    `--help` and `--version` end the process as argparse does (exit code 0).

    Raises:
        UsageError: The line cannot be understood.
    """
    command, line = _split(argv)
    parser = CommandParser(command)
    if command is STDIO:
        parser.add_settings(SERVING)
        # A desktop bundle can pass several values as words only, and none at all.
        parser.add_argument("folders", nargs="*", help=argparse.SUPPRESS)
    else:
        load_module(command).add_arguments(parser)
    parser.refuse_keys(line)
    known, unknown = parser.parse_known_intermixed_args(line)
    if unknown:
        parser.refuse(unknown)
    names = knobs()
    given = vars(known)
    folders: list[str] = given.pop("folders", [])
    # An unfilled placeholder is passed on, to be named in the error; any other word may be a secret.
    if any(not Path(folder).is_absolute() and not folder.startswith("${") for folder in folders):
        parser.refuse([])
    flags = {name: value for name, value in given.items() if name in names}
    if folders:
        flags["allow_paths"] = [*cast("list[str]", flags.get("allow_paths", [])), *folders]
    own = {name: value for name, value in given.items() if name not in names}
    return Parsed(command, argparse.Namespace(**own), flags)


class CommandParser(argparse.ArgumentParser):
    """Reads the line of one command."""

    def __init__(self, command: Command) -> None:
        top = command is STDIO
        super().__init__(
            prog=_typed(command),
            usage=f"calypso-mcp {'[COMMAND]' if top else command.name} {command.usage}",
            description=_list_of_commands() if top else command.summary,
            epilog=fill(_NOTES, columns()) if top else None,
            formatter_class=argparse.RawDescriptionHelpFormatter if top else argparse.HelpFormatter,
            allow_abbrev=False,
        )
        self._command = command
        if top:
            self.add_argument("--version", action="version", version=f"calypso-mcp {__version__}")

    def add_settings(self, groups: Collection[Group], names: Collection[str] = ()) -> None:
        """Offer the flags of whole groups and of single settings; absent flags leave no trace.

        A command that only calls Calypso takes the flags of its models, but its help does not list them.
        """
        sections: dict[Group, ArgumentGroup] = {}
        for name, knob in knobs().items():
            listed = knob.group in groups or name in names
            if knob.flag is None or not (listed or (knob.group == "models" and "calypso" in groups)):
                continue
            section = sections.get(knob.group)
            if section is None:
                section = sections[knob.group] = self.add_argument_group(_TITLES[knob.group])
            _add_setting(section, name, knob, listed=listed)

    def add_json(self) -> None:
        """Offer `--json`."""
        self.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")

    def add_bucket(self) -> None:
        """Take the bucket that the command adds to."""
        self.add_argument(
            "--bucket",
            dest="destination",
            required=True,
            metavar="BUCKET",
            help="slug, id or name of the bucket",
        )
        self.add_argument(
            "--create-bucket", action="store_true", help="create the bucket if it does not exist"
        )

    def add_destination(self) -> None:
        """Take the bucket to upload to, and which files of a folder to take."""
        self.add_bucket()
        self.add_argument(
            "--include", action="append", default=[], metavar="GLOB", help="only files that match"
        )
        self.add_argument(
            "--exclude", action="append", default=[], metavar="GLOB", help="leave out files that match"
        )

    def add_time_limit(self, default_s: float) -> None:
        """Offer `--time-limit`."""
        self.add_argument(
            "--time-limit",
            type=_seconds,
            default=default_s,
            metavar="SECONDS",
            help=f"give up after this long ({default_s:g})",
        )

    def refuse_keys(self, line: Iterable[str]) -> None:
        """Refuse an API key on the command line, before any other complaint, and say where it belongs."""
        for word in line:
            if (flag := word.partition("=")[0]) in _KEY_FLAGS:
                self.error(
                    f"there is no flag {flag}, because every user of the machine can see arguments; set "
                    "CALYPSO_API_KEY, or name a file with --api-key-file"
                )

    def refuse(self, unknown: Iterable[str]) -> NoReturn:
        """Name a flag that does not exist; superfluous words are not repeated."""
        flags = [word.partition("=")[0] for word in unknown if re.match(r"--?[A-Za-z]", word)]
        if not flags:
            self.error(f"there are more arguments than `{self.prog}` takes; put text with spaces in quotes")
        self.error(
            f"there is no flag {_shown(flags[0])}{_did_you_mean(flags[0], self._option_string_actions)}"
        )

    def error(self, message: str) -> NoReturn:
        """Raise the error in our words, without any value that was typed."""
        message = re.sub(r"^argument (\S+?): expected.*", r"\1 needs a value", message)
        message = re.sub(r"^the following arguments are required: (.*)", r"\1 must be given", message)
        message = re.sub(r"^argument ([^:]+): ", r"\1 ", message)
        message = re.sub(r"^([^:]*)invalid choice: .* \(choose from ", r"\1must be one of these (", message)
        message = re.sub(r"invalid \S+ value: .*", "has a value that does not fit", message)
        raise UsageError(f"{message}.", self._command)


def _typed(command: Command) -> str:
    return "calypso-mcp" if command is STDIO else f"calypso-mcp {command.name}"


def _split(argv: list[str]) -> tuple[Command, list[str]]:
    """Return the command and the line without its name; flags of settings may stand before it."""
    takes_value = {knob.flag: bool(knob.metavar) for knob in knobs().values() if knob.flag}
    position = 0
    while position < len(argv):
        word = argv[position]
        if not word.startswith("-") or word == "-":
            command = next((known for known in COMMANDS if known.name == word), None)
            if command is None:
                guess = _did_you_mean(word, [*(known.name for known in COMMANDS), "--help", "--version"])
                raise UsageError(f"there is no command {_shown(word)}{guess}.", None)
            return command, argv[:position] + argv[position + 1 :]
        if word.partition("=")[0].replace("--no-", "--", 1) not in takes_value:
            break
        position += 2 if takes_value.get(word) else 1
    return STDIO, argv


def _list_of_commands() -> str:
    wide = columns()
    lines = [fill(_ABOUT, wide), "", "commands:"]
    indent = " " * (_NAMES_WIDTH + 2)
    for command in COMMANDS:
        name = f"  {command.name:<{_NAMES_WIDTH}}"
        lines.append(fill(command.summary, wide, initial_indent=name, subsequent_indent=indent))
    return "\n".join(lines)


def _add_setting(section: ArgumentGroup, name: str, knob: Knob, *, listed: bool) -> None:
    flag = cast("str", knob.flag)
    field = Settings.model_fields[name]
    text = (field.description or "").replace("`", "").replace("%", "%%")
    if not knob.metavar:
        # Only the form that changes something is listed; the other overrules a variable.
        opposite = f"--no-{flag.removeprefix('--')}"
        shown, hidden = (opposite, flag) if field.default else (flag, opposite)
        value = not field.default
        for word, stored, help_text in ((shown, value, text), (hidden, not value, argparse.SUPPRESS)):
            section.add_argument(
                word, dest=name, action="store_const", const=stored, default=argparse.SUPPRESS, help=help_text
            )
        return
    repeatable = knob.separator is not None and name != "tools"
    section.add_argument(
        flag,
        dest=name,
        action="append" if repeatable else "store",
        default=argparse.SUPPRESS,
        metavar=knob.metavar,
        help=text if listed else argparse.SUPPRESS,
    )


def _shown(word: str) -> str:
    """Return a word as an error may repeat it: names are short and hold no digits, secrets are not."""
    return word if re.fullmatch(r"-{0,2}[a-z][a-z-]{0,39}", word) else "of that name"


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= _DAY_S:
        raise argparse.ArgumentTypeError(f"must be more than 0 and at most {_DAY_S} seconds")
    return value
