"""`calypso-mcp token new NAME`: an access token for an agent, shown once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from calypso_mcp.server.access.tokens import access_file_entry, new_token


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
