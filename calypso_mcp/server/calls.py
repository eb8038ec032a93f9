"""The MCP server class: one wrapper around every tool call, for errors, time and log lines."""

from __future__ import annotations

import logging
import secrets
import time
import traceback
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, InputRequiredResult
from pydantic import ValidationError

from calypso_mcp.errors import CalypsoError
from calypso_mcp.server import error_reports
from calypso_mcp.server.state import ServerState

logger = logging.getLogger(__name__)


class CalypsoServer(MCPServer[ServerState]):
    """An `MCPServer` whose every failed call tells the agent what happened and what to do next."""

    def __init__(self, *, tools: list[Tool], **options: Any) -> None:
        super().__init__(tools=tools, **options)
        self._arguments = {tool.name: tuple(tool.parameters["properties"]) for tool in tools}

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[ServerState, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; every failure but a protocol error comes back as a result."""
        started = time.perf_counter()
        outcome = "ok"
        try:
            known = self._arguments.get(name)
            if known is not None and (unknown := arguments.keys() - set(known)):
                raise error_reports.unknown_arguments(name, unknown, known)  # noqa: TRY301 - same report
            return await super().call_tool(name, arguments, context)
        except (CalypsoError, ToolError) as raised:
            error = _as_calypso_error(name, raised)
            if error is None:
                outcome = "unknown tool"
                raise
            outcome = error.code
            return error_reports.report(error)
        except BaseException:
            outcome = "cancelled"
            raise
        finally:
            # Names and times only: arguments and results are the caller's data.
            logger.info("tool %.40r %s in %.0f ms", name, outcome, (time.perf_counter() - started) * 1000)


def _as_calypso_error(name: str, raised: CalypsoError | ToolError) -> CalypsoError | None:
    if isinstance(raised, CalypsoError):
        return raised
    cause = raised.__cause__
    if isinstance(cause, CalypsoError):
        return cause
    if isinstance(cause, ValidationError) and not isinstance(raised, UnexpectedToolError):
        return error_reports.invalid_arguments(name, cause)
    if isinstance(raised, UnexpectedToolError) and cause is not None:
        return error_reports.unexpected(log_crash(f"tool {name}", cause))
    return None


def log_crash(where: str, crash: BaseException) -> str:
    """Log a bug of ours and return the reference that finds it.

    Only where it happened: the text of a foreign exception may carry a caller's data.
    """
    reference = secrets.token_hex(4)
    frames = traceback.extract_tb(crash.__traceback__)
    path = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    logger.error("%s crashed with %s (reference %s) at %s", where, type(crash).__name__, reference, path)
    return reference
