"""What is declared about one source before its bytes (seeds): one value, carried whole through every layer.

Every key by which a source is recognised again is derived here and nowhere else. A key that comes out
differently sends everything again, so golden values in the tests pin them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.domain.uploads.upload_rules import (
    check_filename,
    check_metadata,
    check_path,
    check_tags,
    check_title,
    content_type_for,
)
from calypso_mcp.errors import InputError

#: Uploads of one content and destination that may have failed or been deleted before we stop trying again.
MOST_GENERATIONS: Final = 8
#: Of those, uploads in one call whose new address the storage does not know: a key of its own gives a file
#: one more chance, and after that the storage knows no address.
MOST_FORGOTTEN: Final = 2

_OTHER_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9_.]+", re.ASCII)
_READABLE_CHARS: Final = 64
_DIGEST_CHARS: Final = 32
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


#: What to do if the bucket holds a source of the same identity: replace it as soon as the new one is
#: searchable, keep both, or keep it and send nothing.
IfExists = Literal["replace", "keep_both", "skip"]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where uploads go (API sheet section 3.3). Slugs may be created, ids must exist."""

    bucket_ids: tuple[str, ...] | None = None
    bucket_slugs: tuple[str, ...] | None = None
    bucket: str | None = None
    create_missing_buckets: bool | None = None

    @property
    def is_given(self) -> bool:
        """Whether at least one bucket is named."""
        return bool(self.bucket_ids or self.bucket_slugs or self.bucket)

    @property
    def names(self) -> tuple[str, ...]:
        """The buckets named, the same for every way to name them.

        Whether missing ones may be created is left out on purpose: it does not change where the file goes.
        """
        slugs = {*(self.bucket_slugs or ()), *((self.bucket,) if self.bucket else ())}
        ids = {f"id:{bucket_id}" for bucket_id in self.bucket_ids or ()}
        return tuple(sorted(ids | {f"slug:{slug}" for slug in slugs}))


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is declared about one source.

    Attributes:
        filename: Name of the knowledge file, without folders; empty while it is not known yet.
        destination: At least one bucket when it is sent.
        content_type: MIME type; None: from the file name.
        title: Shown instead of the file name.
        tags: At most 20.
        metadata: A JSON object of at most 8 KB.
        path: Path relative to the folder that was uploaded. With it, equal files in different places are
            different files of a batch.
        external_id: The id of the source at its origin; sent as `metadata.external_id`.
        if_exists: What to do with an earlier version; None for a backend that cannot replace. It is part of
            no key, because the source is the same.
    """

    filename: str = ""
    destination: Destination = Destination()
    content_type: str | None = None
    title: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] | None = None
    path: str | None = None
    external_id: str | None = None
    if_exists: IfExists | None = None

    @property
    def sent_metadata(self) -> Mapping[str, Any]:
        """The metadata to send: with the external id, which replaces one that it holds already."""
        metadata = self.metadata or {}
        return metadata if self.external_id is None else {**metadata, "external_id": self.external_id}

    @property
    def media_type(self) -> str:
        """The MIME type to declare."""
        return self.content_type or content_type_for(self.filename)

    @property
    def name(self) -> str:
        """What the source is called: its path, else its file name."""
        return self.path or self.filename

    @property
    def identity(self) -> str:
        """What identifies this source within a batch."""
        return self.external_id or self.name

    @property
    def lineage(self) -> str:
        """The identity that all versions of this source share within a bucket.

        Its id at its origin (`metadata.external_id`, seed: single upload), else its path in the folder
        it was uploaded with, else its file name. macOS may spell a name in another form than other systems.
        """
        upstream = self.sent_metadata.get("external_id")
        is_usable = isinstance(upstream, str | int) and not isinstance(upstream, bool) and upstream != ""
        return str(upstream) if is_usable else normalize("NFC", self.name)

    @property
    def named_origin(self) -> str:
        """The origin of a source that has a name but no path, such as inline content."""
        return f"name:{self.lineage}"

    def check(self) -> None:
        """Check everything that can be checked before the first byte is read.

        Raises:
            InputError: A rule is broken; its hint says what to do.
        """
        if not self.destination.is_given:
            raise InputError(
                "No bucket is named.",
                code="bucket_required",
                hint="Name a destination with the bucket argument.",
            )
        check_filename(self.filename)
        self.check_labels()

    def check_labels(self) -> None:
        """Check the rest, and the name if it is known: for a source that has not been opened yet.

        Raises:
            ContentError: A rule is broken; its hint says what to do.
        """
        if self.filename:
            check_filename(self.filename)
        if self.path:
            check_path(self.path)
        check_title(self.title)
        check_tags(self.tags)
        check_metadata(self.sent_metadata)

    def upload_key(self, content_hash: str, generation: int = 0) -> str:
        """Return the idempotency key of a single upload: equal for equal content in an equal place.

        Args:
            content_hash: Hexadecimal hash of the content.
            generation: How many earlier uploads of the same came to nothing (failed, deleted, expired).
        """
        return idempotency_key(
            "single",
            content_hash,
            self.filename,
            self.destination.names,
            *self._labels(),
            self.media_type,
            generation,
            *([self.path] if self.path else []),
        )

    def client_file_id(self, content_hash: str, generation: int = 0) -> str:
        """Return the durable id in a batch: readable, valid, at most 97 characters. Arguments as above."""
        digest = content_digest(
            "item", self.identity, content_hash, self.destination.names, *self._labels(), generation
        )
        readable = _OTHER_CHARACTERS.sub("-", self.identity)[-_READABLE_CHARS:].lstrip("_.-") or "file"
        return f"{readable}-{digest[:_DIGEST_CHARS]}"

    def memory_keys(self, content_hash: str, origin: str | None) -> tuple[str, ...]:
        """Return the keys under which one content in one destination is remembered.

        By its identity, as in its `client_file_id`: a folder that has moved is recognised. And by the
        absolute path where it lies: a file is recognised whether it came alone, by path or with a folder.
        """
        content = (
            content_hash,
            self.destination.names,
            self.filename,
            self.content_type,
            *self._labels(),
        )
        by_name = content_digest("sent by name", self.identity, *content)
        return (by_name,) if origin is None else (by_name, content_digest("sent from", origin, *content))

    def version_key(self, content_hash: str) -> str:
        """Return the key of a content under its labels: the published API stores other labels beside it."""
        return content_digest("version", content_hash, *self._labels())

    def place_key(self, origin: str) -> str:
        """Return the key of an origin together with the buckets that its content goes to."""
        return content_digest("place", origin, self.destination.names)

    def latest_key(self, origin: str) -> str:
        """Return the key of the latest upload from an origin, whatever its content.

        It shows a later call whether other content was on its way when an earlier call was cut off.
        """
        return content_digest("sent last", self.place_key(origin))

    def _labels(self) -> tuple[object, ...]:
        return self.title, list(self.tags), self.sent_metadata


def batch_key(client_file_ids: Iterable[str]) -> str:
    """Return the `batch_idempotency_key` of a batch with these ids, whatever their order."""
    return idempotency_key("batch", sorted(client_file_ids))


def idempotency_key(*parts: object) -> str:
    """Return the key of a request that creates something, from JSON values that identify the request."""
    return f"calypso-mcp-{content_digest(*parts)[:48]}"


def readable_part(client_file_id: str) -> str:
    """Return what people can read of an id that `Declaration.client_file_id` made."""
    return client_file_id[: -_DIGEST_CHARS - 1]


def content_digest(*parts: object) -> str:
    """Return a hexadecimal SHA-256 over JSON values, the same for equal values on every machine."""
    return hashlib.sha256(_CANONICAL.encode(parts).encode()).hexdigest()
