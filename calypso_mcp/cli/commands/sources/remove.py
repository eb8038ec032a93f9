"""`calypso-mcp remove`: a source and its passages, for good."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.calling import add_calling_arguments, call_tool, print_result
from calypso_mcp.cli.printing.terminal import started_by_hand
from calypso_mcp.errors import ConfigError


def add_arguments(parser: CommandParser) -> None:
    """Take the source."""
    parser.description = "Remove a source and its passages for good."
    parser.add_argument("source", metavar="SOURCE", help="name or file id, as `calypso-mcp list` shows them")
    parser.add_argument("--yes", action="store_true", help="do not ask first")
    add_calling_arguments(parser)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Remove it, after asking the person at the terminal; return 1 if the answer is no.

    Raises:
        ConfigError: There is no terminal to ask in, and `--yes` was not given.
    """
    if not arguments.yes:
        if not started_by_hand():
            raise ConfigError("The removal was not confirmed.", hint="Add --yes.")
        print(f"Remove {arguments.source} for good? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            print("Nothing was removed.", file=sys.stderr)
            return 1
    result = call_tool("remove_source", {"file_id": arguments.source, "confirm": True}, flags)
    if not print_result(result, arguments):
        print(f"Removed {result['removed']} from {', '.join(result['buckets'])}.")
    return 0
