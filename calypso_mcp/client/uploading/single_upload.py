"""Uploads one file: session, bytes, finalize (seed: single upload)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from calypso_mcp.api.files import CreateUploadSession, KnowledgeFile, UploadSession, UploadTarget
from calypso_mcp.api.states import state_of_file
from calypso_mcp.client.files import Files
from calypso_mcp.client.transport.requester import ApiAnswer
from calypso_mcp.client.transport.sources import sha256_of, version_of
from calypso_mcp.client.transport.storage import Content
from calypso_mcp.client.uploading.preparation import Prepared, open_source, prepare
from calypso_mcp.client.uploading.recall import Recall
from calypso_mcp.client.uploading.sent_files import SentFiles, under_keys
from calypso_mcp.client.uploading.transfer import OnKept, Transfer
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.declaration import MOST_FORGOTTEN, MOST_GENERATIONS
from calypso_mcp.errors import (
    ApiError,
    CalypsoError,
    Conflict,
    SessionExpired,
    UploadCorrupted,
    UploadError,
)

#: The answer to a key that came with other content before. Ours come from content, so only a collision of
#: destinations or an older version of this program can cause it.
KEY_REUSED: Final = "idempotency_key_reused"
#: Statuses of answers to a finalize that call for a new session or batch, as those of the storage do.
EXPIRED: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})

_SHA256_CHARS: Final = 64


class SingleUpload:
    """Runs single uploads. Between calls it keeps nothing but the record of sent files."""

    def __init__(self, files: Files, transfer: Transfer, recall: Recall, sent: SentFiles) -> None:
        self._files = files
        self._recall = recall
        self._sent = sent
        self._transfer = transfer

    async def run(self, upload: Upload, on_kept: OnKept | None = None) -> FileState:
        """Upload `upload`, or find that it is there already; see `Transfer.send` for `on_kept`.

        First the memory of earlier uploads is asked, which also knows files that came with a batch. Then the
        idempotency key comes from the content, so a repeated call finds the first one's session. If that came
        to nothing (the file failed, was deleted, or its address died half-way), the key of the next
        generation starts over. One that supersedes is sent again, as the newest.

        Raises:
            InputError: A rule is broken; nothing was sent.
            UploadError: The bytes did not arrive.
            ApiError: The API refused.
            ConnectionFailed: The API could not be reached.
        """
        prepared = await prepare(upload)
        known, gone = await self._recall.file(prepared)
        if known is not None and upload.supersedes:
            known, gone = None, known.id
        if known is not None:
            done = _state(known, prepared, replayed=True)
        else:
            with open_source(upload) as source:
                done = await self._send(prepared, prepared.content(source), gone, on_kept)
        changed = await self._sent.changed(dict.fromkeys(prepared.places, prepared.version_key))
        return replace(done, changed=not changed.isdisjoint(prepared.places[:1]))

    async def _send(
        self, prepared: Prepared, content: Content, gone: str | None, on_kept: OnKept | None
    ) -> FileState:
        forgotten = 0
        for generation in range(MOST_GENERATIONS):
            try:
                done = await self._attempt(prepared, content, generation, on_kept, renews=not forgotten)
            except SessionExpired as expired:
                forgotten += 1
                if forgotten == MOST_FORGOTTEN:
                    # What the API says of a session tells more.
                    raise expired.__cause__ or addresses_forgotten() from None
                continue
            if done is not None and done.file_id != gone:
                await self._sent.note(under_keys([(prepared, done)]))
                return done
        raise came_to_nothing()

    async def _attempt(
        self,
        prepared: Prepared,
        content: Content,
        generation: int,
        on_kept: OnKept | None,
        *,
        renews: bool,
    ) -> FileState | None:
        key = prepared.declaration.upload_key(prepared.content_hash, generation)
        try:
            answer = await self._files.create_session(_session(prepared), idempotency_key=key)
        except Conflict as error:
            if error.code == KEY_REUSED:
                return None
            raise
        try:
            return await self._bring(answer.body, prepared, content, on_kept, resumed=answer.replayed)
        except SessionExpired:
            return await self._after_expiry(prepared, content, key, answer, on_kept, renews=renews)

    async def _after_expiry(
        self,
        prepared: Prepared,
        content: Content,
        key: str,
        expired: ApiAnswer[UploadSession],
        on_kept: OnKept | None,
        *,
        renews: bool,
    ) -> FileState | None:
        """Go on with a new address under the same key, if `renews`; None if the key leads to an old dead one.

        Raises:
            SessionExpired: The storage does not know an address that is new, or the API its session.
        """
        session: UploadTarget = expired.body
        is_new = not expired.replayed
        if renews:
            session = (await self._files.create_session(_session(prepared), idempotency_key=key)).body
            if session.upload_url != expired.body.upload_url:
                is_new = True
                with suppress(SessionExpired):
                    return await self._bring(session, prepared, content, on_kept)
        # An address also dies of old age after its file was finalized: then the file is what we want.
        try:
            file = await self._finalize(session)
        except SessionExpired:
            if is_new:
                raise
            return None
        except ApiError as error:
            if error.retryable:
                raise
            if is_new:
                raise SessionExpired from None
            return None
        return await _checked(file, prepared, content, replayed=True)

    async def _bring(
        self,
        session: UploadTarget,
        prepared: Prepared,
        content: Content,
        on_kept: OnKept | None,
        *,
        resumed: bool = False,
    ) -> FileState | None:
        """Send the bytes and finalize; None if the file has failed or been deleted.

        Raises:
            SessionExpired: The storage does not know the address, or the API the session.
        """
        replayed = await self._transfer.send(
            session.upload_url.get_secret_value(), content, resumed=resumed, on_kept=on_kept
        )
        return await _checked(await self._finalize(session), prepared, content, replayed=replayed)

    async def _finalize(self, session: UploadTarget) -> KnowledgeFile:
        try:
            return await self._files.finalize(session.session_id)
        except CalypsoError as error:
            error.ids.setdefault("session_id", session.session_id)
            if error.retryable:
                error.hint = error.hint or UploadError.default_hint
            if isinstance(error, ApiError) and error.status in EXPIRED:
                raise SessionExpired from error
            raise


async def _checked(
    file: KnowledgeFile, prepared: Prepared, content: Content, *, replayed: bool
) -> FileState | None:
    """Return the finished upload; None if the file has failed or been deleted.

    Raises:
        UploadCorrupted: The API says which bytes it has, and they are others than `content`.
    """
    if state_of_file(file).is_gone:
        return None
    stored = (file.sha256 or "").lower()
    if len(stored) == _SHA256_CHARS and await _differs(content, stored):
        raise UploadCorrupted(ids={"file_id": file.id})
    return _state(file, prepared, replayed=replayed)


def _state(file: KnowledgeFile, prepared: Prepared, *, replayed: bool) -> FileState:
    return replace(
        state_of_file(file),
        outcome="replayed" if replayed else "accepted",
        content_hash=prepared.content_hash,
        size_bytes=prepared.size_bytes,
    )


async def _differs(content: Content, stored: str) -> bool:
    """Return whether the content differs from the stored bytes; False if its source was written to since."""
    if content.version != await version_of(content.source):
        return False
    return stored != await sha256_of(content.source) and content.version == await version_of(content.source)


def came_to_nothing() -> UploadError:
    """Return the error for content of which no upload has left a file."""
    return UploadError(
        f"This content was sent {MOST_GENERATIONS} times. Each time the file failed or was deleted, or the "
        "storage no longer knew the upload address.",
        hint="If a file failed, find out why and change it. Otherwise the operator must check the storage.",
        code="upload_came_to_nothing",
        retryable=False,
    )


def addresses_forgotten() -> SessionExpired:
    """Return the error for content whose new addresses the storage does not know."""
    return SessionExpired(
        "The storage did not know the addresses for this file that Calypso had just issued.",
        hint="Make the same call again in a while. If that fails, too, the operator must check the"
        " connection to the storage.",
        retryable=False,
    )


def _session(prepared: Prepared) -> CreateUploadSession:
    return CreateUploadSession.of(prepared.declaration, prepared.size_bytes)
