"""The tool that waits until uploads are searchable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from calypso_mcp.api.buckets import Bucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.api.sources import SourcesQuery, SourceState
from calypso_mcp.api.states import state_of_file, state_of_task
from calypso_mcp.client.readiness_target import ReadinessTarget
from calypso_mcp.concurrency import map_parallel
from calypso_mcp.domain.amounts import join_first
from calypso_mcp.domain.states.file_state import StateReport
from calypso_mcp.domain.states.readiness import Readiness, overall
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import InputError, OutOfTime, ScopeError
from calypso_mcp.server.calls.call_progress import CallProgress, Step, call_progress
from calypso_mcp.server.calls.call_time import DEFAULT_CALL_S, LONGEST_CALL_S, CallTime
from calypso_mcp.server.one_time.upload_ledger import UploadRecord, is_upload_id
from calypso_mcp.server.results.models import ToolResult, answer
from calypso_mcp.server.results.standings import (
    MOST_ITEMS,
    ItemStanding,
    ReadinessWord,
    list_items,
    reason_line,
)
from calypso_mcp.server.scope.request_scope import Access, CurrentAccess
from calypso_mcp.server.scope.scoped_lookup import (
    is_id,
    reach_of,
    require_arrived_file,
    require_batch,
    require_file,
    require_task,
    require_upload,
)
from calypso_mcp.server.scope.source_lists import find_source, list_page
from calypso_mcp.server.state import CallContext

Timeout = Annotated[int, Field(ge=0, le=LONGEST_CALL_S, description="Seconds to wait")]

#: Most files one call waits for; a batch or a bucket takes any number.
_MOST_FILES = 1_000
#: Of more files than this only those that are not ready are named.
_MOST_READY_NAMED = 30
_PARALLEL_LOOKUPS = 8
#: Each name is looked for in several buckets at once, and other callers share the event loop.
_PARALLEL_NAMES = 2
_MOST_NAMED = 5
_NOTABLE: tuple[SourceState, ...] = ("failed", "pending", "warning")
_ID_CHARS = 80


class UploadStanding(ToolResult):
    """Where something stands: ready means searchable, item by item."""

    readiness: ReadinessWord
    status: str | None = None
    ready: int
    failed: int
    pending: int
    items: list[ItemStanding] | None = None
    omitted: SkipJsonSchema[int | None] = None
    trouble: SkipJsonSchema[str | None] = None
    call_again: dict[str, Any] | None = None
    next_step: str


async def wait_for_bucket_sync(
    access: CurrentAccess,
    ctx: CallContext,
    *,
    bucket: Annotated[str, Field(description="All of it")] = "",
    file_ids: Annotated[list[str], Field(max_length=_MOST_FILES, description="These files")] = [],
    batch_id: Annotated[str, Field(description="All of a batch")] = "",
    task_id: Annotated[str, Field(description="An indexing task")] = "",
    timeout_s: Timeout = DEFAULT_CALL_S,
) -> Annotated[CallToolResult, UploadStanding]:
    """Wait until one of bucket, file_ids, batch_id, task_id is searchable; timeout_s=0 only looks.

    Pending is no error: call again.
    """
    given = {"bucket": bucket, "file_ids": file_ids, "batch_id": batch_id, "task_id": task_id}
    again: dict[str, Any] = {name: value for name, value in given.items() if value}
    if len(again) > 1:
        wanted = ", ".join(given)
        raise InputError(
            f"Give exactly one of {wanted}; {len(again)} were given.",
            code="invalid_arguments",
            hint=f"Keep one of {wanted}.",
        )
    time = CallTime(timeout_s)
    async with call_progress(ctx, ("indexing", "indexing")) as progress:
        try:
            with time.limited():
                awaited = await _awaited(access, bucket, file_ids, batch_id, task_id)
        except OutOfTime:
            return answer(_unanswered(again, len(file_ids) or 1))
        if isinstance(awaited, UploadStanding):
            return answer(awaited)
        report = await wait_indexed(access, awaited.target, time, progress)
        progress.update(_indexing_step(report))
    access.backend.catalogue.forget()
    again = awaited.again
    if file_ids and report.pending:
        again = {"file_ids": [item.file_id or item.id for item in report.pending]}
    if awaited.bucket is not None:
        return answer(_standing_of_bucket(report, again, await _notable_members(access, awaited.bucket)))
    name_ready = bool(task_id) or len(report.states) <= _MOST_READY_NAMED
    return answer(_standing(report, again, name_ready=name_ready))


async def wait_indexed(
    access: Access, target: ReadinessTarget, time: CallTime, progress: CallProgress
) -> StateReport:
    """Wait for `target` in the time of the call, and show how far it is."""
    return await access.client.readiness.wait(
        target,
        timeout_s=time.wait_s,
        first_look_s=time.left_s,
        on_progress=lambda report: progress.update(_indexing_step(report)),
    )


def _indexing_step(report: StateReport) -> Step:
    """Return how far indexing is: by files, or by members if a whole bucket is waited for."""
    if report.indexed_members is not None and report.pending_members is not None:
        total = report.indexed_members + report.pending_members
        return Step("indexing", files_done=report.indexed_members, files_total=total)
    return Step("indexing", files_done=report.settled, files_total=report.total)


@dataclass(frozen=True, slots=True)
class _Awaited:
    """What to wait for, the arguments that name it, and the bucket if it is a whole one."""

    target: ReadinessTarget
    again: dict[str, Any]
    bucket: Bucket | None = None


async def _awaited(
    access: Access, bucket: str, file_ids: list[str], batch_id: str, task_id: str
) -> _Awaited | UploadStanding:
    """Return what to wait for; its standing instead, if waiting here cannot help."""
    uploads = access.state.one_time_uploads
    if uploads is not None and len(file_ids) == 1 and is_upload_id(file_ids[0]):
        arriving = await require_upload(access, uploads, file_ids[0])
        if arriving.file_id is None:
            return _of_upload(arriving)
    if file_ids:
        return _Awaited(await _file_target(access, file_ids), {"file_ids": file_ids})
    if batch_id:
        batch = await require_batch(access, batch_id)
        target = ReadinessTarget(batch_id=batch.id, view=await reach_of(access))
        return _Awaited(target, {"batch_id": batch_id})
    if task_id:
        task, file = await require_task(access, task_id)
        if file is None:
            return _standing(StateReport((state_of_task(task.status),)), {"task_id": task_id})
        target = ReadinessTarget(file_ids=(file.id,), view=await reach_of(access))
        return _Awaited(target, {"task_id": task_id})
    found = await access.target_bucket(bucket)
    return _Awaited(ReadinessTarget(bucket_id=found.id), {"bucket": found.slug}, found)


@dataclass(frozen=True, slots=True)
class _Members:
    """The sources of a bucket that failed, are pending or were read with a warning, and how many failed."""

    named: StateReport
    failed: int


async def _notable_members(access: Access, bucket: Bucket) -> _Members | None:
    """Return the sources of a bucket that need attention; None: unknown."""
    if not await access.backend.can(Extension.SOURCES):
        return None
    failed, *others = [
        await list_page(access, bucket, SourcesQuery(bucket=bucket.id, state=state, limit=MOST_ITEMS))
        for state in _NOTABLE
    ]
    named = StateReport(tuple(state_of_file(source) for page in (failed, *others) for source in page.sources))
    return _Members(named, max(failed.total or 0, len(named.failed)))


def _unanswered(again: dict[str, Any], count: int) -> UploadStanding:
    """Return the result of a call that timed out before the API answered."""
    return UploadStanding(
        readiness=Readiness.PENDING,
        ready=0,
        failed=0,
        pending=count,
        trouble="The API has not answered in time.",
        call_again=again,
        next_step=_next_step(Readiness.PENDING),
    )


async def _file_id(access: Access, reference: str) -> str:
    """Return the id of the file that an id, the id of a one-time upload or a name means; else `reference`."""
    uploads = access.state.one_time_uploads
    if uploads is not None and is_upload_id(reference):
        return await require_arrived_file(access, uploads, reference)
    if is_id(reference):
        return reference
    try:
        return (await find_source(access, reference)).id
    except ScopeError:
        return reference


async def _file_target(access: Access, file_ids: list[str]) -> ReadinessTarget:
    named = list(dict.fromkeys(file_ids))
    found = await map_parallel(partial(_file_id, access), named, limit=_PARALLEL_NAMES)
    wanted = tuple(dict.fromkeys(found))
    if not access.is_limited:
        return ReadinessTarget(file_ids=wanted)

    async def in_scope(file_id: str) -> str | None:
        try:
            return (await require_file(access, file_id)).id
        except ScopeError:
            return None

    reached = await map_parallel(in_scope, wanted, limit=_PARALLEL_LOOKUPS)
    missing = [file_id for file_id, known in zip(wanted, reached, strict=True) if known is None]
    if missing:
        raise _no_such_files(missing)
    return ReadinessTarget(file_ids=tuple(known for known in reached if known), view=await reach_of(access))


def _no_such_files(missing: list[str]) -> ScopeError:
    named = join_first(missing, _MOST_NAMED, lambda file_id: repr(clean_line(file_id, _ID_CHARS)))
    return ScopeError(
        f"There is no file {named} here.",
        code="file_not_found",
        hint="Leave these ids out and call again; use file ids that an upload returned.",
    )


def _of_upload(record: UploadRecord) -> UploadStanding:
    """Return the standing of a one-time upload whose file has not arrived."""
    failed = record.state == "failed"
    return UploadStanding(
        readiness=Readiness.FAILED if failed else Readiness.PENDING,
        status=record.state,
        ready=0,
        failed=int(failed),
        pending=int(not failed),
        trouble=reason_line(record.message) if record.message else None,
        next_step="Run the upload command again; it continues where it stopped."
        if record.state == "interrupted"
        else "Run the upload command, or call upload_file without a source for a new one.",
    )


def _standing(report: StateReport, again: dict[str, Any], *, name_ready: bool = True) -> UploadStanding:
    """Return where files or a batch stand, with the arguments to go on waiting with."""
    items, omitted = list_items(report, name_ready=name_ready)
    return UploadStanding(
        readiness=report.state,
        status=report.batch_status,
        ready=len(report.ready),
        failed=len(report.failed),
        pending=len(report.pending),
        items=items or None,
        omitted=omitted,
        trouble=reason_line(report.trouble) if report.trouble else None,
        call_again=again if report.state is Readiness.PENDING else None,
        next_step=_next_step(report.state),
    )


def _standing_of_bucket(
    report: StateReport, again: dict[str, Any], members: _Members | None
) -> UploadStanding:
    """Return where a whole bucket stands, with those of its sources worth naming where they are known."""
    whole = _standing(report, again)
    failed = members.failed if members else whole.failed
    # The backend calls a bucket ready as soon as nothing is pending.
    state = overall([report.state, *([Readiness.FAILED] if failed else [])])
    update: dict[str, Any] = {"readiness": state, "failed": failed, "next_step": _next_step(state)}
    is_counted = report.indexed_members is not None
    if is_counted:
        update |= {"ready": report.indexed_members, "pending": report.pending_members or 0}
        if state is Readiness.PENDING and not report.pending_members:
            # With nothing pending, only the store's own word tells why its bucket is not ready.
            update["status"] = reason_line(report.states[0].status) or None
    if members:
        items, update["omitted"] = list_items(members.named, name_ready=not is_counted)
        update["items"] = items or None
    elif is_counted and not report.failed:
        # Of single members the report itself knows nothing.
        update["items"] = None
    return whole.model_copy(update=update)


def _next_step(state: Readiness) -> str:
    if state is Readiness.READY:
        return "Search it with search_bucket."
    if state is Readiness.FAILED:
        return (
            "Searches find what is ready. The failed sources will not become searchable: fix the cause, then"
            " upload them again."
        )
    return "Call wait_for_bucket_sync again with call_again; it continues where it stopped."
