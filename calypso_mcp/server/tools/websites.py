"""Tools that add a web page, or a question with its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from calypso_mcp.api.connection import Extension
from calypso_mcp.client.readiness_target import ReadinessTarget
from calypso_mcp.domain.qa import as_markdown
from calypso_mcp.domain.states.file_state import FileState, StateReport
from calypso_mcp.domain.states.readiness import NOT_FOUND, Readiness, file_readiness
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.domain.uploads.declaration import Declaration, content_digest
from calypso_mcp.errors import ContentError
from calypso_mcp.server.access.upload_quotas import Arrival
from calypso_mcp.server.batches.batch_reports import earlier_line
from calypso_mcp.server.calls.call_arguments import require_text
from calypso_mcp.server.results.models import answer
from calypso_mcp.server.results.standings import UploadReport
from calypso_mcp.server.scope.destinations import Target, create_missing, find_target, note_created
from calypso_mcp.server.scope.quota_room import count_fetch, make_room
from calypso_mcp.server.scope.request_scope import Access, CurrentAccess

#: How long these tools wait by themselves: most pages and answers are searchable within a second.
_WAIT_S = 5.0
_WAIT_FOR_BUCKET = "Before you search for it, call wait_for_bucket_sync with bucket={!r}."
_TITLE_CHARS = 160


async def add_website(
    access: CurrentAccess,
    *,
    url: Annotated[str, Field(description="Its address")],
    bucket: Annotated[str, Field(description="Slug or name")] = "",
    title: Annotated[str, Field(description="For people")] = "",
    create_bucket: Annotated[bool, Field(description="If missing")] = False,
) -> Annotated[CallToolResult, UploadReport]:
    """Read one public web page into a bucket; the same URL again refreshes it. Follows no links."""
    require_text("url", url, "Give the page's address.")
    target = await create_missing(access, await find_target(access, bucket, create=create_bucket))
    declared = Declaration(destination=target.destination, title=title or None)
    replaces = await access.backend.can(Extension.REPLACE)
    added = await count_fetch(
        access,
        target.destination.names[0],
        url,
        lambda: access.client.websites.add(url, declared, replaces=replaces),
    )
    remark = ""
    if added.is_replayed:
        remark = (
            "The page has not changed."
            if replaces
            else "The bucket has this page, and this Calypso does not read it again."
        )
    return await _answer(access, replace(added, name=added.name or title or url), target, remark)


async def add_qa(
    access: CurrentAccess,
    *,
    question: Annotated[str, Field(max_length=1_000, description="As people ask it")],
    answer: Annotated[str, Field(max_length=50_000, description="What to quote")],
    bucket: Annotated[str, Field(description="Slug or name")] = "",
    tags: Annotated[list[str], Field(description="Up to 20")] = [],
) -> Annotated[CallToolResult, UploadReport]:
    """Keep a question and its answer; the same question again replaces the answer."""
    if not question.strip() or not answer.strip():
        raise ContentError(
            "The question or its answer is empty.", code="invalid_arguments", hint="Give both."
        )
    target = await find_target(access, bucket, create=False)
    declared = Declaration(destination=target.destination, tags=tuple(tags))
    declared.check_labels()
    size_bytes = len(as_markdown(question, answer).encode(errors="replace"))
    arrival = Arrival(target.destination.names[0], content_digest("qa", question, answer), size_bytes)
    await make_room(access, [arrival])
    admission = await access.state.quotas.admit(access.grant, [arrival])
    added = await access.state.quotas.store(
        access.grant, admission, lambda: access.client.qa.add(question, answer, declared)
    )
    remark = (
        ""
        if await access.backend.can(Extension.QA)
        else "Stored as a Markdown file. An earlier answer stays: this Calypso cannot replace it."
    )
    return await _answer(access, replace(added, name=added.name or question), target, remark)


async def _answer(access: Access, added: FileState, target: Target, remark: str) -> CallToolResult:
    """Return the report on a source that was added, searchable if that takes only a moment."""
    target = await note_created(access, target)
    report, is_hidden = StateReport((added,)), False
    if report.state is not Readiness.READY:
        wanted = ReadinessTarget(file_ids=(added.id,), bucket_id=target.bucket_id)
        report = await access.client.readiness.wait(wanted, timeout_s=_WAIT_S, first_look_s=_WAIT_S)
        is_hidden = any(state.status == NOT_FOUND for state in report.failed)
    if is_hidden and target.bucket_id is not None:
        # Not every API shows a page under its id; then its bucket tells, as for a file that reports no sync.
        wanted = ReadinessTarget(bucket_id=target.bucket_id)
        whole = await access.client.readiness.wait(wanted, timeout_s=0, first_look_s=_WAIT_S)
        readiness = file_readiness(added.status, None, (), whole.state is Readiness.READY)
        report = StateReport((replace(added, readiness=readiness),))
    earlier = earlier_line(added, is_searchable=report.state is Readiness.READY)
    told = UploadReport.of(
        added,
        report,
        bucket=target.slug,
        remark=remark or earlier,
        title=clean_line(added.name or "", _TITLE_CHARS),
        created=target.created,
    )
    if is_hidden and report.state is Readiness.PENDING:
        told = told.model_copy(update={"next_step": _WAIT_FOR_BUCKET.format(target.slug)})
    return answer(told)
