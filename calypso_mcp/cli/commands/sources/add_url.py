"""`calypso-mcp add-url`: a public web page into a bucket."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.adding import add_adding_arguments, add_source


def add_arguments(parser: CommandParser) -> None:
    """Take the address."""
    parser.description = "Read one public web page into a bucket. The same address again refreshes it."
    parser.add_argument("url", metavar="URL", help="address of the web page")
    parser.add_argument("--title", metavar="TITLE", help="title to show instead of the page's own")
    add_adding_arguments(parser)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Add the page."""
    return add_source("add_website", {"url": arguments.url, "title": arguments.title}, arguments, flags)
