"""`calypso-mcp token new NAME`: an access token for an agent, shown once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.server.access.access_file.tokens import access_file_entry, new_token


def add_arguments(parser: CommandParser) -> None:
    """Take the agent's name."""
    parser.description = "Make a token, print it once, and print what to put into the access file."
    parser.add_argument("action", choices=["new"], metavar="ACTION", help="new: make a token")
    parser.add_argument("name", metavar="NAME", help="the agent's name in the access file")


def run(arguments: argparse.Namespace, _flags: Mapping[str, object]) -> int:
    """Print the token alone on stdout, so that it can be piped, and what to do with it on stderr."""
    token = new_token(arguments.name)
    print(token, flush=True)
    print(
        "\nThe token is above; it is stored nowhere and cannot be shown again. Give it to the agent as\n"
        "`Authorization: Bearer <token>`. Put this into the access file (--access-file) and name its\n"
        "buckets:\n\n"
        f"{access_file_entry(arguments.name, token)}",
        file=sys.stderr,
    )
    return 0
