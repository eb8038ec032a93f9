"""`calypso-mcp add-qa`: a question and its answer into a bucket."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.adding import add_adding_arguments, add_source


def add_arguments(parser: CommandParser) -> None:
    """Take the question and its answer."""
    parser.description = "Store a question with its answer. The same question again replaces the answer."
    parser.add_argument("question", metavar="QUESTION", help="the question")
    parser.add_argument("answer", metavar="ANSWER", help="its answer")
    add_adding_arguments(parser)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Add the question."""
    asked = {"question": arguments.question, "answer": arguments.answer}
    return add_source("add_qa", asked, arguments, flags)
