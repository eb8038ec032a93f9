"""Tools that tell whether uploads are searchable, and wait until they are."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from pydantic import Field

from calypso_mcp.api.batches import Batch
from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.states import state_of_file, state_of_item, state_of_task
from calypso_mcp.client.readiness_target import ReadinessTarget
from calypso_mcp.concurrency import map_parallel
from calypso_mcp.domain.file_state import StateReport
from calypso_mcp.domain.readiness import Readiness
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.errors import InputError, OutOfTime, ScopeError
from calypso_mcp.server.calls.call_progress import Step, call_progress
from calypso_mcp.server.calls.call_time import DEFAULT_CALL_S, LONGEST_CALL_S, CallTime
from calypso_mcp.server.one_time.upload_ledger import UploadRecord, is_upload_id
from calypso_mcp.server.results.models import ToolResult, answer
from calypso_mcp.server.results.standings import (
    ItemStanding,
    ReadinessWord,
    listed,
    reason_line,
    word,
)
from calypso_mcp.server.scope.request_scope import Access, CurrentAccess
from calypso_mcp.server.scope.scoped_lookup import reach_of, require_batch, require_file, require_task
from calypso_mcp.server.state import ServerState

Timeout = Annotated[int, Field(ge=0, le=LONGEST_CALL_S, description="Longest wait in seconds")]

#: Most files one call waits for; a batch or a bucket takes any number.
_MOST_FILES = 1_000
#: Of more files than this only those that are not ready are named.
_MOST_READY_NAMED = 30
_PARALLEL_LOOKUPS = 8
_MOST_NAMED = 5
_ID_CHARS = 80


class UploadStanding(ToolResult):
    """Where something stands: ready means searchable, item by item."""

    readiness: ReadinessWord
    status: str | None = None
    ready: int
    failed: int
    pending: int
    items: list[ItemStanding] | None = None
    omitted: int | None = None
    trouble: str | None = None
    call_again: dict[str, Any] | None = None
    next_step: str


async def get_upload_status(
    access: CurrentAccess,
    *,
    file_id: Annotated[str, Field(description="One file")] = "",
    task_id: Annotated[str, Field(description="An indexing task")] = "",
    batch_id: Annotated[str, Field(description="Every file of a batch")] = "",
) -> Annotated[CallToolResult, UploadStanding]:
    """Where an upload stands now, failures first. Give exactly one id from an upload's result."""
    _require_one({"file_id": file_id, "task_id": task_id, "batch_id": batch_id})
    if task_id:
        task, file = await require_task(access, task_id)
        report = await _file_report(access, file) if file else StateReport((state_of_task(task.status),))
        return answer(_standing(report, status=task.status))
    if batch_id:
        batch = await require_batch(access, batch_id)
        report = await _batch_report(access, batch)
        return answer(_standing(report, status=batch.status))
    if is_upload_id(file_id) and access.state.one_time_uploads is not None:
        arriving = await access.state.one_time_uploads.outcome(access, file_id)
        if arriving.file_id is None:
            return answer(_of_upload(arriving))
        file_id = arriving.file_id
    file = await require_file(access, file_id)
    return answer(_standing(await _file_report(access, file), status=file.status))


async def wait_for_bucket_sync(
    access: CurrentAccess,
    ctx: Context[ServerState, Any],
    *,
    bucket: Annotated[str, Field(description="All of it: slug, id or name")] = "",
    file_ids: Annotated[list[str], Field(max_length=_MOST_FILES, description="These files")] = [],  # noqa: B006 - never changed
    batch_id: Annotated[str, Field(description="Every file of a batch")] = "",
    timeout_s: Timeout = DEFAULT_CALL_S,
) -> Annotated[CallToolResult, UploadStanding]:
    """Wait until one of bucket, file_ids or batch_id is searchable: ready, or failed with reasons.

    Pending when time is up is no error: call again with call_again.
    """
    given = {"bucket": bucket, "file_ids": file_ids, "batch_id": batch_id}
    if any(given.values()):
        _require_one(given)
    again: dict[str, Any] = {name: value for name, value in given.items() if value}
    time = CallTime(timeout_s)
    async with call_progress(ctx, ("indexing", "indexing")) as progress:
        try:
            with time.limited():
                target, again = await _wait_target(access, bucket, file_ids, batch_id)
        except OutOfTime:
            return answer(_unanswered(again, len(file_ids) or 1))
        report = await access.client.readiness.wait(
            target,
            timeout_s=time.wait_s,
            first_look_s=time.left_s,
            on_progress=lambda report: progress.tell(indexing_step(report)),
        )
        progress.tell(indexing_step(report))
    access.backend.catalogue.forget()
    if file_ids and report.waiting:
        again = {"file_ids": [item.file_id or item.id for item in report.waiting]}
    return answer(_standing(report, again=again, name_ready=0 < len(file_ids) <= _MOST_READY_NAMED))


def indexing_step(report: StateReport) -> Step:
    """Return how far indexing is, by files, or by members where a whole bucket is waited for."""
    if report.indexed_members is not None and report.pending_members is not None:
        total = report.indexed_members + report.pending_members
        return Step("indexing", files_done=report.indexed_members, files_total=total)
    return Step("indexing", files_done=report.settled, files_total=report.total)


async def _wait_target(
    access: Access, bucket: str, file_ids: list[str], batch_id: str
) -> tuple[ReadinessTarget, dict[str, Any]]:
    """Return what to wait for, and the arguments that name it."""
    if file_ids:
        return await _file_target(access, file_ids), {"file_ids": file_ids}
    if batch_id:
        batch = await require_batch(access, batch_id)
        return ReadinessTarget(batch_id=batch.id, view=await reach_of(access)), {"batch_id": batch_id}
    found = await access.target_bucket(bucket)
    return ReadinessTarget(bucket_id=found.id), {"bucket": found.slug}


def _unanswered(again: dict[str, Any], count: int) -> UploadStanding:
    """Return what is known where the time was up before the API had said anything."""
    return UploadStanding(
        readiness=word(Readiness.WAITING),
        ready=0,
        failed=0,
        pending=count,
        trouble="The API has not answered in time.",
        call_again=again,
        next_step=_next_step(Readiness.WAITING, waited=True),
    )


async def _look(access: Access, target: ReadinessTarget) -> StateReport:
    return await access.client.readiness.wait(target, timeout_s=0)


async def _file_report(access: Access, file: KnowledgeFile) -> StateReport:
    """Return where a file stands. Under a limit only its buckets in scope count: `file` shows no others."""
    state = state_of_file(file)
    if access.is_limited and not state.hinges_on_store:
        return StateReport((state,))
    return await _look(access, ReadinessTarget(file_ids=(file.id,), view=await reach_of(access)))


async def _file_target(access: Access, file_ids: list[str]) -> ReadinessTarget:
    uploads = access.state.one_time_uploads
    if uploads is not None:
        file_ids = [await uploads.file_id(access, one) if is_upload_id(one) else one for one in file_ids]
    if not access.is_limited:
        return ReadinessTarget(file_ids=tuple(dict.fromkeys(file_ids)))

    async def in_scope(file_id: str) -> str | None:
        try:
            return (await require_file(access, file_id)).id
        except ScopeError:
            return None

    wanted = list(dict.fromkeys(file_ids))
    found = await map_parallel(in_scope, wanted, limit=_PARALLEL_LOOKUPS)
    missing = [file_id for file_id, known in zip(wanted, found, strict=True) if known is None]
    if missing:
        raise _no_such_files(missing)
    return ReadinessTarget(file_ids=tuple(one for one in found if one), view=await reach_of(access))


def _no_such_files(missing: list[str]) -> ScopeError:
    named = ", ".join(repr(clean_line(one, _ID_CHARS)) for one in missing[:_MOST_NAMED])
    more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    return ScopeError(
        f"There is no file {named}{more} here.",
        code="file_not_found",
        hint="Leave these ids out and call again; use file ids that an upload returned.",
    )


async def _batch_report(access: Access, batch: Batch) -> StateReport:
    """Return where a batch stands; as in `_file_report`, its items show only buckets in scope."""
    states = tuple(state_of_item(item) for item in batch.items or ())
    if access.is_limited and not any(state.hinges_on_store for state in states):
        return StateReport(states, batch_status=batch.status)
    return await _look(access, ReadinessTarget(batch_id=batch.id, view=await reach_of(access)))


def _of_upload(record: UploadRecord) -> UploadStanding:
    """Return where a one-time upload stands whose file is not there yet."""
    failed = record.state == "failed"
    return UploadStanding(
        readiness=word(Readiness.FAILED if failed else Readiness.WAITING),
        status=record.state,
        ready=0,
        failed=int(failed),
        pending=int(not failed),
        trouble=reason_line(record.message) if record.message else None,
        next_step="Run the upload command again; it continues where it stopped."
        if record.state == "interrupted"
        else "Run the upload command, or call upload_file without a source for a new one.",
    )


def _standing(
    report: StateReport,
    *,
    status: str | None = None,
    again: dict[str, Any] | None = None,
    name_ready: bool = True,
) -> UploadStanding:
    items, omitted = listed(report, name_ready=name_ready)
    members = report.indexed_members is not None
    waited = again is not None
    return UploadStanding(
        readiness=word(report.state),
        status=report.batch_status or status,
        ready=(report.indexed_members or 0) if members else len(report.ready),
        failed=len(report.failed),
        pending=(report.pending_members or 0) if members else len(report.waiting),
        # Of a bucket as a whole nothing is known about single members.
        items=None if members and not report.failed else items or None,
        omitted=omitted or None,
        trouble=reason_line(report.trouble) if report.trouble else None,
        call_again=again if report.state is Readiness.WAITING else None,
        next_step=_next_step(report.state, waited=waited),
    )


def _next_step(state: Readiness, *, waited: bool) -> str:
    if state is Readiness.READY:
        return "Search it with search_bucket."
    if state is Readiness.FAILED:
        return "What failed will not become searchable: fix the cause given, then upload it again."
    if waited:
        return "Call wait_for_bucket_sync again with call_again; it continues where it stopped."
    return "Call wait_for_bucket_sync to wait until it is searchable."


def _require_one(given: dict[str, Any]) -> None:
    names = [name for name, value in given.items() if value]
    if len(names) != 1:
        wanted = ", ".join(given)
        raise InputError(
            f"Give exactly one of {wanted}; {len(names)} were given.",
            code="invalid_arguments",
            hint=f"Keep one of {wanted}.",
        )
