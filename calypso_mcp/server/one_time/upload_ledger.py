"""What became of one-time uploads, for as long as anybody may ask.

Without a folder: in this process. With one, shared by the workers of one machine: a small file for each
upload and for each claim to it, made and replaced as a whole, so that a process may end at any moment. No
addresses, keys or content; a caller's name stands there as a hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

State = Literal["issued", "receiving", "interrupted", "stored", "failed"]

#: How long an outcome is remembered, in seconds.
REMEMBERED_S = 86_400
_UPLOAD_ID = re.compile(r"upload_[A-Za-z0-9_-]{22}")
_MOST_REMEMBERED = 10_000
_SWEEP_EVERY = 200


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """What is known of one upload.

    Attributes:
        upload_id: Its id.
        owner: Hash of the name of the caller it was issued to.
        state: How far it has come.
        bucket_id: Where it goes.
        filename: What it is called.
        expires_at: When its address becomes void, in seconds since 1970.
        changed_at: When this was noted, in seconds since 1970.
        file_id: The knowledge file it became.
        task_id: Its indexing task.
        code: Why it failed: error code.
        message: Why it failed, for a person.
        claims: How often somebody began to receive it, or failed to.
    """

    upload_id: str
    owner: str
    state: State
    bucket_id: str
    filename: str
    expires_at: int
    changed_at: int = 0
    file_id: str | None = None
    task_id: str | None = None
    code: str | None = None
    message: str | None = None
    claims: int = 0


def owner_of(caller: str) -> str:
    """Return how the ledger calls a caller."""
    return hashlib.sha256(b"calypso-mcp upload owner\0" + caller.encode()).hexdigest()[:32]


def is_upload_id(text: str) -> bool:
    """Whether `text` can be an upload id; ids of files, tasks and batches cannot."""
    return _UPLOAD_ID.fullmatch(text) is not None


class UploadLedger:
    """Remembers records by upload id.

    Args:
        folder: Where workers share them; made when missing, for this user only. None: this process.
        clock: Seconds since 1970.
    """

    def __init__(self, folder: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._records: OrderedDict[str, UploadRecord] = OrderedDict()
        self._writes = 0
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, record: UploadRecord) -> None:
        """Remember `record` in place of what was known before; its `claims` stay as they were."""
        known = self.read(record.upload_id)
        stamped = self._stamped(record, known.claims if known else 0)
        if self._folder is None:
            self._keep(stamped)
        else:
            with self._draft(stamped) as draft:
                draft.replace(self._path(stamped.upload_id))

    def claim(self, record: UploadRecord, known: UploadRecord | None) -> bool:
        """Remember `record`, unless somebody was faster who knew no more.

        Args:
            record: That a file is arriving, or cannot.
            known: What `read` returned before that was known.

        Returns:
            Whether it is remembered: of all who know the same, one claims the upload.
        """
        stamped = self._stamped(record, (known.claims if known else 0) + 1)
        if self._folder is None:
            present = self._records.get(record.upload_id)
            if present is not None and present.claims >= stamped.claims:
                return False
            self._keep(stamped)
            return True
        with self._draft(stamped) as draft:
            try:
                # Unlike a rename, a link never replaces what another process has made meanwhile.
                os.link(draft, self._claim_path(stamped.upload_id, stamped.claims))
            except FileExistsError:
                return False
            draft.replace(self._path(stamped.upload_id))
        return True

    def _stamped(self, record: UploadRecord, claims: int) -> UploadRecord:
        return replace(record, claims=claims, changed_at=int(self._clock()))

    def _keep(self, record: UploadRecord) -> None:
        self._records[record.upload_id] = record
        self._records.move_to_end(record.upload_id)
        if len(self._records) > _MOST_REMEMBERED:
            self._records.popitem(last=False)

    @contextmanager
    def _draft(self, record: UploadRecord) -> Generator[Path]:
        """Write `record` under a name of its own, that nobody reads."""
        self._writes += 1
        if self._writes % _SWEEP_EVERY == 1:
            self._sweep()
        draft = self._path(record.upload_id).with_suffix(f".{secrets.token_hex(4)}")
        try:
            draft.write_text(json.dumps(asdict(record)))
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def read(self, upload_id: str) -> UploadRecord | None:
        """Return what is known; None for an id nobody has heard of, or too long ago."""
        if not is_upload_id(upload_id):
            return None
        record = self._records.get(upload_id) if self._folder is None else self._read_file(upload_id)
        if record is None or record.changed_at < self._clock() - REMEMBERED_S:
            return None
        return record

    def _read_file(self, upload_id: str) -> UploadRecord | None:
        record = _parsed(self._path(upload_id))
        # Whoever ended right after a claim has left it there only.
        claims = (record.claims if record else 0) + 1
        while later := _parsed(self._claim_path(upload_id, claims)):
            record = later
            claims += 1
        return record

    def _path(self, upload_id: str) -> Path:
        if self._folder is None or not is_upload_id(upload_id):
            raise ValueError("not an upload id")
        return self._folder / f"{upload_id}.json"

    def _claim_path(self, upload_id: str, claims: int) -> Path:
        return self._path(upload_id).with_suffix(f".{claims}.claim")

    def _sweep(self) -> None:
        if self._folder is None:
            return
        oldest = self._clock() - REMEMBERED_S
        for entry in self._folder.iterdir():
            try:
                if entry.stat().st_mtime < oldest:
                    entry.unlink()
            except OSError:  # another worker was faster
                continue


def _parsed(path: Path) -> UploadRecord | None:
    try:
        return UploadRecord(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
