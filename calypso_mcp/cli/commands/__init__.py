"""The commands: one module each, with its arguments (`add_arguments`) and what it does (`run`).

A new command is a module here and a line in `COMMANDS`. What several commands share lives in `cli`.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from calypso_mcp.cli.arguments import CommandParser


class CommandModule(Protocol):
    """What the module of a command offers."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments and the settings it takes."""

    def run(self, arguments: Namespace, flags: Mapping[str, object]) -> int:
        """Run the command with its own arguments and the settings given as flags; return the exit code."""
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """A command as `--help` lists it.

    Attributes:
        name: What a person types; the module has the same name.
        usage: Its arguments in short; at most 45 characters.
        summary: What it does, in one line.
    """

    name: str
    usage: str
    summary: str

    def module(self) -> CommandModule:
        """Import the command's module; no other command's is paid for."""
        return cast("CommandModule", import_module(f"{__name__}.{self.name.replace('-', '_')}"))


#: Served where no command is named: what a client configuration starts.
STDIO = Command("stdio", "[FLAGS]", "Serve MCP over stdio: what a client configuration starts (the default).")

COMMANDS = (
    STDIO,
    Command("http", "[FLAGS]", "Serve MCP over streamable HTTP at /mcp."),
    Command("backend", "[FLAGS]", "Serve the embedded Calypso's REST API."),
    Command("demo", "[PATH ...] [FLAGS]", "Upload files, wait, search, print cited passages."),
    Command("upload", "PATH ... --bucket BUCKET [FLAGS]", "Upload files or folders into a bucket."),
    Command("doctor", "[--json] [FLAGS]", "Look at everything an installation needs, and name the fixes."),
    Command("install", "CLIENT [FLAGS]", "Put the server into a client's configuration, or take it out."),
    Command("sync", "FOLDER --bucket BUCKET [FLAGS]", "Keep a bucket equal to a folder."),
    Command("list", "[BUCKET] [FLAGS]", "List the buckets, or what one of them holds."),
    Command("search", "QUERY [FLAGS]", "Find passages, with citations."),
    Command("ask", "QUESTION [FLAGS]", "Ask an agent; its answer cites the sources."),
    Command("read", "FILE_ID [FLAGS]", "Print the text of a source."),
    Command("remove", "FILE_ID [FLAGS]", "Remove a source and its passages for good."),
    Command("add-url", "URL --bucket BUCKET [FLAGS]", "Read a public web page into a bucket."),
    Command("add-qa", "QUESTION ANSWER --bucket BUCKET", "Store a question with its answer."),
    Command("export", "BUCKET FOLDER [FLAGS]", "Write a bucket's files, as uploaded, into a folder."),
    Command("recover", "[FLAGS]", "Save what is left of a damaged store."),
    Command("token", "new NAME", "Make an access token for an agent that calls over HTTP."),
)
