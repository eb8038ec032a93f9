"""Logs go to stderr: stdout belongs to MCP, or to the person's result."""

from __future__ import annotations

import logging
import sys

from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.settings import Settings

#: Characters of one log line.
_LONGEST_LINE = 10_000


class _CleanLines(logging.Formatter):
    """Writes what a record says on one line, whatever an API or a person put into it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - named by the base class
        """Return the line."""
        return clean_line(super().formatMessage(record), _LONGEST_LINE)


def log_to_stderr(settings: Settings) -> None:
    """Send log records of the level that is set and above to stderr; other libraries' only from warnings on.

    Some log whole URLs, answers or events, and with them stored passages and upload addresses, which are
    secrets. Which libraries do so changes with every version, so none is trusted.
    """
    handler = logging.StreamHandler(sys.stderr)
    formatter = _CleanLines("%(asctime)s %(levelname)s %(name)s: %(message)s")
    if settings.log_json:
        from calypso_mcp.server.telemetry import JsonLines

        formatter = JsonLines()
    handler.setFormatter(formatter)
    ours = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(level=max(ours, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("calypso_mcp").setLevel(ours)
