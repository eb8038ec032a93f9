"""A client that declares the tasks extension and looks at every task itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import anyio
from mcp.client import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp_types import CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict

from calypso_mcp.server.tasks.extension import TASKS


class CreatedTask(Result):
    """A task in place of a result."""

    model_config = ConfigDict(extra="allow")

    result_type: Literal["task"] = "task"
    task_id: str
    status: str


class _Anything(Result):
    model_config = ConfigDict(extra="allow")


class _AboutTask(RequestParams):
    model_config = ConfigDict(extra="allow")

    task_id: str


class _TaskRequest(Request[_AboutTask, str]):
    method: str
    params: _AboutTask
    name_param = "taskId"


class DeclaresTasks(ClientExtension):
    """Declares the extension."""

    identifier = TASKS

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return (ResultClaim(result_type="task", model=CreatedTask, resolve=self._resolve),)

    async def _resolve(self, task: CreatedTask, _context: ClaimContext) -> CallToolResult:
        raise AssertionError(f"{task.task_id} was to be looked at by the test")


async def begin(client: Client, tool: str, **arguments: Any) -> CreatedTask | CallToolResult:
    """Call a tool and return what came: a task or a result."""
    answer = await client.session.call_tool(tool, arguments, allow_claimed=True)
    assert isinstance(answer, CreatedTask | CallToolResult)
    return answer


async def begin_task(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that takes long and return the id of the task."""
    answer = await begin(client, tool, **arguments)
    assert isinstance(answer, CreatedTask)
    return answer.task_id


async def about(client: Client, verb: str, task_id: str, **params: Any) -> dict[str, Any]:
    """Send `tasks/{verb}` and return the answer."""
    request = _TaskRequest(
        method=f"tasks/{verb}", params=_AboutTask.model_validate({"taskId": task_id, **params})
    )
    answer = await client.session.send_request(request, _Anything)
    return answer.model_dump(by_alias=True, mode="json")


async def until(client: Client, task_id: str, *statuses: str) -> dict[str, Any]:
    """Look at a task until it has one of `statuses`."""
    while True:
        task = await about(client, "get", task_id)
        if task["status"] in statuses:
            return task
        await anyio.sleep(0.01)  # as a client polls
