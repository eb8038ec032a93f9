"""The extension `io.modelcontextprotocol/tasks` as its specification of 2026-07-28 has it.

A client that declares it may receive a task in place of a result. The server decides which calls become
tasks: those of tools that wait (`timeout_s`), once they take longer than a moment. For every other client
nothing changes. Tasks of another caller, or of the same caller under other limits, are unknown to a caller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from mcp.server.context import CallNext, HandlerResult
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CancelTaskRequestParams,
    GetTaskRequestParams,
    InputResponseRequestParams,
    RequestParams,
)
from mcp_types.jsonrpc import HEADER_MISMATCH
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field, ValidationError
from starlette.requests import Request

from calypso_mcp.domain.uploads.declaration import content_digest
from calypso_mcp.errors import CalypsoError
from calypso_mcp.server.results import error_reports
from calypso_mcp.server.scope.request_scope import Access, access_of
from calypso_mcp.server.state import McpRequest
from calypso_mcp.server.tasks.task_records import KEPT_S, TaskRecord
from calypso_mcp.server.tasks.task_runs import INTERRUPTED, TaskOwner, TaskRuns

TASKS: Final = "io.modelcontextprotocol/tasks"

_VERSIONS = frozenset(MODERN_PROTOCOL_VERSIONS)
#: The field with the content of a finished or waiting task.
_CONTENT_FIELDS: Final = {"completed": "result", "failed": "error", "input_required": "inputRequests"}


class _UpdateTaskParams(RequestParams, defer_build=True):
    task_id: str
    #: Answers without a question may have any shape: they are dropped.
    input_responses: Annotated[dict[str, Any], Field(default_factory=dict)]


class TasksExtension(Extension):
    """Returns tasks for long calls, and answers requests about them."""

    identifier = TASKS

    def __init__(self, runs: TaskRuns, waits: Callable[[str], bool]) -> None:
        """Answer calls of tools that `waits` says may take long with tasks."""
        self._runs = runs
        self._waits = waits

    def methods(self) -> Sequence[MethodBinding]:
        """Return what a client can ask about a task."""
        return (
            MethodBinding("tasks/get", GetTaskRequestParams, self._get, _VERSIONS),
            MethodBinding("tasks/update", _UpdateTaskParams, self._update, _VERSIONS),
            MethodBinding("tasks/cancel", CancelTaskRequestParams, self._cancel, _VERSIONS),
        )

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: McpRequest, call_next: CallNext
    ) -> HandlerResult:
        """Answer a long call of a client that declares the extension with a task.

        One that runs within its request ends once the caller may do less, as a task does.
        """
        if not self._waits(params.name) or ctx.lifespan_context.problem is not None:
            return await call_next(ctx)
        access = access_of(ctx)
        if not _declares(ctx) and not access.grant.name:
            return await call_next(ctx)  # without a login there is nothing to lose
        try:
            owner = await self._owner_of(access)
        except CalypsoError:
            return await call_next(ctx)  # which meets the same error, and reports it
        if not _declares(ctx):
            return await self._runs.within_request(lambda: call_next(ctx), owner)
        outcome = await self._runs.call(params, lambda: call_next(ctx), owner)
        if isinstance(outcome, TaskRecord):
            return {"resultType": "task", **self._facts(outcome)}
        return outcome

    async def _get(self, ctx: McpRequest, params: GetTaskRequestParams) -> HandlerResult:
        record = await self._require(ctx, params.task_id)
        if self._runs.records.is_abandoned(record):
            record = replace(
                record, status="failed", message=INTERRUPTED.message, content=INTERRUPTED.model_dump_json()
            )
        shown = _CONTENT_FIELDS.get(record.status)
        if shown is None or record.content is None:
            return self._facts(record)
        return {**self._facts(record), shown: json.loads(record.content)}

    async def _update(self, ctx: McpRequest, params: _UpdateTaskParams) -> HandlerResult:
        record = await self._require(ctx, params.task_id)
        answers = _answers(record, params.input_responses)
        with _as_protocol_errors():
            await self._runs.records.answer(record.task_id, answers)
        self._runs.look(record.task_id)
        return {}

    async def _cancel(self, ctx: McpRequest, params: CancelTaskRequestParams) -> HandlerResult:
        record = await self._require(ctx, params.task_id)
        with _as_protocol_errors():
            await self._runs.records.cancel(record.task_id)
        self._runs.look(record.task_id)
        return {}

    async def _require(self, ctx: McpRequest, task_id: str) -> TaskRecord:
        """Return a task of the caller.

        Raises:
            MCPError: The id is unknown, the client does not declare the extension, the request is
                labelled with another task, or the record of tasks cannot be used.
        """
        require_client_extension(ctx, TASKS)
        _require_label(ctx, task_id)
        with _as_protocol_errors():
            record = await self._runs.records.find(task_id, await self._key(access_of(ctx)))
        if record is None:
            raise MCPError(code=INVALID_PARAMS, message="The task is unknown, or its record has expired.")
        return record

    async def _owner_of(self, access: Access) -> TaskOwner:
        key = await self._key(access)

        async def still_allowed() -> bool:
            now = await access.renewed()
            return (
                now is not None
                and now.grant.read_only == access.grant.read_only
                and await self._key(now) == key
            )

        return TaskOwner(key, self._caller(access), access.grant.concurrent_calls, still_allowed)

    def _caller(self, access: Access) -> str:
        return content_digest(
            "task caller", self._runs.account, access.grant.name, access.grant.key_reference
        )

    async def _key(self, access: Access) -> str:
        """Return the owner of a caller's tasks, as records keep it.

        Other limits make another owner, and so do other buckets of an agent that a limit names.
        """
        limits = sorted((sorted(limit.buckets), sorted(limit.agents)) for limit in access.limits)
        return content_digest(
            "task owner", self._caller(access), limits, sorted(await access.attached_bucket_ids())
        )

    def _facts(self, record: TaskRecord) -> dict[str, Any]:
        """Return what every answer about a task holds."""
        facts: dict[str, Any] = {
            "taskId": record.task_id,
            "status": record.status,
            "createdAt": _timestamp(record.created_at),
            "lastUpdatedAt": _timestamp(record.changed_at),
            "ttlMs": KEPT_S * 1_000,
            "pollIntervalMs": int(self._runs.policy.beat_s * 1_000),
        }
        return {**facts, "statusMessage": record.message} if record.message else facts


def require_tasks_declared(ctx: McpRequest) -> None:
    """Raise the error for a stream of task notifications that is asked for without the extension.

    Such notifications are never sent: clients poll instead, as the specification allows.
    """
    notifications = (ctx.params or {}).get("notifications")
    if isinstance(notifications, Mapping) and "taskIds" in notifications:
        require_client_extension(ctx, TASKS)


def _answers(record: TaskRecord, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers to open questions of a task; others are dropped."""
    asked: Mapping[str, Any] = json.loads(record.content or "{}") if record.status == "input_required" else {}
    answers = {key: given[key] for key in asked if key in given}
    try:
        InputResponseRequestParams.model_validate({"inputResponses": answers})
    except ValidationError:
        raise MCPError(code=INVALID_PARAMS, message="An answer does not fit its question.") from None
    return answers


def _require_label(ctx: McpRequest, task_id: str) -> None:
    """Raise an error where the header that balancers route by names another task (MCP, tasks)."""
    http: Any = ctx.request
    label = http.headers.get(MCP_NAME_HEADER) if isinstance(http, Request) else None
    if label is not None and decode_header_value(label) != task_id:
        raise MCPError(code=HEADER_MISMATCH, message=f"{MCP_NAME_HEADER} names another task.")


def _declares(ctx: McpRequest) -> bool:
    capabilities = ctx.session.client_capabilities
    declared = capabilities.extensions if capabilities else None
    return TASKS in (declared or {}) and ctx.protocol_version in _VERSIONS


@contextmanager
def _as_protocol_errors() -> Generator[None]:
    try:
        yield
    except CalypsoError as error:
        raise error_reports.protocol_error(error) from error


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
