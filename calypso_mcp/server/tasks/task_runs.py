"""Carries tasks out: each begins as a call, and becomes a task once it takes longer than a moment.

Two jobs run for a task. One makes the call. The other keeps its record, checks whether the caller has
cancelled it or answered a question, and ends it once the caller may do less than when it began.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio
from mcp.server.context import HandlerResult
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    CallToolRequestParams,
    ErrorData,
    InputRequiredResult,
    InputResponseRequestParams,
)
from pydantic import BaseModel

from calypso_mcp.concurrency import open_task_group, run_in_background
from calypso_mcp.errors import CalypsoError, ScopeError
from calypso_mcp.server.calls.call_time import LongCall, running
from calypso_mcp.server.calls.tool_calls import log_crash
from calypso_mcp.server.results import error_reports
from calypso_mcp.server.tasks.task_records import Status, TaskRecords

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from calypso_mcp.server.tasks.task_records import TaskRecord

_log = logging.getLogger(__name__)

#: Returns whether the caller may still do what it could when the task began.
StillAllowed = Callable[[], Awaitable[bool]]
#: The status of a task, a message about it, and its result or error as JSON.
Outcome = tuple[Status, str, dict[str, Any] | None]

_ID_BYTES: Final = 16
#: Longest that the last record of a task may take while the process ends, in seconds.
_LAST_WORD_S: Final = 1.0
#: The error of a task whose server stopped first.
INTERRUPTED: Final = ErrorData(
    code=INTERNAL_ERROR,
    message="The server stopped during the call. Make the same call again: it continues where it stopped.",
)

#: The error of a call whose caller has fewer rights than when the call began.
WITHDRAWN: Final = ScopeError(
    "Your access changed during the call, so the server ended the call.", code="permission_denied"
)


@dataclass(frozen=True, slots=True)
class TaskPolicy:
    """How tasks are run.

    Attributes:
        after_s: Seconds after which a call becomes a task.
        wait_s: Seconds that a task may take whose call gives no `timeout_s`.
        beat_s: Seconds between two reports of a worker, two polls of a client, and two checks of its rights.
        most: Tasks at once; a call beyond them runs within its request, as without the extension.
        most_per_caller: The same for one caller.
    """

    after_s: float = 2.0
    wait_s: float = 3_600.0
    beat_s: float = 2.0
    most: int = 64
    most_per_caller: int = 8


@dataclass(frozen=True, slots=True)
class TaskOwner:
    """The caller that a call belongs to.

    Attributes:
        key: Hash of the caller and its limits: who may ask about the task.
        caller: Hash of the caller alone: the task counts for this caller under any limits.
        most: Requests that the caller may have in flight; None: no limit of its own.
        still_allowed: Whether the caller may go on; asked while the task runs.
    """

    key: str
    caller: str
    most: int | None
    still_allowed: StillAllowed


@dataclass(slots=True)
class _Run:
    """A call that may become a task.

    Attributes:
        params: Of the call; the client's answers are added to them.
        long: What the call itself may read of the task, and reports to it.
        ended: Set when the call has ended or was cancelled.
        news: Set when the record is to be checked before the next beat.
        questions: What it asks now, by key.
        answered: Set when all of that has been answered.
    """

    params: CallToolRequestParams
    make: Callable[[], Awaitable[HandlerResult]]
    still_allowed: StillAllowed
    long: LongCall
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    result: HandlerResult = None
    error: MCPError | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)
    news: anyio.Event = field(default_factory=anyio.Event)
    questions: dict[str, Any] = field(default_factory=dict[str, Any])
    answered: anyio.Event = field(default_factory=anyio.Event)

    async def work(self) -> None:
        """Make the call, again after each question that was answered."""
        try:
            with self.scope, running(self.long):
                self.result = await self.make()
                while isinstance(self.result, InputRequiredResult) and self.long.is_detached:
                    await self._ask(self.result)
                    self.result = await self.make()
        except MCPError as error:
            self.error = error
        except Exception as crash:  # noqa: BLE001 - one task that fails must not end the others
            reference = log_crash(f"task of tool {self.params.name}", crash)
            self.error = error_reports.protocol_error(error_reports.unexpected(reference))
        finally:
            self.ended.set()
            self.news.set()

    async def _ask(self, asked: InputRequiredResult) -> None:
        requests = asked.model_dump(by_alias=True, mode="json", exclude_none=True)["inputRequests"]
        known = self.params.input_responses or {}
        if not requests.keys() - known.keys():
            raise MCPError(code=INTERNAL_ERROR, message="The call repeats a question that was answered.")
        self.questions = {key: request for key, request in requests.items() if key not in known}
        self.answered = anyio.Event()
        self.news.set()
        await self.answered.wait()

    def take(self, answers: dict[str, Any]) -> None:
        """Go on with the call once every question is answered."""
        if not self.questions or self.questions.keys() - answers.keys():
            return
        given = InputResponseRequestParams.model_validate({"inputResponses": answers}).input_responses
        self.params.input_responses = {**(self.params.input_responses or {}), **(given or {})}
        self.questions = {}
        self.answered.set()

    def outcome(self) -> Outcome:
        """Return how the task has ended."""
        if self.error is not None:
            return _failed(self.error.error)
        if isinstance(self.result, BaseModel) and not isinstance(self.result, InputRequiredResult):
            return "completed", "", self.result.model_dump(by_alias=True, mode="json", exclude_none=True)
        if self.scope.cancel_called:
            return "cancelled", "Sources that were already stored are kept.", None
        return _failed(INTERRUPTED)


class TaskRuns:
    """The tasks of one process."""

    def __init__(self, records: TaskRecords, policy: TaskPolicy | None = None, *, account: str = "") -> None:
        """Start nothing; processes of other accounts (see `account_of`) may keep tasks in the same folder."""
        self.account = account
        self.records = records
        self.policy = policy or TaskPolicy()
        self._group: TaskGroup | None = None
        self._runs: dict[str, _Run] = {}
        #: The caller of each call that may become a task.
        self._running: list[str] = []

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Run tasks during the block; those that it leaves unfinished are recorded as interrupted."""
        try:
            async with open_task_group() as group:
                self._group = group
                yield
                group.cancel_scope.cancel()
        finally:
            self._group = None
            self.records.close()

    async def call(
        self,
        params: CallToolRequestParams,
        make: Callable[[], Awaitable[HandlerResult]],
        owner: TaskOwner,
    ) -> HandlerResult | TaskRecord:
        """Return the result of a call, or the task that continues it.

        `make` makes the call, and again after the client has answered its questions.

        Raises:
            MCPError: The call ended with a protocol error.
        """
        policy, caller = self.policy, owner.caller
        most = min(policy.most_per_caller, owner.most or policy.most_per_caller)
        if self._group is None or len(self._running) >= policy.most or self._running.count(caller) >= most:
            return await self.within_request(make, owner)
        gives_time = (params.arguments or {}).get("timeout_s") is not None
        run = _Run(params, make, owner.still_allowed, LongCall(None if gives_time else policy.wait_s))
        task_id = f"call_{secrets.token_hex(_ID_BYTES)}"
        self._running.append(caller)
        self._group.start_soon(self._work, run, caller)
        record: TaskRecord | None = None
        try:
            with anyio.move_on_after(policy.after_s):
                await run.ended.wait()
            if run.ended.is_set():
                if run.error is not None:
                    raise run.error
                return run.result
            run.long.is_detached = True
            record = await self.records.add(task_id, owner.key, caller, run.long.progress)
            self._runs[task_id] = run
            self._group.start_soon(self._keep, task_id, run)
        except CalypsoError as error:
            _log.warning("A call runs within its request: %s %s", error.message, error.hint)
        finally:
            if record is None:
                run.scope.cancel()
        if record is not None:
            return record
        await run.ended.wait()  # again, in the time of a call that is no task: it continues where it stopped
        return await self.within_request(make, owner)

    async def within_request(
        self, make: Callable[[], Awaitable[HandlerResult]], owner: TaskOwner
    ) -> HandlerResult:
        """Return the result of a call that is no task, or an error once its caller may do less."""

        async def watch() -> None:
            may_go_on = True
            while may_go_on:
                await anyio.sleep(self.policy.beat_s)
                with suppress(CalypsoError):  # a failed check withdraws nothing
                    may_go_on = await owner.still_allowed()
            scope.cancel()

        with anyio.CancelScope() as scope:
            async with run_in_background(watch):
                return await make()
        return error_reports.report(WITHDRAWN)

    def look(self, task_id: str) -> None:
        """Check the record of a task now, if it runs in this process."""
        if task_id in self._runs:
            self._runs[task_id].news.set()

    async def _work(self, run: _Run, caller: str) -> None:
        try:
            await run.work()
        finally:
            self._running.remove(caller)

    async def _keep(self, task_id: str, run: _Run) -> None:
        """Keep the record of a task until it has ended."""
        asked: dict[str, Any] = {}
        try:
            while not run.ended.is_set():
                with anyio.move_on_after(self.policy.beat_s):
                    await run.news.wait()
                run.news = anyio.Event()
                if run.ended.is_set():
                    break
                try:
                    if run.questions is not asked:
                        asked = run.questions
                        if asked:
                            await self.records.settle(task_id, "input_required", "", asked)
                    record = await self.records.report_in(task_id, run.long.progress)
                    may_go_on = await run.still_allowed()
                except CalypsoError:
                    continue  # the next beat may succeed; a client sees a task that stays silent as ended
                if record is None or record.is_cancelled or not may_go_on:
                    run.scope.cancel()
                    await run.ended.wait()
                else:
                    run.take(json.loads(record.answers))
        finally:
            del self._runs[task_id]
            with anyio.CancelScope(shield=True), anyio.move_on_after(_LAST_WORD_S):
                await self._settle(task_id, run)

    async def _settle(self, task_id: str, run: _Run) -> None:
        status, message, content = run.outcome()
        try:
            await self.records.settle(task_id, status, message, content)
        except CalypsoError as error:
            log_crash(f"the record of a task of tool {run.params.name}", error)


def _failed(error: ErrorData) -> Outcome:
    return "failed", error.message, error.model_dump(mode="json", exclude_none=True)
