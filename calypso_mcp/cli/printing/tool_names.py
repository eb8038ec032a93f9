"""The names of tools in texts: what agents call, people type as a command."""

from __future__ import annotations

import re

#: What a person types where an agent calls a tool.
_COMMANDS = {
    "add_qa": "add-qa",
    "add_website": "add-url",
    "ask_agent": "ask",
    "create_agent": "open",
    "create_bucket": "upload PATH --bucket NAME --create-bucket",
    "list_agents": "list",
    "list_buckets": "list",
    "list_sources": "list BUCKET",
    "read_source": "read",
    "remove_source": "remove",
    "search_bucket": "search",
    "upload_batch": "upload",
    "upload_file": "upload",
    "wait_for_bucket_sync": "list BUCKET",
}
#: A quoted name is the tool itself: there is no such tool. In a path it is a person's file.
_CALLED = re.compile(rf"(\bCall )?(?<![\w'/\\-])({'|'.join(_COMMANDS)})(?![\w/\\-]|\.\w)")


def in_commands(text: str) -> str:
    """Return a text for agents as one for people: with the command to type in place of a tool to call."""
    return _CALLED.sub(
        lambda called: f"{'Run ' if called[1] else ''}`calypso-mcp {_COMMANDS[called[2]]}`", text
    )
