"""The MCP server class: one wrapper around every tool call, for errors, time and log lines."""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Sequence
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import UnexpectedToolError
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, InputRequiredResult, ListToolsResult, PaginatedRequestParams
from pydantic import ValidationError

from calypso_mcp.api.connection import Extension
from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.errors import CalypsoError
from calypso_mcp.server import sdk
from calypso_mcp.server.calls.call_arguments import CallArguments, read_arguments
from calypso_mcp.server.calls.call_time import DEFAULT_CALL_S, LONGEST_CALL_S, limited_call
from calypso_mcp.server.calls.confirmation import QuestionForUser
from calypso_mcp.server.calls.tool_list import listed_tools
from calypso_mcp.server.calls.tool_spec import ToolSpec
from calypso_mcp.server.chat_view import listed_for
from calypso_mcp.server.results import error_reports
from calypso_mcp.server.results.models import with_ignored
from calypso_mcp.server.scope.request_scope import access_of
from calypso_mcp.server.state import CallContext, McpRequest, ServerState

logger = logging.getLogger(__name__)

_TIMEOUT = "timeout_s"


class CalypsoServer(MCPServer[ServerState]):
    """An `MCPServer` in which every failed call reports what happened and what to do next."""

    def __init__(self, *, specs: Sequence[ToolSpec], reads_files: bool = True, **options: Any) -> None:
        """Offer the tools of `specs`, with paths if it `reads_files`; `options` are those of `MCPServer`."""
        with sdk.logging_left_alone():
            super().__init__(**options)
        self._specs = {spec.name: spec for spec in specs}
        self._listed = listed_tools(reads_files=reads_files)
        sdk.offer_when_called(self, {spec.name: spec.build for spec in specs})
        sdk.handle(self, "tools/list", PaginatedRequestParams, self._on_list_tools)

    async def tools_of(self, request: McpRequest) -> frozenset[str]:
        """Return the names of the tools to offer: the credential may call them, and the backend can."""
        if request.lifespan_context.problem is not None:
            return frozenset(self._specs)
        access = access_of(request)
        needed = any(spec.needs is not None for spec in self._specs.values())
        can = await access.backend.abilities_to_offer() if needed else frozenset[Extension]()
        return frozenset(
            spec.name
            for spec in self._specs.values()
            if (spec.read_only or not access.grant.read_only)
            and (spec.needs is None or spec.needs in can)
            and (access.may_make or not spec.makes)
        )

    async def _on_list_tools(self, request: McpRequest, params: PaginatedRequestParams) -> ListToolsResult:
        error_reports.require_no_cursor(params, "tools/list")
        names = await self.tools_of(request)
        return listed_for(request, [tool for name, tool in self._listed.items() if name in names])

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: CallContext | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; every failure but a protocol error comes back as a result."""
        request = (context or Context(mcp_server=self)).request_context
        state = request.lifespan_context
        read = CallArguments({})
        grant = state.grant_for(request)
        with state.telemetry.tool_call(name, arguments, caller=grant.name) as call:
            if state.problem is not None:
                # Not raised: the traceback of a shared exception grows each time it is raised.
                call.outcome = state.problem.code
                return error_reports.report(state.problem)
            try:
                await self._require(name, grant, request)
                read = read_arguments(name, self._listed[name].input_schema, arguments)
                if read.ignored:
                    # What names local files is not offered everywhere, but the tool says why.
                    read = read_arguments(name, listed_tools(reads_files=True)[name].input_schema, arguments)
                with limited_call(_timeout_s(read.values) if self.takes_time(name) else None):
                    result = await super().call_tool(name, read.values, context)
            except MCPError:
                raise
            except Exception as raised:  # noqa: BLE001 - an import that fails after an update raises any
                if isinstance(raised.__cause__, QuestionForUser):
                    return raised.__cause__.result
                error = _as_calypso_error(name, raised)
                call.outcome = error.code
                result = error_reports.report(error)
        return with_ignored(result, read.ignored) if isinstance(result, CallToolResult) else result

    async def _require(self, name: str, grant: AccessGrant, request: McpRequest) -> None:
        """Check that the tool `name` may be called.

        Raises:
            InputError: There is no such tool here, or the backend lacks what it needs.
            CalypsoError: The backend could not be asked what it can do.
        """
        spec = self._specs.get(name)
        if spec is None or (grant.read_only and not spec.read_only):
            with limited_call(None):
                raise error_reports.unknown_tool(name, sorted(await self.tools_of(request)))
        if spec.needs is not None:
            with limited_call(None):
                if not await request.lifespan_context.backend_for(grant).can(spec.needs):
                    raise error_reports.unsupported_tool(name)

    def takes_time(self, name: str) -> bool:
        """Whether callers say how long a call of the tool `name` may take."""
        return name in self._specs and _TIMEOUT in self._listed[name].input_schema["properties"]


def _timeout_s(arguments: dict[str, Any]) -> float:
    """Return the seconds that `arguments` allow."""
    given = arguments.get(_TIMEOUT)
    # The tool itself refuses any other value.
    return float(given) if isinstance(given, int) and 0 <= given <= LONGEST_CALL_S else DEFAULT_CALL_S


def _as_calypso_error(name: str, raised: Exception) -> CalypsoError:
    if isinstance(raised, CalypsoError):
        return raised
    cause = raised.__cause__
    if isinstance(cause, CalypsoError):
        return cause
    if isinstance(cause, ValidationError) and not isinstance(raised, UnexpectedToolError):
        return error_reports.invalid_arguments(name, cause)
    return error_reports.unexpected(log_crash(f"tool {name}", cause or raised))


def log_crash(where: str, crash: BaseException) -> str:
    """Log a bug of ours and return the reference that finds it.

    The log line has only the traceback: the text of a foreign exception may carry a caller's data.
    """
    reference = secrets.token_hex(4)
    frames = traceback.extract_tb(crash.__traceback__)
    path = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    logger.error("%s crashed with %s (reference %s) at %s", where, type(crash).__name__, reference, path)
    return reference
