"""Commands that add a web page, or a question with its answer, and print the result."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.calling import call_tool, print_result
from calypso_mcp.cli.calls.mcp_session import ToolFailed, naming_create_bucket
from calypso_mcp.cli.printing.tool_names import in_commands
from calypso_mcp.domain.untrusted_text import clean_line

_LINE_CHARS = 200


def add_adding_arguments(parser: CommandParser) -> None:
    """Take the bucket, `--json`, and the settings that say where Calypso is."""
    parser.add_bucket()
    parser.add_json()
    parser.add_settings({"calypso", "observing"})


def add_source(
    tool: str, asked: Mapping[str, object], arguments: argparse.Namespace, flags: Mapping[str, object]
) -> int:
    """Call the tool that adds a source and print what became of it; 1 if it cannot be indexed."""
    asked = {**asked, "bucket": arguments.destination}
    with naming_create_bucket(arguments.destination):
        try:
            result = call_tool(tool, asked, flags)
        except ToolFailed as error:
            if error.code != "bucket_not_found" or not arguments.create_bucket:
                raise
            created = call_tool("create_bucket", {"name": arguments.destination}, flags)
            print(f"new bucket: {created['slug']}", file=sys.stderr)
            result = call_tool(tool, asked, flags)
    if not print_result(result, arguments):
        stands = f"{result['readiness']} in {result['bucket']}"
        print(clean_line(f"{result['outcome']}: {result['title']}, {stands}", _LINE_CHARS))
        for fact in ("reason", "next_step"):
            if result.get(fact):
                print(clean_line(in_commands(result[fact]), _LINE_CHARS))
    return int(result["readiness"] == "failed")
