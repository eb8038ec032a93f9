"""`calypso-mcp ask`: an answer with citations."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.calling import add_calling_arguments, call_tool, print_next_step, print_result
from calypso_mcp.cli.printing.hits import print_hits
from calypso_mcp.cli.printing.terminal import columns
from calypso_mcp.domain.untrusted_text import clean


def add_arguments(parser: CommandParser) -> None:
    """Take the question."""
    parser.description = "Ask an agent. It answers from its buckets and cites its sources."
    parser.add_argument("question", metavar="QUESTION", help="the question, in plain words")
    parser.add_argument("--conversation", metavar="ID", help="conversation id of the previous answer")
    add_calling_arguments(parser)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Print the answer and what it rests on; 1 if the sources do not say."""
    # Asked for by any of its names; as a limit, a name that no agent has would leave none, whichever it is.
    limits = {name: value for name, value in flags.items() if name != "agent"}
    asked = {
        "question": arguments.question,
        "conversation_id": arguments.conversation,
        "agent": flags.get("agent"),
    }
    result = call_tool("ask_agent", asked, limits)
    has_answer = bool(result.get("citations"))
    if not print_result(result, arguments):
        for paragraph in clean(str(result["answer"])).splitlines():
            print(textwrap.fill(paragraph, columns()))
        if has_answer:
            print_hits("Sources", result["citations"])
        print_next_step(result)
    return 0 if has_answer else 1
