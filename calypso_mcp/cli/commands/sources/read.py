"""`calypso-mcp read`: the text of a source."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.calling import add_calling_arguments, call_tool, print_result
from calypso_mcp.cli.printing.terminal import columns, fill
from calypso_mcp.domain.untrusted_text import clean, clean_line


def add_arguments(parser: CommandParser) -> None:
    """Take the source and where to begin."""
    parser.description = "Print the text of a source, as Calypso read it for searching."
    parser.add_argument("source", metavar="SOURCE", help="name or file id, as `calypso-mcp list` shows them")
    parser.add_argument("--start", metavar="PLACE", help="page, slide or line to start at")
    parser.add_argument("--max-chars", type=int, default=6000, metavar="N", help="most characters (6000)")
    add_calling_arguments(parser)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Print the text; return 1 if there is none."""
    asked = {"file_id": arguments.source, "start": arguments.start, "max_chars": arguments.max_chars}
    result = call_tool("read_source", asked, flags)
    passages = result["passages"]
    if print_result(result, arguments):
        return 0 if passages else 1
    if not passages:
        print(f"{result['name']} has no text to read: {result.get('reason', result.get('state', ''))}")
        return 1
    for passage in passages:
        if place := passage.get("place"):
            print(f"\n{clean_line(str(place), columns())}")
        for line in clean(str(passage["text"])).splitlines():
            print(fill(line, columns(), replace_whitespace=False))
    if following := result.get("next_start"):
        print(f"\nTo read on: --start '{following}'")
    return 0
