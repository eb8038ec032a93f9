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

from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.concurrency import for_each, stop_at
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.declaration import Declaration, IfExists
from calypso_mcp.domain.uploads.upload_rules import split_name
from calypso_mcp.errors import CalypsoError, InputError, OutOfTime
from calypso_mcp.server.calls.call_arguments import NAMES_FILES
from calypso_mcp.server.calls.call_progress import CallProgress, Step
from calypso_mcp.server.calls.call_time import CallTime
from calypso_mcp.server.files.folder_walk import SkipCode, walk
from calypso_mcp.server.files.local_files import FilePolicy
from calypso_mcp.server.files.upload_sources import (
    CheckedSource,
    SourceArguments,
    check_local_file,
    check_source,
    require_files,
    run_abandonable,
)
from calypso_mcp.server.scope.destinations import Target, find_target, find_version_rule
from calypso_mcp.server.scope.request_scope import Access

T = TypeVar("T")
#: The result of checking a file: what may be sent, or why it may not.
_Look = CheckedSource | FileState

#: Seconds for which a worker thread checks files in one turn; starting it costs as much as a small file.
_TURN_S = 0.01
#: Share of the remaining time for checking files, because they must still be sent.
_SHARE_TO_LOOK = 0.5
#: Threads that check files at the same time, if one of them checks fewer than `_FEW_FILES` in a turn.
_PARALLEL_LOOKS = 2
_FEW_FILES = 15


def _without_description(schema: dict[str, Any]) -> None:
    # The tool's own description says what an item is, and every conversation pays for the tool list.
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
        return SourceArguments(self.path, self.text, self.content_base64, name)

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
    """One input.

    Attributes:
        path: What the caller knows it by.
        size_bytes: Its size; 0 if it was never opened.
        state: What has become of it; None if that is not known, as where time ran out first.
        skipped: Why it was left out of a folder.
        is_found: Whether it was found in a folder rather than asked for.
    """

    path: str
    upload: Upload | None = None
    target: Target | None = None
    size_bytes: int = 0
    state: FileState | None = None
    skipped: SkipCode | None = None
    is_found: bool = False

    def refused(self, error: CalypsoError) -> BatchInput:
        """Return the input as one that is not sent."""
        return replace(self, upload=None, state=FileState.of_error(error))


@dataclass(frozen=True, slots=True)
class WalkedFolder:
    """A folder that was walked to its end, and the bucket, perhaps yet to be made, that its files go to."""

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

    Files that it had no time to look at are left for the next call, which need not look at the others again
    (see `upload_sources`).
    """

    def __init__(
        self, access: Access, shared: SharedArguments, progress: CallProgress, time: CallTime
    ) -> None:
        self._access = access
        self._shared = shared
        self._progress = progress
        self._targets: dict[str, Target] = {}
        self._rule: IfExists | None = None
        #: The folder of `read_directory`; None before its end is reached.
        self.folder: WalkedFolder | None = None
        self._time = time
        self._looks_until = math.inf

    async def read_directory(
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
                found = await run_abandonable(walk, directory, include, exclude, policy)
        except OutOfTime:
            return [BatchInput(directory)]
        self._begin_looking()
        self.folder = WalkedFolder(found.base, target.slug, target.bucket_id, is_empty=not found.files)
        skipped = [BatchInput(path, skipped=code) for path, code in found.skipped.items()]
        inputs = await self._look_at_all(found.files, target, policy, base=found.base)
        return sorted(
            [*skipped, *(replace(item, is_found=True) for item in inputs)], key=lambda item: item.path
        )

    async def read_paths(self, paths: Sequence[str]) -> list[BatchInput]:
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
        return await self._look_at_all(paths, target, policy)

    async def read_items(self, items: Sequence[BatchItem]) -> list[BatchInput]:
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
                inputs.append(BatchInput(name).refused(problem))
        return inputs

    def _begin_looking(self) -> None:
        self._looks_until = anyio.current_time() + self._time.left_s * _SHARE_TO_LOOK

    async def _look_at_all(
        self, paths: Sequence[str], target: Target, policy: FilePolicy, *, base: str | None = None
    ) -> list[BatchInput]:
        """Look at files in their order, two at the same time if they are large or come from a slow disk.

        Small files cost mostly Python: two threads would take turns at its lock, which takes twice as long.
        Paths are absolute, or below the folder `base`.
        """
        left = iter(enumerate(paths))
        looked: dict[int, _Look] = {}
        threads = anyio.CapacityLimiter(1)

        async def look(_: int) -> None:
            while found := await self._in_time(
                run_abandonable(_look_for_a_moment, left, base, policy, limiter=threads), {}
            ):
                threads.total_tokens = _PARALLEL_LOOKS if len(found) < _FEW_FILES else 1
                looked.update(found)
                self._show(len(looked), len(paths))

        self._show(0, len(paths))
        await for_each(look, range(_PARALLEL_LOOKS), limit=_PARALLEL_LOOKS)
        declared = self._shared.declaration
        return [self._input(path, looked.get(index), target, declared) for index, path in enumerate(paths)]

    async def _in_time(self, look: Awaitable[T], otherwise: T) -> T:
        try:
            with stop_at(self._looks_until):
                return await look
        except OutOfTime:
            return otherwise

    async def _item(self, name: str, item: BatchItem) -> BatchInput:
        declared = item.declared(self._shared.declaration)
        declared.check_labels()
        target = await self._target(item.bucket)
        checked = await check_source(item.source(), self._access.state.files)
        return self._input(name, checked, target, declared)

    async def _target(self, reference: str) -> Target:
        if not self._targets:
            self._rule = await find_version_rule(self._access, self._shared.if_exists)
        reference = reference or self._shared.bucket
        if reference not in self._targets:
            self._targets[reference] = await find_target(
                self._access, reference, create=self._shared.create_bucket
            )
        return self._targets[reference]

    def _input(self, path: str, looked: _Look | None, target: Target, declared: Declaration) -> BatchInput:
        if not isinstance(looked, CheckedSource):
            return BatchInput(path, state=looked)
        declared = replace(declared, destination=target.destination, if_exists=self._rule)
        return BatchInput(path, looked.upload(declared), target, size_bytes=looked.size_bytes)

    def _show(self, done: int, total: int) -> None:
        self._progress.update(Step("checking", files_done=done, files_total=total))


def _look_for_a_moment(
    left: Iterator[tuple[int, str]], base: str | None, policy: FilePolicy
) -> dict[int, _Look]:
    """Look at the next files of `left`, which several threads share; empty once none is left."""
    looked: dict[int, _Look] = {}
    ends = math.inf
    for index, path in left:
        looked[index] = _look(path, base, policy)
        # The time counts from the end of the first file: the first of a process also imports modules.
        ends = min(ends, monotonic() + _TURN_S)
        if monotonic() > ends:
            break
    return looked


def _look(path: str, base: str | None, policy: FilePolicy) -> _Look:
    try:
        if base is None:
            return check_local_file(path, policy)
        return check_local_file(f"{base}/{path}", policy, identity=path)
    except InputError as problem:
        return FileState.of_error(problem)
