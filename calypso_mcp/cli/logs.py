"""Logs go to stderr: stdout belongs to MCP, or to the person's result."""

from __future__ import annotations

import logging
import sys

#: Loggers that write whole URLs; ours hold upload addresses, which are secrets.
_TALKATIVE = ("httpx2", "httpcore2", "uvicorn.access", "mcp", "asyncio")


def log_to_stderr(level: str) -> None:
    """Send log records of `level` and above to stderr; other libraries' only from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
