"""`calypso-mcp token new NAME`: an access token for an agent, shown once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.server.access.access_file.tokens import access_file_entry, new_token


def add_arguments(parser: CommandParser) -> None:
    """Take the agent's name."""
    parser.description = "Make a token, and print it once with its lines for the access file."
    parser.add_argument("action", choices=["new"], metavar="ACTION", help="new: make a token")
    parser.add_argument("name", metavar="NAME", help="the agent's name in the access file")


def run(arguments: argparse.Namespace, _flags: Mapping[str, object]) -> int:
    """Print the token on stdout and its lines for the access file on stderr: both can be piped."""
    token = new_token(arguments.name)
    print(token, flush=True)
    print(
        "\n# The token is on standard output. It is not stored and cannot be shown again.\n"
        "# Give it to the agent as `Authorization: Bearer TOKEN`. Add these lines to the access file\n"
        "# (--access-file), and name the agent's buckets in them.\n"
        f"{access_file_entry(arguments.name, token)}",
        end="",
        file=sys.stderr,
    )
    return 0
