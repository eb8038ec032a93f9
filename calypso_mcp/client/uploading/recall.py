"""Which files of a call the API has already, from earlier calls in which they came with other files.

The memory says what to ask for; the API's answer decides. What it does not have any more is sent anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.states import state_of_file, state_of_item
from calypso_mcp.client.batches import Batches
from calypso_mcp.client.files import Files
from calypso_mcp.client.uploading.preparation import Prepared
from calypso_mcp.client.uploading.sent_files import SentFile, SentFiles, under_keys
from calypso_mcp.concurrency import for_each
from calypso_mcp.domain.declaration import batch_key
from calypso_mcp.domain.file_state import FileState
from calypso_mcp.errors import CalypsoError, NotFound

#: Questions asked at the same time: of batches, each answered with up to 100 files, and of single files.
_PARALLEL_BATCHES: Final = 4
_PARALLEL_FILES: Final = 8


@dataclass(frozen=True, slots=True)
class Recalled:
    """What needs not be sent, or not in a new way.

    Attributes:
        verdicts: Of files that the API has, and of files about which it could not be asked.
        unfinished: Batches of earlier calls, to be continued with exactly these files.
        gone: Knowledge files that have failed or been deleted; no replay may be content with them.
    """

    verdicts: dict[str, FileState] = field(default_factory=dict[str, FileState])
    unfinished: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    gone: set[str] = field(default_factory=set[str])


#: Places of files that have changed, by batch and by the id under which their old content was announced.
Earlier = Mapping[str, Mapping[str, str]]


class Recall:
    """Asks the memory, then the API."""

    def __init__(self, sent: SentFiles, batches: Batches, files: Files) -> None:
        """Use `sent` to know what to ask for."""
        self._sent = sent
        self._batches = batches
        self._files = files

    async def batches(self, items: Mapping[str, Prepared], groups: Sequence[tuple[str, ...]]) -> Recalled:
        """Return what is known of the files of a call.

        Args:
            items: Files by id.
            groups: The same ids, divided into the batches that would be made of them.
        """
        known = await self._known(items)
        opened = await self._sent.opened([batch_key(group) for group in groups]) if known else {}
        recalled = Recalled()
        asked: dict[str, SentFile] = {}
        for group in groups:
            if _is_unfinished(group, known, opened.get(batch_key(group))):
                recalled.unfinished.append(group)
            else:
                asked.update({one: known[one] for one in group if one in known})
        recalled.verdicts.update(await self._ask(asked, items, await self._earlier(items, known)))
        lost = [file.file_id for one, file in asked.items() if one not in recalled.verdicts]
        recalled.gone.update(file_id for file_id in lost if file_id)
        return recalled

    async def present(self, items: Mapping[str, Prepared]) -> dict[str, FileState]:
        """Return verdicts on the files that are known to have arrived; asks only, and changes nothing."""
        known = await self._known(items)
        arrived = {one: file for one, file in known.items() if file.file_id is not None}
        return await self._ask(arrived, items, {})

    async def file(self, prepared: Prepared) -> tuple[KnowledgeFile | None, str | None]:
        """Return the knowledge file that a single upload would make again.

        Returns:
            The file, None where there is none; and the id of the one that has failed or been deleted.

        Raises:
            CalypsoError: The API could not be asked.
        """
        found = await self._known({"": prepared})
        known, earlier = found.get(""), await self._earlier({"": prepared}, found)
        if known is not None and known.file_id is None:
            # Announced with a batch that did not come to its end: perhaps it arrived.
            verdict = (await self._ask({"": known}, {"": prepared}, earlier)).get("")
            known = replace(known, file_id=verdict.file_id) if verdict else None
        elif known is None and earlier:
            await self._ask({}, {}, earlier)
        if known is None or known.file_id is None:
            return None, None
        file = await self._present(known.file_id)
        if file is None:
            return None, known.file_id
        if file.task_id is None:
            file = file.model_copy(update={"task_reference": known.task_id})
        return file, None

    async def _known(self, items: Mapping[str, Prepared]) -> dict[str, SentFile]:
        keys = {one: prepared.memory_keys for one, prepared in items.items()}
        found = await self._sent.find([key for every in keys.values() for key in every])
        known: dict[str, SentFile] = {}
        for one, candidates in keys.items():
            files = [found[key] for key in candidates if key in found]
            if files:
                # One that arrived says more than one that was announced.
                known[one] = next((file for file in files if file.file_id), files[0])
        return known

    async def _earlier(self, items: Mapping[str, Prepared], known: Mapping[str, SentFile]) -> Earlier:
        """Return what was on its way from the same places with other content when a call was cut off."""
        keys = {key: one for one, prepared in items.items() if (key := prepared.latest_key) is not None}
        earlier: dict[str, dict[str, str]] = defaultdict(dict)
        for key, file in (await self._sent.find(list(keys))).items():
            one, place = keys[key], items[keys[key]].place
            current = known.get(one)
            is_same = current is not None and current.client_file_id == file.client_file_id
            if file.file_id is None and file.batch_id and file.client_file_id and place and not is_same:
                earlier[file.batch_id][file.client_file_id] = place
        return earlier

    async def _ask(
        self, known: Mapping[str, SentFile], items: Mapping[str, Prepared], earlier: Earlier
    ) -> dict[str, FileState]:
        verdicts: dict[str, FileState] = {}
        by_batch: dict[str, dict[str, SentFile]] = defaultdict(dict)
        alone: dict[str, SentFile] = {}
        for one, file in known.items():
            (alone if file.batch_id is None else by_batch[file.batch_id])[one] = file

        async def ask_batch(batch_id: str) -> None:
            files, old = by_batch.get(batch_id, {}), earlier.get(batch_id, {})
            alone.update(await self._ask_batch(batch_id, files, old, verdicts))

        async def ask_file(one: str) -> None:
            verdict = await self._ask_file(alone[one])
            if verdict is not None:
                verdicts[one] = verdict

        await for_each(ask_batch, [*by_batch, *(earlier.keys() - by_batch)], limit=_PARALLEL_BATCHES)
        await for_each(ask_file, list(alone), limit=_PARALLEL_FILES)
        await self._sent.note(under_keys(_news(known, verdicts, items)))
        return verdicts

    async def _ask_batch(
        self,
        batch_id: str,
        files: Mapping[str, SentFile],
        old: Mapping[str, str],
        verdicts: dict[str, FileState],
    ) -> dict[str, SentFile]:
        """Judge the files of one batch; returns those on which only a question about themselves helps.

        The API takes over a batch as a whole, so old content that had arrived with it comes into the bucket.
        There is no way to leave it out, and none to delete it, so it is remembered that the file has changed.
        """
        arrived = {one: file for one, file in files.items() if file.file_id}
        try:
            if len(arrived) < len(files):
                arrived |= await self._arrived(batch_id, files)
            batch = await self._batches.get(batch_id)
        except NotFound:
            return arrived
        except CalypsoError as error:
            # What was only announced is sent again, unless it may have arrived and asking later helps.
            unknown = files if error.retryable else arrived
            verdicts.update(dict.fromkeys(unknown, FileState.of_error(error, batch_id=batch_id)))
            return {}
        states = {item.client_file_id: state_of_item(item) for item in batch.items or ()}
        taken_over = [client_file_id for client_file_id, state in states.items() if state.file_id]
        await self._sent.changed({old[one]: one for one in taken_over if one in old})
        unanswered: dict[str, SentFile] = {}
        for one, file in arrived.items():
            state = states.get(file.client_file_id or "")
            if state is None:
                unanswered[one] = file
            elif not state.is_gone:
                verdicts[one] = _replayed(file)
        return unanswered

    async def _arrived(self, batch_id: str, files: Mapping[str, SentFile]) -> dict[str, SentFile]:
        """Return which of `files` have arrived by now; those that nobody took over are taken over."""
        answer = (await self._batches.finalize(batch_id)).body
        entries = {entry.client_file_id: entry for entry in (*answer.finalized, *answer.replayed)}
        return {
            one: replace(file, file_id=entry.knowledge_id, task_id=entry.task_id)
            for one, file in files.items()
            if (entry := entries.get(file.client_file_id or "")) is not None and entry.knowledge_id
        }

    async def _ask_file(self, file: SentFile) -> FileState | None:
        if file.file_id is None:
            return None
        try:
            present = await self._present(file.file_id)
        except CalypsoError as error:
            return FileState.of_error(error, batch_id=file.batch_id)
        return _replayed(file) if present else None

    async def _present(self, file_id: str) -> KnowledgeFile | None:
        try:
            file = await self._files.get(file_id)
        except NotFound:
            return None
        return None if state_of_file(file).is_gone else file


def _is_unfinished(group: Sequence[str], known: Mapping[str, SentFile], batch_id: str | None) -> bool:
    """Whether exactly this batch was opened before, is not at its end, and none of it went elsewhere."""
    if batch_id is None:
        return False
    files = [known.get(one) for one in group]
    return any(file is None or file.file_id is None for file in files) and all(
        file is None or file.batch_id == batch_id for file in files
    )


def _replayed(file: SentFile) -> FileState:
    return FileState(outcome="replayed", file_id=file.file_id, task_id=file.task_id, batch_id=file.batch_id)


def _news(
    known: Mapping[str, SentFile], verdicts: Mapping[str, FileState], items: Mapping[str, Prepared]
) -> Iterable[tuple[Prepared, SentFile]]:
    """Yield what the API has told and the memory did not know."""
    for one, verdict in verdicts.items():
        if verdict.is_replayed and known[one].file_id is None:
            yield items[one], replace(known[one], file_id=verdict.file_id, task_id=verdict.task_id)
