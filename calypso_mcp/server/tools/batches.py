"""The tool that puts any number of files into a bucket."""

from __future__ import annotations

from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field

from calypso_mcp.domain.uploads.declaration import Declaration, IfExists
from calypso_mcp.errors import ContentError
from calypso_mcp.server.batches.batch import Batch
from calypso_mcp.server.batches.batch_inputs import (
    BatchItem,
    InputReader,
    SharedArguments,
    keep_apart,
)
from calypso_mcp.server.batches.batch_reports import BatchReport
from calypso_mcp.server.calls.call_arguments import NAMES_FILES
from calypso_mcp.server.calls.call_progress import call_progress
from calypso_mcp.server.calls.call_time import DEFAULT_CALL_S, CallTime
from calypso_mcp.server.results.models import answer
from calypso_mcp.server.scope.request_scope import CurrentAccess
from calypso_mcp.server.state import CallContext
from calypso_mcp.server.tools.readiness import Timeout

_MOST_ITEMS = 1_000
_MOST_PATHS = 10_000


async def upload_batch(
    access: CurrentAccess,
    ctx: CallContext,
    *,
    directory: Annotated[str | None, NAMES_FILES, Field(description="Local folder")] = None,
    include: Annotated[list[str], NAMES_FILES, Field(description="As in .gitignore")] = [],
    exclude: Annotated[list[str], NAMES_FILES, Field(description="To leave out")] = [],
    paths: Annotated[
        list[str] | None,
        NAMES_FILES,
        Field(max_length=_MOST_PATHS, description="Local files"),
    ] = None,
    items: Annotated[
        list[BatchItem] | None, Field(max_length=_MOST_ITEMS, description="As in upload_file")
    ] = None,
    bucket: Annotated[str, Field(description="Slug or name")] = "",
    tags: Annotated[list[str], Field(description="Of all files")] = [],
    metadata: Annotated[dict[str, Any], Field(description="Of all files")] = {},
    create_bucket: Annotated[bool, Field(description="If missing")] = False,
    if_exists: Annotated[IfExists, Field(description="If a name is there")] = "replace",
    remove_missing: Annotated[bool, NAMES_FILES, Field(description="Remove sources gone from it")] = False,
    confirm: Annotated[bool, Field(description="User agreed")] = False,
    dry_run: Annotated[bool, Field(description="Send nothing")] = False,
    wait: Annotated[bool, Field(description="Until searchable")] = False,
    timeout_s: Timeout = DEFAULT_CALL_S,
) -> Annotated[CallToolResult, BatchReport]:
    """Put many files into a bucket. Leaves out secrets and ignored files.

    The same call again continues.
    """
    _require_one(directory, paths, items)
    if remove_missing and not directory:
        raise ContentError(
            "remove_missing needs a directory to compare with.",
            code="invalid_arguments",
            hint="Give directory, or leave remove_missing out and name sources to remove_source.",
        )
    declared = Declaration(tags=tuple(tags), metadata=metadata or None)
    declared.check_labels()
    shared = SharedArguments(bucket, create_bucket, declared, if_exists)
    time = CallTime(timeout_s)
    last = "hashing" if dry_run else "indexing" if wait else "finalizing"
    async with call_progress(ctx, ("checking", last)) as progress:
        reader = InputReader(access, shared, progress, time)
        if directory:
            inputs = await reader.read_directory(directory, include, exclude)
        elif paths:
            inputs = await reader.read_paths(paths)
        else:
            inputs = await reader.read_items(items or [])
        batch = Batch(access, keep_apart(inputs), progress, time)
        if remove_missing and reader.folder is not None:
            await batch.find_missing(reader.folder)
        if dry_run:
            await batch.foresee()
            return answer(batch.report_foreseen())
        await batch.require_agreement(ctx, confirm=confirm)
        await batch.send()
        await batch.remove_missing()
        if wait:
            await batch.wait()
        elif batch.is_replay:
            await batch.look_at_readiness()
    return answer(batch.report())


def _require_one(directory: str | None, paths: list[str] | None, items: list[BatchItem] | None) -> None:
    named = {"directory": directory, "paths": paths, "items": items}
    # Models fill in what they leave out: an empty one is not given.
    given = [name for name, value in named.items() if value]
    if len(given) != 1:
        raise ContentError(
            f"A batch has one kind of source; given: {', '.join(given) or 'none'}.",
            code="several_sources" if len(given) > 1 else "no_source",
            hint="Give exactly one of directory, paths and items, with something in it.",
        )
