"""`calypso-mcp search`: passages with citations."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.calling import add_calling_arguments, call_tool, print_next_step, print_result
from calypso_mcp.cli.printing.hits import print_gaps, print_hits
from calypso_mcp.settings import load_settings


def add_arguments(parser: CommandParser) -> None:
    """Take the question and how many passages to show."""
    parser.description = "Find passages in the buckets. --bucket limits the search to some of them."
    parser.add_argument("query", metavar="QUERY", help="what to look for, in plain words")
    parser.add_argument(
        "--max-results", type=int, default=5, metavar="N", help="passages to show, at most 20 (5)"
    )
    add_calling_arguments(parser)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Print the passages found; return 1 if there is none."""
    # Besides limiting the search, the flag names buckets: one that does not exist is an error.
    named = load_settings(flags).buckets if "buckets" in flags else ()
    asked = {"query": arguments.query, "max_results": arguments.max_results, "buckets": named}
    result = call_tool("search_bucket", asked, flags)
    if not print_result(result, arguments):
        print_hits(arguments.query, result["hits"])
        print_gaps(result)
        print_next_step(result)
    return 0 if result["hits"] else 1
