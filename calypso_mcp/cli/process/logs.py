"""Logs go to stderr: stdout belongs to MCP, or to the person's result."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

from typing_extensions import override

from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.settings import Settings, load_settings

#: Characters of one log line.
_LONGEST_LINE = 10_000


class _CleanLines(logging.Formatter):
    """Writes what a record says on one line, whatever an API or a person put into it."""

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        return clean_line(super().formatMessage(record), _LONGEST_LINE)


def load_settings_and_log(flags: Mapping[str, object]) -> Settings:
    """Return the settings of this process, and send log records of their level and above to stderr.

    Other libraries' records are sent only from warnings on: some log whole URLs, answers or events, and with
    them stored passages and upload addresses, which are secrets. Which libraries do so changes with every
    version, so none is trusted.

    Raises:
        ConfigError: A setting is wrong.
    """
    settings = load_settings(flags)
    handler = logging.StreamHandler(sys.stderr)
    formatter = _CleanLines("%(asctime)s %(levelname)s %(name)s: %(message)s")
    if settings.log_json:
        from calypso_mcp.server.telemetry import JsonLines

        formatter = JsonLines()
    handler.setFormatter(formatter)
    ours = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(level=max(ours, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("calypso_mcp").setLevel(ours)
    return settings
