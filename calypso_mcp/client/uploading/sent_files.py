"""What a client remembers of the files it has sent.

The API recognises a repeated batch only as a whole. This memory recognises single files, so that a folder in
which one file has changed costs one upload. It decides nothing alone: `recall` asks the API.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from calypso_mcp.client.uploading.preparation import Prepared
from calypso_mcp.domain.states.file_state import FileState


class SentFiles:
    """The memory. This one remembers nothing: then the API alone recognises what it has.

    A memory is empty if it cannot be kept; its methods raise nothing but cancellation.
    """

    async def find(self, keys: Collection[str]) -> dict[str, FileState]:
        """Return the known files among `keys`, by key."""
        del keys
        return {}

    async def note(self, files: Mapping[str, FileState]) -> None:
        """Remember the ids of files by their keys; a file without `file_id` is only announced.

        An announced file does not replace the memory that it arrived with the same batch.
        """

    async def opened(self, batch_keys: Collection[str]) -> dict[str, str]:
        """Return the ids of those batches, by key, that were opened before."""
        del batch_keys
        return {}

    async def note_opened(self, batch_key: str, batch_id: str) -> None:
        """Remember that a batch was opened."""

    async def changed(self, contents: Mapping[str, str]) -> set[str]:
        """Remember what was sent last from each place; returns the places that sent something else before.

        A place is named by `Declaration.place_key`, its content by a hash, or what else identifies it.
        """
        del contents
        return set()


def under_keys(files: Iterable[tuple[Prepared, FileState]]) -> dict[str, FileState]:
    """Return each file under each of its keys.

    Content that comes again without labels keeps those that it has. What was only announced under labels does
    not count for it: it may never arrive.
    """
    found: dict[str, FileState] = {}
    for prepared, file in files:
        bare = () if file.file_id is None else prepared.unlabelled_keys
        found |= dict.fromkeys((*bare, *prepared.memory_keys, *prepared.latest_keys), file)
    return found
