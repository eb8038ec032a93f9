"""Where uploads stand, as tools tell it: small, failures first."""

from __future__ import annotations

from typing import Annotated

from pydantic import WithJsonSchema

from calypso_mcp.domain.states.file_state import FileState, StateReport
from calypso_mcp.domain.states.readiness import Readiness
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.server.results.models import USUAL, ToolResult

#: Published as text: the tool list is paid for by the byte.
ReadinessWord = Annotated[Readiness, WithJsonSchema({"type": "string"})]

#: Items listed; the rest is in the counts. Of a batch, all that it can have.
MOST_ITEMS = 30
_MOST_OF_BATCH = 100
_REASON_CHARS = 300
_NAME_CHARS = 120


class ItemStanding(ToolResult):
    """One file. Of a searchable one there is nothing more to say than that."""

    readiness: ReadinessWord
    name: str | None = USUAL
    id: str
    code: str | None = None
    reason: str | None = None


def reason_line(text: str) -> str:
    """Return an API's explanation as one short, clean line."""
    return clean_line(text, _REASON_CHARS)


def listed(report: StateReport, *, name_ready: bool = False) -> tuple[list[ItemStanding], int]:
    """Return the items of `report` worth reading, failures first, and how many more there are.

    Args:
        report: Where things stand.
        name_ready: Whether to list what is searchable as well; what was read with a warning always is.
    """
    ready = [
        state
        for state in report.states
        if state.readiness is Readiness.READY and (name_ready or state.warnings)
    ]
    items = [_item(state) for state in (*report.failed, *report.pending, *ready)]
    most = _MOST_OF_BATCH if name_ready else MOST_ITEMS
    return items[:most], max(0, len(items) - most)


def next_step(state: Readiness, file_id: str) -> str:
    """Return what to do about one source that was just added."""
    if state is Readiness.READY:
        return "Search it with search_bucket."
    if state is Readiness.FAILED:
        return "It will not become searchable: fix the cause, then add it again."
    return f"Before you search for it, call wait_for_bucket_sync with file_ids=[{file_id!r}]."


def warnings_line(state: FileState) -> str | None:
    """Return what a reader of a searchable file should know; None where there is nothing."""
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
