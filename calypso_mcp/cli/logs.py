"""Logs go to stderr: stdout belongs to MCP, or to the person's result."""

from __future__ import annotations

import logging
import sys

#: Loggers that write whole URLs; ours hold upload addresses, which are secrets.
_TALKATIVE = ("httpx2", "httpcore2", "uvicorn.access", "mcp", "asyncio")


def log_to_stderr(level: str, *, as_json: bool = False) -> None:
    """Send log records of `level` and above to stderr; other libraries' only from warnings on.

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
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
