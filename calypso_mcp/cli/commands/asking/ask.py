"""`calypso-mcp ask`: an answer with citations."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import anyio

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.calling import add_calling_arguments, print_next_step, print_result
from calypso_mcp.cli.calls.mcp_session import open_session
from calypso_mcp.cli.printing.hits import print_hits
from calypso_mcp.cli.printing.terminal import columns, fill
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.domain.untrusted_text import clean


def add_arguments(parser: CommandParser) -> None:
    """Take the question."""
    parser.description = "Ask an agent. It answers from its buckets and cites its sources."
    parser.add_argument("question", metavar="QUESTION", help="the question, in plain words")
    parser.add_argument("--conversation", metavar="ID", help="conversation id of the previous answer")
    add_calling_arguments(parser)


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Print the answer and what it rests on; 1 if the sources do not say."""
    settings = load_settings_and_log(flags)
    asked = {
        "question": arguments.question,
        "conversation_id": arguments.conversation,
        "agent": settings.agent,
    }

    async def work() -> dict[str, Any]:
        # An agent that is asked may go by any of its names, and an error lists the others. A limit knows ids
        # only, and a wrong one hides every agent.
        async with open_session(settings.model_copy(update={"agent": None})) as session:
            return await session.call("ask_agent", asked)

    result = anyio.run(work)
    has_answer = bool(result.get("citations"))
    if not print_result(result, arguments):
        for paragraph in clean(str(result["answer"])).splitlines():
            print(fill(paragraph, columns()))
        if has_answer:
            print_hits("Sources", result["citations"])
        print_next_step(result)
    return 0 if has_answer else 1
