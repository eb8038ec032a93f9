"""Uploads any number of files: hash, divide into batches, run them, one outcome for every input."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from calypso_mcp.client.uploading.batch_run import BatchRun, BatchTools
from calypso_mcp.client.uploading.preparation import Prepared, prepare
from calypso_mcp.client.uploading.progress import ProgressBoard, TransferProgress
from calypso_mcp.client.uploading.recall import Recall, Recalled
from calypso_mcp.client.uploading.single_upload import addresses_forgotten, came_to_nothing
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.concurrency import for_each
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.declaration import MOST_FORGOTTEN, MOST_GENERATIONS
from calypso_mcp.domain.uploads.manifest import split
from calypso_mcp.errors import CalypsoError, InvalidRequest

#: Files hashed at the same time. More only makes a disk seek.
_PARALLEL_HASHES: Final = 4
#: Batches under way at the same time: the next one's sessions open while the last files of the previous
#: one are sent, and yet no address waits long enough to expire.
_PARALLEL_BATCHES: Final = 2

#: Inputs that are one and the same file, by their indexes.
_Inputs = Mapping[int, Prepared]


class BatchUploads:
    """Runs `upload_all`. Between calls it keeps nothing but the record of sent files."""

    def __init__(self, tools: BatchTools, recall: Recall) -> None:
        self._tools = tools
        self._recall = recall

    async def run(
        self,
        uploads: Sequence[Upload],
        on_progress: Callable[[TransferProgress], None] | None = None,
    ) -> list[FileState]:
        """Upload everything. What goes wrong with a file is its outcome, not an exception.

        Returns:
            One outcome for every input, in the order given.
        """
        board = ProgressBoard(len(uploads), on_progress)
        outcomes: dict[int, FileState] = {}
        files = await self._prepare_all(uploads, outcomes, board)
        items = _first_of_each(files)
        board.enter("uploading", bytes_total=sum(prepared.size_bytes for prepared in items.values()))
        board.done(len(uploads) - len(files))
        anew = {
            client_id
            for client_id, inputs in files.items()
            if any(prepared.upload.supersedes for prepared in inputs.values())
        }
        recalled = await self._recall.batches(items, split(items))
        recalled.leave_out(anew)
        states = await self._upload_files(items, recalled, board)
        for client_id, inputs in files.items():
            outcomes.update(_outcomes(client_id, inputs, states[client_id]))
        outcomes.update(await self._changed(files.values(), outcomes))
        board.enter("done")
        return [outcomes[index] for index in range(len(uploads))]

    async def look(
        self, uploads: Sequence[Upload], on_progress: Callable[[TransferProgress], None] | None = None
    ) -> list[FileState | None]:
        """Return what `run` would find already there or refuse; None for each file that it would send.

        Sends nothing and changes nothing. Recognises only files that this client's memory knows and that the
        API could be asked about.
        """
        outcomes: dict[int, FileState] = {}
        board = ProgressBoard(len(uploads), on_progress)
        files = await self._prepare_all(uploads, outcomes, board)
        states = await self._recall.present(_first_of_each(files))
        for client_id, state in states.items():
            if state.is_replayed:
                outcomes.update(_outcomes(client_id, files[client_id], state))
        return [outcomes.get(index) for index in range(len(uploads))]

    async def _changed(
        self, files: Iterable[_Inputs], outcomes: Mapping[int, FileState]
    ) -> dict[int, FileState]:
        """Return the outcomes of files that went to the same bucket with other content or labels before."""
        uploaded = {
            index: prepared
            for inputs in files
            for index, prepared in inputs.items()
            if outcomes[index].is_uploaded
        }
        sent: dict[str, set[str]] = defaultdict(set)
        for prepared in uploaded.values():
            for place in prepared.places:
                sent[place].add(prepared.version_key)
        # Several contents sent under one name at once do not replace one another.
        changed = await self._tools.sent.changed(
            {place: version for place, (version, *others) in sent.items() if not others}
        )
        return {
            index: replace(outcomes[index], changed=True)
            for index, prepared in uploaded.items()
            if not changed.isdisjoint(prepared.places[:1])
        }

    async def _prepare_all(
        self, uploads: Sequence[Upload], outcomes: dict[int, FileState], board: ProgressBoard
    ) -> Mapping[str, _Inputs]:
        files: defaultdict[str, dict[int, Prepared]] = defaultdict(dict)

        async def look_at(index: int) -> None:
            try:
                prepared = await prepare(uploads[index])
            except CalypsoError as error:
                outcomes[index] = replace(FileState.of_error(error), name=uploads[index].declaration.filename)
                board.hashed(0)
                return
            files[_id(prepared, 0)][index] = prepared
            board.hashed(prepared.size_bytes)

        await for_each(look_at, range(len(uploads)), limit=_PARALLEL_HASHES)
        return files

    async def _upload_files(
        self, items: Mapping[str, Prepared], recalled: Recalled, board: ProgressBoard
    ) -> dict[str, FileState]:
        states, batches = recalled.states, recalled.unfinished
        board.done(len(states), sum(items[client_id].size_bytes for client_id in states))
        forgotten: Counter[str] = Counter()
        for generation in range(MOST_GENERATIONS):
            # The id of each file by its id in this generation.
            ids = {_id(items[name], generation): name for name in items if name not in states}
            if not ids:
                break
            batches += split(set(ids).difference(*batches))
            sent = {new: items[client_id] for new, client_id in ids.items()}
            found, newly_forgotten = await self._run_batches(batches, sent, board, renews=not forgotten)
            batches = []
            states |= {ids[new]: state for new, state in found.items() if state.file_id not in recalled.gone}
            forgotten.update(ids[new] for new in newly_forgotten)
            given_up = [client_id for client_id, times in forgotten.items() if times == MOST_FORGOTTEN]
            states |= dict.fromkeys(given_up, FileState.of_error(addresses_forgotten()))
        return dict.fromkeys(items, FileState.of_error(came_to_nothing())) | states

    async def _run_batches(
        self,
        batches: Iterable[Sequence[str]],
        items: Mapping[str, Prepared],
        board: ProgressBoard,
        *,
        renews: bool,
    ) -> tuple[dict[str, FileState], set[str]]:
        """Return the states of files, and those whose new address the storage forgot.

        Files that are in neither came to nothing under this id.
        """
        states: dict[str, FileState] = {}
        forgotten: set[str] = set()

        async def run(ids: Sequence[str]) -> None:
            batch = BatchRun(
                self._tools, {client_id: items[client_id] for client_id in ids}, board, renews=renews
            )
            await batch.run()
            groups = _by_destination(ids, items)
            if isinstance(batch.refusal, InvalidRequest) and len(groups) > 1:
                # One bad destination refuses the whole request: let it cost only the files it belongs to.
                for group in groups:
                    await run(group)
                return
            states.update(batch.machine.states)
            forgotten.update(batch.machine.forgotten)

        await for_each(run, batches, limit=_PARALLEL_BATCHES)
        return states, forgotten


def _by_destination(ids: Sequence[str], items: Mapping[str, Prepared]) -> list[list[str]]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for client_id in ids:
        groups.setdefault(items[client_id].declaration.destination.names, []).append(client_id)
    return list(groups.values())


def _id(prepared: Prepared, generation: int) -> str:
    return prepared.declaration.client_file_id(prepared.content_hash, generation)


def _first_of_each(files: Mapping[str, _Inputs]) -> dict[str, Prepared]:
    return {client_id: next(iter(inputs.values())) for client_id, inputs in files.items()}


def _outcomes(client_id: str, inputs: _Inputs, state: FileState) -> dict[int, FileState]:
    """Return the outcomes of all inputs that are one file: the first uploads it, the others find it."""
    found: dict[int, FileState] = {}
    for position, (index, prepared) in enumerate(sorted(inputs.items())):
        repeated = position > 0 and state.outcome == "accepted"
        found[index] = replace(
            state,
            client_file_id=client_id,
            content_hash=prepared.content_hash,
            size_bytes=prepared.size_bytes,
            name=prepared.declaration.filename,
            outcome="replayed" if repeated else state.outcome,
        )
    return found
