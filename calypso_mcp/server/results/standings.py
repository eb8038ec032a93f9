"""The states of sources as tools report them: short, failures first."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from calypso_mcp.domain.states.file_state import FileState, StateReport
from calypso_mcp.domain.states.readiness import Readiness
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.server.results.models import USUAL, Prose, ToolResult, take_first

#: Published as text, because every conversation pays for the tool list.
ReadinessWord = Annotated[Readiness, WithJsonSchema({"type": "string"})]

#: Items listed; the rest is in the counts. Of a batch, all that it can have.
MOST_ITEMS = 30
_MOST_OF_BATCH = 100
_REASON_CHARS = 300
_NAME_CHARS = 120


class ItemStanding(ToolResult):
    """One file. A searchable one has no `code`, and a `reason` only if it was read with a warning."""

    readiness: ReadinessWord
    name: str | None = USUAL
    id: str
    code: str | None = None
    reason: str | None = None


class UploadReport(ToolResult):
    """The outcome of adding one source."""

    outcome: Annotated[
        Literal["accepted", "replayed", "pending", "address"], WithJsonSchema({"type": "string"})
    ]
    readiness: ReadinessWord
    bucket: str
    file_id: str | None = None
    task_id: SkipJsonSchema[str | None] = None
    filename: str | None = None
    title: str | None = None
    changed: SkipJsonSchema[bool | None] = None
    code: SkipJsonSchema[str | None] = None
    reason: str | None = None
    created: SkipJsonSchema[str | None] = None
    next_step: Annotated[str, Prose]

    @classmethod
    def of(
        cls, added: FileState, report: StateReport, *, bucket: str, remark: str | None = None, **facts: Any
    ) -> Self:
        """Return the report on a source that the API has taken, as it stands now.

        The `remark` is said unless it failed; `facts` are the values of other fields.
        """
        failed = report.failed[0] if report.failed else None
        warning = next(filter(None, map(warnings_line, report.states)), None)
        return cls(
            outcome="replayed" if added.is_replayed else "accepted",
            readiness=report.state,
            bucket=bucket,
            file_id=added.file_id or added.id,
            task_id=added.task_id,
            code=failed.code if failed else None,
            reason=reason_line(failed.message or "") if failed else remark or warning,
            next_step=next_step(report.state, added.id),
            **facts,
        )


def reason_line(text: str) -> str:
    """Return an API's explanation as one short, clean line."""
    return clean_line(text, _REASON_CHARS)


def list_items(report: StateReport, *, name_ready: bool) -> tuple[list[ItemStanding], int | None]:
    """Return the items of `report` worth reading, failures first, and how many more there are (None: none).

    Without `name_ready`, of the searchable files only those read with a warning.
    """
    ready = [
        state
        for state in report.states
        if state.readiness is Readiness.READY and (name_ready or state.warnings)
    ]
    items = [_item(state) for state in (*report.failed, *report.pending, *ready)]
    return take_first(items, _MOST_OF_BATCH if name_ready else MOST_ITEMS)


def next_step(state: Readiness, file_id: str) -> str:
    """Return what to do about one source that was just added."""
    if state is Readiness.READY:
        return "Search it with search_bucket."
    if state is Readiness.FAILED:
        return "The source will not become searchable: fix the cause, then add it again."
    return f"Before you search for it, call wait_for_bucket_sync with file_ids=[{file_id!r}]."


def warnings_line(state: FileState) -> str | None:
    """Return the warnings about a searchable file as one line; None without warnings."""
    return reason_line("read with a warning: " + "; ".join(state.warnings)) if state.warnings else None


def reason_of(state: FileState) -> str | None:
    """Return why a file failed, or what a reader of a searchable one should know."""
    if state.readiness is Readiness.FAILED:
        return reason_line(state.message) if state.message else None
    return warnings_line(state) if state.readiness is Readiness.READY else None


def _item(state: FileState) -> ItemStanding:
    is_ready = state.readiness is Readiness.READY
    has_failed = state.readiness is Readiness.FAILED
    return ItemStanding(
        readiness=state.readiness,
        name=clean_line(state.name, _NAME_CHARS) if state.name else None,
        id=state.id if is_ready else state.file_id or state.client_file_id or state.id,
        code=state.code if has_failed else None,
        reason=reason_of(state),
    )
