"""The tool that puts one source into a bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field
from starlette.requests import Request

from calypso_mcp.api.sources import SourcesQuery
from calypso_mcp.client.readiness_target import ReadinessTarget
from calypso_mcp.domain.amounts import join_first
from calypso_mcp.domain.states.file_state import FileState, StateReport
from calypso_mcp.domain.states.readiness import Readiness
from calypso_mcp.domain.untrusted_text import clean_line
from calypso_mcp.domain.uploads.declaration import Declaration, IfExists
from calypso_mcp.domain.uploads.upload_rules import split_name
from calypso_mcp.errors import CalypsoError, ContentError, InputError, OutOfTime
from calypso_mcp.server.batches.batch_reports import earlier_line, is_changed
from calypso_mcp.server.calls.call_arguments import NAMES_FILES
from calypso_mcp.server.calls.call_progress import CallProgress, Step, call_progress
from calypso_mcp.server.calls.call_time import DEFAULT_CALL_S, CallTime
from calypso_mcp.server.files.upload_sources import CheckedSource, SourceArguments, check_source
from calypso_mcp.server.one_time.one_time_uploads import IssuedUpload, OneTimeUploads
from calypso_mcp.server.results.models import answer
from calypso_mcp.server.results.standings import UploadReport, next_step
from calypso_mcp.server.scope.destinations import (
    Target,
    create_missing,
    find_target,
    find_version_rule,
    note_created,
)
from calypso_mcp.server.scope.quota_room import admit_uploads, count_fetch, require_room
from calypso_mcp.server.scope.request_scope import Access, CurrentAccess
from calypso_mcp.server.state import CallContext
from calypso_mcp.server.tools.readiness import Timeout, wait_indexed

_NAME_CHARS = 160
_MOST_NAMESAKES = 3
_NAMESAKES = "Replaced nothing: the bucket also holds {}. To replace it, give its whole name as filename."


async def prepare_target(access: Access, bucket: str, filename: str, *, create: bool) -> Target:
    """Return the target of a file that will come later, so that everything is settled before it does.

    Raises:
        ContentError: It has no name, or its name is of a format that cannot be read.
        InputError: The bucket is not in scope, or cannot be created beforehand.
    """
    if not filename:
        raise ContentError(
            "No source is given; for a one-time upload address the filename is needed.",
            code="no_source",
            hint="Give one of path, text and content_base64, or only the filename with its ending.",
        )
    access.state.files.check_name(filename)
    target = await create_missing(access, await find_target(access, bucket, create=create))
    if target.bucket_id is None:
        raise InputError(
            "The bucket cannot be created for this upload.",
            code="bucket_required",
            hint="Name a bucket from list_buckets.",
        )
    return target


async def issue_address(
    access: Access, uploads: OneTimeUploads, request: Request, declared: Declaration
) -> IssuedUpload:
    """Return a one-time address for a file.

    Raises:
        CalypsoError: The caller's quota has no room, or a rule on names or labels is broken.
    """
    await require_room(access, declared)
    return await uploads.issue(request, declared)


async def upload_file(
    access: CurrentAccess,
    ctx: CallContext,
    *,
    path: Annotated[str | None, NAMES_FILES, Field(description="Local file")] = None,
    text: Annotated[str | None, Field(description="Its content")] = None,
    content_base64: Annotated[str | None, Field(description="Up to 1 MiB")] = None,
    url: Annotated[str | None, Field(description="Public file; a page: add_website")] = None,
    bucket: Annotated[str, Field(description="Slug or name")] = "",
    filename: Annotated[str, Field(description="May name folders")] = "",
    title: Annotated[str, Field(description="For people")] = "",
    tags: Annotated[list[str], Field(description="Up to 20")] = [],
    metadata: Annotated[dict[str, Any], Field(description="Up to 8 KB")] = {},
    external_id: Annotated[str, Field(description="Id at its origin")] = "",
    create_bucket: Annotated[bool, Field(description="If missing")] = False,
    if_exists: Annotated[IfExists, Field(description="If the name is there")] = "replace",
    wait: Annotated[bool, Field(description="Until searchable")] = False,
    timeout_s: Timeout = DEFAULT_CALL_S,
) -> Annotated[CallToolResult, UploadReport]:
    """Put one source into a bucket: give its content, or over HTTP the filename alone for a curl line.

    New content under the same name replaces the old.
    """
    placed, filename = split_name(filename)
    source = SourceArguments(path, text, content_base64, filename, url)
    declared = Declaration(
        filename,
        path=placed,
        title=title or None,
        tags=tuple(tags),
        metadata=metadata or None,
        external_id=external_id or None,
    )
    request: Request | None = ctx.request_context.request
    uploads = access.state.one_time_uploads
    time = CallTime(timeout_s)
    arriving = _Arriving(access, declared, Target(bucket), declared.name or path or url or "")
    try:
        if not source.given and uploads is not None and request is not None:
            with time.limited():
                await arriving.take_rule(if_exists)
                target = await prepare_target(access, bucket, filename, create=create_bucket)
                return answer(await _offer_address(access, uploads, request, arriving.declared, target))
        kind, value = source.require_one()
        declared.check_labels()
        async with call_progress(ctx, ("checking", "indexing" if wait else "uploading")) as progress:
            with time.limited():
                await arriving.take_rule(if_exists)
                arriving.target = await find_target(access, bucket, create=create_bucket)
                sending = arriving.fetch(value) if kind == "url" else arriving.upload(source, progress)
                uploaded = await sending
                arriving.target = await note_created(access, arriving.target)
            report = StateReport((uploaded,))
            if wait:
                awaited = ReadinessTarget(file_ids=(uploaded.id,), bucket_id=arriving.target.bucket_id)
                report = await wait_indexed(access, awaited, time, progress)
        return answer(await arriving.report(uploaded, report, time))
    except OutOfTime:
        return answer(arriving.report_timeout())


@dataclass(slots=True)
class _Arriving:
    """A source on its way: what is declared of it, where it goes and what it is called, as known by now."""

    access: Access
    declared: Declaration
    target: Target
    filename: str

    async def take_rule(self, if_exists: IfExists) -> None:
        """Declare what happens to an earlier version, as far as the backend can do it."""
        self.declared = replace(self.declared, if_exists=await find_version_rule(self.access, if_exists))

    async def upload(self, source: SourceArguments, progress: CallProgress) -> FileState:
        """Check the source, make the bucket if it is missing, and upload."""
        access = self.access
        checked = await check_source(source, access.state.files)
        upload = checked.upload(self.declared)
        self.filename = upload.declaration.name
        self.target = await create_missing(access, self.target)
        upload = upload.to(self.target.destination)
        admission = await admit_uploads(access, [(upload, checked.size_bytes)])
        return await access.state.quotas.store(
            access.grant,
            admission,
            lambda: access.client.uploads.upload(upload, on_progress=_report_bytes(progress, checked)),
        )

    async def fetch(self, url: str) -> FileState:
        """Have Calypso fetch the source."""
        if self.declared.filename or self.declared.metadata or self.declared.external_id:
            raise ContentError(
                "filename, metadata and external_id do not go together with url.",
                code="invalid_arguments",
                hint="Leave them out: the name and type come from the site. You may give title and tags.",
            )
        self.target = await create_missing(self.access, self.target)
        declared = replace(self.declared, destination=self.target.destination)
        replaces = declared.if_exists == "replace"
        return await count_fetch(
            self.access,
            declared.destination.names[0],
            url,
            lambda: self.access.client.websites.import_file(url, declared, replaces=replaces),
        )

    async def report(self, uploaded: FileState, report: StateReport, time: CallTime) -> UploadReport:
        """Return the tool's result on a source that has arrived."""
        remark = earlier_line(uploaded, is_searchable=report.state is Readiness.READY)
        is_new = remark is None and not uploaded.is_replayed
        if is_new and self.declared.filename and self.declared.if_exists == "replace":
            remark = await self._namesakes_line(time)
        return UploadReport.of(
            uploaded,
            report,
            bucket=self.target.slug,
            remark=remark,
            # An earlier call may have sent it under another name.
            filename=clean_line(uploaded.name or self.filename, _NAME_CHARS),
            changed=is_changed(uploaded) or None,
            created=self.target.created,
        )

    def report_timeout(self) -> UploadReport:
        """Return the tool's result on a source that has not arrived in time."""
        return UploadReport(
            outcome="pending",
            readiness=Readiness.PENDING,
            bucket=self.target.slug,
            filename=self.filename,
            code=OutOfTime.default_code,
            reason="The upload timed out before all bytes had arrived.",
            created=self.target.created,
            next_step="Make the same call again: it continues where it stopped.",
        )

    async def _namesakes_line(self, time: CallTime) -> str | None:
        """Return which sources of other folders have the file name of new content, perhaps meant for one."""
        _, filename = split_name(self.filename)
        asked = SourcesQuery(bucket=self.target.slug, query=filename)
        try:
            with time.limited():
                found = (await self.access.client.sources.page(asked)).sources
        except CalypsoError:
            return None  # the upload has succeeded all the same
        names = [held.name for held in found if held.filename == filename and held.name != self.filename]
        named = join_first(names, _MOST_NAMESAKES, lambda name: repr(clean_line(name, _NAME_CHARS)))
        return _NAMESAKES.format(named) if named else None


def _report_bytes(progress: CallProgress, checked: CheckedSource) -> Callable[[int], None]:
    sent = 0

    def report(newly_sent: int) -> None:
        nonlocal sent
        sent += newly_sent
        progress.update(Step("uploading", bytes_done=sent, bytes_total=checked.size_bytes))

    progress.update(Step("uploading", bytes_total=checked.size_bytes))
    return report


async def _offer_address(
    access: Access, uploads: OneTimeUploads, request: Request, declared: Declaration, target: Target
) -> UploadReport:
    """Return a one-time address for a source, unless the bucket keeps the version that it holds."""
    declared = replace(declared, destination=target.destination)
    before = await access.client.uploads.version_before(declared)
    if before is not None and before.earlier == "kept":
        return _kept(before, declared.name, target)
    return _address(await issue_address(access, uploads, request, declared), target, before)


def _kept(before: FileState, filename: str, target: Target) -> UploadReport:
    return UploadReport(
        outcome="replayed",
        readiness=before.readiness,
        bucket=target.slug,
        file_id=before.earlier_id,
        filename=filename,
        reason=earlier_line(before, is_searchable=False),
        created=target.created,
        next_step=next_step(before.readiness, before.earlier_id or ""),
    )


def _address(issued: IssuedUpload, target: Target, before: FileState | None) -> UploadReport:
    earlier = earlier_line(before, is_searchable=False) if before else None
    return UploadReport(
        outcome="address",
        readiness=Readiness.PENDING,
        bucket=target.slug,
        file_id=issued.upload_id,
        filename=issued.filename,
        reason=f"No source was given, so this is a one-time address for at most {issued.most_bytes:,} bytes. "
        f"It is a secret, good until {issued.expires_at}.{f' Once it is used: {earlier}' if earlier else ''}",
        created=target.created,
        next_step=f"On the machine with the file, run the command below, then call wait_for_bucket_sync with "
        f"file_ids=[{issued.upload_id!r}].\n{issued.command}",
    )
