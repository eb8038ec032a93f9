"""Where uploads stand, as tools tell it: small, failures first."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import WithJsonSchema

from calypso_mcp.client.readiness import ReadinessReport
from calypso_mcp.domain.readiness import Readiness
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.server.results.models import ToolResult

#: `pending` is what the outside calls "not yet". Published as text: the tool list is paid for by the byte.
ReadinessWord = Annotated[Literal["ready", "failed", "pending"], WithJsonSchema({"type": "string"})]

#: How lists of nested results are published, for the same reason.
PLAIN_OBJECTS = WithJsonSchema({"type": "array", "items": {"type": "object"}})

#: Items listed; the rest is in the counts. Of a batch, all that it can have.
_MOST_ITEMS = 30
_MOST_OF_BATCH = 100
_REASON_CHARS = 300
_NAME_CHARS = 120

_WORDS: dict[Readiness, ReadinessWord] = {
    Readiness.READY: "ready",
    Readiness.FAILED: "failed",
    Readiness.WAITING: "pending",
}


class ItemStanding(ToolResult):
    """One file. Of a searchable one there is nothing more to say than that."""

    readiness: ReadinessWord
    name: str | None = None
    id: str
    status: str | None = None
    bucket_sync: str | None = None
    code: str | None = None
    reason: str | None = None


def word(state: Readiness) -> ReadinessWord:
    """Return the word tools use for `state`."""
    return _WORDS[state]


def reason_line(text: str) -> str:
    """Return an API's explanation as one short, clean line."""
    return clean_line(text, _REASON_CHARS)


def listed(report: ReadinessReport, *, name_ready: bool = False) -> tuple[list[ItemStanding], int]:
    """Return the items of `report` worth reading, failures first, and how many more there are.

    Args:
        report: Where things stand.
        name_ready: Whether to list what is searchable as well.
    """
    failed = [
        ItemStanding(
            readiness="failed",
            name=_name(report, item.id),
            id=item.file_id or item.client_file_id or item.id,
            status=item.status,
            code=item.code,
            reason=reason_line(item.message),
        )
        for item in report.failed
    ]
    waiting = [
        ItemStanding(
            readiness="pending",
            name=_name(report, item.id),
            id=item.file_id or item.client_file_id or item.id,
            status=item.status,
            bucket_sync=item.bucket_sync_status,
        )
        for item in report.waiting
    ]
    ready = [
        ItemStanding(readiness="ready", name=_name(report, one), id=one) for one in report.ready if name_ready
    ]
    everything = failed + waiting + ready
    most = _MOST_OF_BATCH if name_ready else _MOST_ITEMS
    return everything[:most], max(0, len(everything) - most)


def _name(report: ReadinessReport, item_id: str) -> str | None:
    name = report.names.get(item_id)
    return clean_line(name, _NAME_CHARS) if name else None
