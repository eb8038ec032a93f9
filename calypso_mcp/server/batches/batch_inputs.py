"""Turns the arguments of a batch into inputs. Each input may be sent or already has its outcome."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import Annotated, Any, TypeVar

import anyio
from pydantic import BaseModel, ConfigDict

from calypso_mcp.client.uploading.outcomes import Upload
from calypso_mcp.concurrency import for_each, stop_at
from calypso_mcp.domain.limits import UploadLimits
from calypso_mcp.domain.uploads.declaration import Declaration, IfExists
from calypso_mcp.domain.uploads.upload_rules import split_name
from calypso_mcp.errors import CalypsoError, InputError, OutOfTime
from calypso_mcp.server.calls.call_progress import CallProgress, Step
from calypso_mcp.server.calls.call_time import CallTime
from calypso_mcp.server.files.folder_walk import SkippedEntry, walk
from calypso_mcp.server.files.local_files import FilePolicy
from calypso_mcp.server.files.upload_sources import (
    CheckedSource,
    SourceArguments,
    check_local_file,
    check_source,
    require_files,
    run_abandonable,
)
from calypso_mcp.server.schemas import NAMES_FILES
from calypso_mcp.server.scope.destinations import Target, find_target, find_version_rule
from calypso_mcp.server.scope.request_scope import Access

T = TypeVar("T")

#: How long one hop to a worker thread looks at files; the hop itself costs as much as a small file.
_HOP_S = 0.01
#: Hops at the same time, if one looks at fewer than `_FEW_FILES`.
_PARALLEL_LOOKS = 2
_FEW_FILES = 15


def _without_description(schema: dict[str, Any]) -> None:
    # What an item is stands in the tool's own description; the tool list is paid for by the byte.
    schema.pop("description", None)


class BatchItem(BaseModel):
    """One item of a batch: one source, and what differs from the arguments for all."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_without_description)

    path: Annotated[str | None, NAMES_FILES] = None
    text: str | None = None
    content_base64: str | None = None
    bucket: str = ""
    filename: str = ""
    title: str = ""
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    external_id: str = ""

    def source(self) -> SourceArguments:
        """Return the arguments that name the source."""
        _, name = split_name(self.filename)
        return SourceArguments(self.path, self.text, self.content_base64, name or None)

    def declared(self, shared: Declaration) -> Declaration:
        """Return what is declared about the item, given what is declared about all."""
        path, name = split_name(self.filename)
        return replace(
            shared,
            filename=name,
            path=path,
            title=self.title or None,
            tags=shared.tags if self.tags is None else tuple(self.tags),
            metadata=shared.metadata if self.metadata is None else self.metadata or None,
            external_id=self.external_id or None,
        )


@dataclass(frozen=True, slots=True)
class SharedArguments:
    """The arguments that hold for every file of a batch unless its item says otherwise."""

    bucket: str
    create_bucket: bool
    declaration: Declaration
    if_exists: IfExists


@dataclass(frozen=True, slots=True)
class BatchInput:
    """One input. `path` is what the caller knows it by.

    One of `upload`, `problem` and `skipped` is set, unless there was no time to look at the input.
    """

    path: str
    upload: Upload | None = None
    target: Target | None = None
    size_bytes: int = 0
    problem: CalypsoError | None = None
    skipped: SkippedEntry | None = None
    #: Whether it was found in a folder rather than asked for.
    is_found: bool = False


@dataclass(frozen=True, slots=True)
class WalkedFolder:
    """A folder that was walked to its end.

    Attributes:
        base: Its absolute path.
        slug: Slug of the bucket that its files go to.
        bucket_id: Id of that bucket; None while it does not exist.
        is_empty: Whether it holds nothing to send.
    """

    base: str
    slug: str
    bucket_id: str | None
    is_empty: bool


def keep_apart(inputs: Sequence[BatchInput]) -> list[BatchInput]:
    """Return `inputs` so that they do not replace each other: all those of one name in one bucket stay."""
    named = Counter(_place_of(item.upload.declaration) for item in inputs if item.upload)

    def apart(upload: Upload) -> Upload:
        is_alone = named[_place_of(upload.declaration)] == 1 or upload.declaration.if_exists != "replace"
        return (
            upload
            if is_alone
            else replace(upload, declaration=replace(upload.declaration, if_exists="keep_both"))
        )

    return [replace(item, upload=apart(item.upload)) if item.upload else item for item in inputs]


def _place_of(declaration: Declaration) -> tuple[object, ...]:
    return (declaration.lineage, declaration.destination)


class InputReader:
    """Makes the inputs of one batch.

    Once the files are known, looking at them takes at most `share` of the time that is left. The rest is
    left for the next call, which need not look at the same files again (see `upload_sources`).
    """

    def __init__(
        self,
        access: Access,
        shared: SharedArguments,
        progress: CallProgress,
        time: CallTime,
        share: float,
    ) -> None:
        self._access = access
        self._shared = shared
        self._progress = progress
        self._targets: dict[str, Target] = {}
        self._rule: IfExists | None = None
        #: The folder of `of_directory`; None before its end is reached.
        self.folder: WalkedFolder | None = None
        self._time = time
        self._share = share
        self._looks_until = math.inf

    async def of_directory(
        self, directory: str, include: Sequence[str], exclude: Sequence[str]
    ) -> list[BatchInput]:
        """Return an input for every file in the folder, and for every folder left out as a whole.

        If the call times out before the walk ends, the folder itself is the only input.

        Raises:
            CalypsoError: The folder may not be read, or the bucket is out of reach.
        """
        policy = require_files(self._access.state.files)
        try:
            with self._time.limited():
                target = await self._target("")
                found = await run_abandonable(walk, directory, include, exclude, policy, self._limits)
        except OutOfTime:
            return [BatchInput(directory)]
        self._begin_looking()
        self.folder = WalkedFolder(found.base, target.slug, target.bucket_id, is_empty=not found.files)
        skipped = [BatchInput(entry.path, skipped=entry) for entry in found.skipped]
        looked = await self._look_at_all(
            [_Named(path, f"{found.base}/{path}", path) for path in found.files], policy
        )
        inputs = [replace(self._settle(found, target), is_found=True) for found in looked]
        return sorted([*skipped, *inputs], key=lambda item: item.path)

    async def of_paths(self, paths: Sequence[str]) -> list[BatchInput]:
        """Return an input for every path, in the order given.

        Raises:
            CalypsoError: Local files are off, or the bucket is out of reach.
        """
        policy = require_files(self._access.state.files)
        try:
            with self._time.limited():
                target = await self._target("")
        except OutOfTime:
            return [BatchInput(path) for path in paths]
        self._begin_looking()
        looked = await self._look_at_all([_Named(path, path, None) for path in paths], policy)
        return [self._settle(found, target) for found in looked]

    async def of_items(self, items: Sequence[BatchItem]) -> list[BatchInput]:
        """Return an input for every item, in the order given.

        Raises:
            CalypsoError: An item names no bucket and the bucket for all is out of reach.
        """
        if any(not item.bucket for item in items):
            with suppress(OutOfTime), self._time.limited():
                await self._target("")
        self._begin_looking()
        inputs: list[BatchInput] = []
        for position, item in enumerate(items):
            self._show(position, len(items))
            name = item.path or item.filename or f"items[{position}]"
            try:
                inputs.append(await self._in_time(self._item(name, item), BatchInput(name)))
            except InputError as problem:
                inputs.append(BatchInput(name, problem=problem))
        return inputs

    @property
    def _limits(self) -> UploadLimits:
        return self._access.state.upload_limits

    def _begin_looking(self) -> None:
        self._looks_until = anyio.current_time() + self._time.left_s * self._share

    async def _look_at_all(self, files: Sequence[_Named], policy: FilePolicy) -> list[_Looked]:
        """Look at files in their order, two at the same time if they are large or come from a slow disk.

        Small files cost mostly Python: two threads would take turns at its lock, which takes twice as long.
        """
        left = iter(enumerate(files))
        looked: dict[int, _Looked] = {}
        threads = anyio.CapacityLimiter(1)

        async def look(_: int) -> None:
            while found := await self._in_time(
                run_abandonable(_look_for_a_moment, left, policy, self._limits, limiter=threads), {}
            ):
                threads.total_tokens = _PARALLEL_LOOKS if len(found) < _FEW_FILES else 1
                looked.update(found)
                self._show(len(looked), len(files))

        self._show(0, len(files))
        await for_each(look, range(_PARALLEL_LOOKS), limit=_PARALLEL_LOOKS)
        return [looked.get(index) or _Looked(file.name, None, None) for index, file in enumerate(files)]

    async def _in_time(self, look: Awaitable[T], otherwise: T) -> T:
        try:
            with stop_at(self._looks_until):
                return await look
        except OutOfTime:
            return otherwise

    async def _item(self, name: str, item: BatchItem) -> BatchInput:
        declared = item.declared(self._shared.declaration)
        declared.check_labels(self._limits)
        target = await self._target(item.bucket)
        checked = await check_source(item.source(), self._access.state.files, self._limits)
        return self._settle(_Looked(name, checked, None), target, declared)

    async def _target(self, reference: str) -> Target:
        if not self._targets:
            self._rule = await find_version_rule(self._access, self._shared.if_exists)
        reference = reference or self._shared.bucket
        if reference not in self._targets:
            self._targets[reference] = await find_target(
                self._access, reference, create=self._shared.create_bucket
            )
        return self._targets[reference]

    def _settle(self, looked: _Looked, target: Target, declared: Declaration | None = None) -> BatchInput:
        if looked.checked is None:
            return BatchInput(looked.path, problem=looked.problem)
        checked = looked.checked
        declaration = replace(
            declared or self._shared.declaration,
            filename=checked.filename,
            destination=target.destination,
            path=checked.identity or (declared.path if declared else None),
            if_exists=self._rule,
        )
        keeps_name = declared is None or not declared.filename
        upload = Upload(checked.source, declaration, checked.origin, keeps_name=keeps_name)
        return BatchInput(looked.path, upload, target, size_bytes=checked.size_bytes)

    def _show(self, done: int, total: int) -> None:
        self._progress.update(Step("checking", files_done=done, files_total=total))


@dataclass(frozen=True, slots=True)
class _Named:
    """A file to look at: what the caller knows it by, its path, and the name that it has in the bucket."""

    name: str
    path: str
    identity: str | None


@dataclass(frozen=True, slots=True)
class _Looked:
    """A file that was looked at: what it is, or why it cannot be sent; neither if time ran out first."""

    path: str
    checked: CheckedSource | None
    problem: CalypsoError | None


def _look_for_a_moment(
    left: Iterator[tuple[int, _Named]], policy: FilePolicy, limits: UploadLimits
) -> dict[int, _Looked]:
    """Look at the next files of `left`, which several threads share; empty once none is left."""
    looked: dict[int, _Looked] = {}
    ends = math.inf
    for index, file in left:
        looked[index] = _look(file, policy, limits)
        # The time counts from the end of the first file: the first of a process also imports modules.
        ends = min(ends, monotonic() + _HOP_S)
        if monotonic() > ends:
            break
    return looked


def _look(file: _Named, policy: FilePolicy, limits: UploadLimits) -> _Looked:
    try:
        return _Looked(file.name, check_local_file(file.path, policy, limits, identity=file.identity), None)
    except InputError as problem:
        return _Looked(file.name, None, problem)
