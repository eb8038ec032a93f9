"""Uploading one file or many, from their bytes to accepted knowledge files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio

from calypso_mcp.client.batches import Batches
from calypso_mcp.client.clock import Clock
from calypso_mcp.client.files import Files
from calypso_mcp.client.policies import ClientPolicies
from calypso_mcp.client.transport.storage import Storage
from calypso_mcp.client.uploading.batch_run import BatchTools
from calypso_mcp.client.uploading.batch_uploads import BatchUploads
from calypso_mcp.client.uploading.outcomes import TransferProgress, Upload
from calypso_mcp.client.uploading.recall import Recall
from calypso_mcp.client.uploading.relayed_upload import RelayedUpload
from calypso_mcp.client.uploading.sent_files import SentFiles
from calypso_mcp.client.uploading.single_upload import SingleUpload
from calypso_mcp.client.uploading.transfer import Transfer
from calypso_mcp.domain.file_state import FileState

__all__ = ["TransferProgress", "Upload", "Uploads"]


class Uploads:
    """Everything that moves bytes. The number of files sent at once is limited over all calls together."""

    def __init__(
        self,
        *,
        files: Files,
        batches: Batches,
        storage: Storage,
        policies: ClientPolicies,
        clock: Clock,
        dice: Callable[[], float],
        sent: SentFiles,
    ) -> None:
        """Use the API side, the storage side and the memory of one client."""
        transfer = Transfer(storage, policies.storage_retry, clock, dice)
        recall = Recall(sent, batches, files)
        self._single = SingleUpload(files, transfer, recall, sent, policies.limits)
        self.relay = RelayedUpload(files, transfer)
        sending = anyio.CapacityLimiter(policies.parallel_uploads)
        tools = BatchTools(batches, transfer, sending, clock)
        self._many = BatchUploads(tools, recall, sent, policies.limits, clock)

    async def upload(self, upload: Upload, *, on_progress: Callable[[int], None] | None = None) -> FileState:
        """Upload one file, or find that it is there already. See `SingleUpload.run` for the errors.

        Args:
            upload: The file.
            on_progress: Told the number of bytes newly acknowledged by the storage.
        """
        # Not queued behind the files of a large batch: the connection pool bounds what is sent at once.
        return await self._single.run(upload, on_progress)

    async def upload_all(
        self,
        uploads: Sequence[Upload],
        *,
        on_progress: Callable[[TransferProgress], None] | None = None,
    ) -> list[FileState]:
        """Upload any number of files.

        Divided into batches of at most 100. Calling again with the same files continues where it stopped
        and repeats nothing. What goes wrong with one file is its outcome and touches no other.

        Args:
            uploads: The files; of sources given as factories only those in flight are open.
            on_progress: Told of progress, at least every few seconds.

        Returns:
            One outcome for every input, in the order given.
        """
        return await self._many.run(uploads, on_progress)

    async def look_up_all(
        self,
        uploads: Sequence[Upload],
        *,
        on_progress: Callable[[TransferProgress], None] | None = None,
    ) -> list[FileState | None]:
        """Return what `upload_all` would find already there; None for what it would send. Sends nothing.

        Only what this client's memory knows is found: see `BatchUploads.look`.
        """
        return await self._many.look(uploads, on_progress)
