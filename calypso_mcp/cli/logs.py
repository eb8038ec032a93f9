"""Logs go to stderr: stdout belongs to MCP, or to the person's result."""

from __future__ import annotations

import logging
import sys


def log_to_stderr(level: str, *, as_json: bool = False) -> None:
    """Send log records of `level` and above to stderr; other libraries' only from warnings on.

    Some write whole URLs, answers or events: upload addresses, which are secrets, and stored passages. Which
    of them do changes with every new version, so none is trusted.

    Args:
        level: Lowest level of our own records.
        as_json: One JSON object a line, with the structured fields of each record.
    """
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    if as_json:
        from calypso_mcp.server.telemetry import JsonLines

        formatter = JsonLines()
    handler.setFormatter(formatter)
    ours = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(ours, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("calypso_mcp").setLevel(ours)
