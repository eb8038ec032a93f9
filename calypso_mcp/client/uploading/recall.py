"""Finds files that the API already has: drives one `domain.recollection` over the record and HTTP."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.states import state_of_file, state_of_item, states_of_finalized
from calypso_mcp.client.files import Files
from calypso_mcp.client.uploading.preparation import Prepared
from calypso_mcp.client.uploading.sent_files import SentFiles, under_keys
from calypso_mcp.concurrency import for_each
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.declaration import batch_key
from calypso_mcp.domain.uploads.recollection import Earlier, Recollection, choose_sent, is_unfinished
from calypso_mcp.errors import CalypsoError, NotFound

#: Questions asked at the same time: of batches, each answered with up to 100 files, and of single files.
_PARALLEL_BATCHES: Final = 4
_PARALLEL_FILES: Final = 8


@dataclass(frozen=True, slots=True)
class Recalled:
    """What earlier calls have done already.

    Attributes:
        states: States of files that the API has, and of files that it could not be asked about.
        unfinished: Batches of earlier calls, to be continued with exactly these files.
        gone: Knowledge files that have failed or been deleted: a replay that ends in one does not count.
    """

    states: dict[str, FileState]
    unfinished: list[tuple[str, ...]]
    gone: set[str]

    def leave_out(self, client_ids: Iterable[str]) -> None:
        """Count files that are there among the gone, because they are to be sent anew."""
        for client_id in client_ids:
            state = self.states.get(client_id)
            if state is not None and state.file_id:  # that of an error has none
                self.gone.add(state.file_id)
                del self.states[client_id]


class Recall:
    """Asks the memory, then the API."""

    def __init__(self, sent: SentFiles, files: Files) -> None:
        self._sent = sent
        self._files = files

    async def batches(self, items: Mapping[str, Prepared], groups: Sequence[tuple[str, ...]]) -> Recalled:
        """Return what is known of files by id; `groups` divides the ids into batches to be made."""
        known = await self._known(items)
        opened = await self._sent.opened([batch_key(group) for group in groups]) if known else {}
        unfinished = [group for group in groups if is_unfinished(group, known, opened.get(batch_key(group)))]
        continued = {name for group in unfinished for name in group}
        asked = {name: file for name, file in known.items() if name not in continued}
        recollection = Recollection(asked, await self._earlier(items, known))
        await self._ask(recollection, items)
        return Recalled(recollection.states, unfinished, recollection.lost)

    async def present(self, items: Mapping[str, Prepared]) -> dict[str, FileState]:
        """Return the states of the files that are known to have arrived; only asks, and changes nothing."""
        known = await self._known(items)
        recollection = Recollection({name: file for name, file in known.items() if file.file_id is not None})
        await self._ask(recollection, items)
        return recollection.states

    async def file(self, prepared: Prepared) -> tuple[KnowledgeFile | None, str | None]:
        """Return the knowledge file that a single upload would make again.

        Returns:
            The file, or None if it must be sent; and the id of an earlier one that failed or was deleted.

        Raises:
            CalypsoError: The API could not be asked.
        """
        items = {"": prepared}
        found = await self._known(items)
        known = found.get("")
        if known is None or known.file_id is None:
            # Announced with a batch that did not come to its end: perhaps it arrived.
            recollection = Recollection(found, await self._earlier(items, found))
            await self._ask(recollection, items)
            state = recollection.states.get("")
            known = replace(known, file_id=state.file_id) if known and state else None
        if known is None or known.file_id is None:
            return None, None
        file = await self._present(known.file_id)
        if file is None:
            return None, known.file_id
        if file.task_id is None:
            file = file.model_copy(update={"task_reference": known.task_id})
        return file, None

    async def _known(self, items: Mapping[str, Prepared]) -> dict[str, FileState]:
        keys = {name: prepared.memory_keys for name, prepared in items.items()}
        found = await self._sent.find([key for own_keys in keys.values() for key in own_keys])
        candidates = {
            name: [found[key] for key in candidates if key in found] for name, candidates in keys.items()
        }
        return {name: chosen for name, files in candidates.items() if (chosen := choose_sent(files))}

    async def _earlier(self, items: Mapping[str, Prepared], known: Mapping[str, FileState]) -> Earlier:
        """Return what was on its way from the same places with other content when a call was cut off."""
        keys = {key: client_id for client_id, prepared in items.items() for key in prepared.latest_keys[:1]}
        earlier: dict[str, dict[str, str]] = defaultdict(dict)
        for key, file in (await self._sent.find(list(keys))).items():
            client_id = keys[key]
            place, current = items[client_id].places[0], known.get(client_id)
            is_same = current is not None and current.client_file_id == file.client_file_id
            if file.file_id is None and file.batch_id and file.client_file_id and not is_same:
                earlier[file.batch_id][file.client_file_id] = place
        return earlier

    async def _ask(self, recollection: Recollection, items: Mapping[str, Prepared]) -> None:
        async def ask_batch(batch_id: str) -> None:
            try:
                if recollection.must_finalize(batch_id):
                    answer = (await self._files.finalize_batch(batch_id)).body
                    accepted = states_of_finalized((*answer.finalized, *answer.replayed))
                    recollection.batch_finalized(batch_id, accepted)
                batch = await self._files.get_batch(batch_id)
            except NotFound:
                recollection.batch_missing(batch_id)
            except CalypsoError as error:
                recollection.batch_failed(batch_id, FileState.of_error(error))
            else:
                states = {item.client_file_id: state_of_item(item) for item in batch.items or ()}
                # Their old content cannot be withdrawn, but the change can be noted.
                await self._sent.changed(recollection.batch_seen(batch_id, states))

        async def ask_file(name: str) -> None:
            try:
                present = await self._present(recollection.alone[name].file_id or "")
            except CalypsoError as error:
                recollection.file_failed(name, FileState.of_error(error))
            else:
                recollection.file_seen(name, is_present=present is not None)

        await for_each(ask_batch, recollection.batches, limit=_PARALLEL_BATCHES)
        await for_each(ask_file, list(recollection.alone), limit=_PARALLEL_FILES)
        await self._sent.note(under_keys((items[name], file) for name, file in recollection.news.items()))

    async def _present(self, file_id: str) -> KnowledgeFile | None:
        try:
            file = await self._files.get(file_id)
        except NotFound:
            return None
        return None if state_of_file(file).is_gone else file
