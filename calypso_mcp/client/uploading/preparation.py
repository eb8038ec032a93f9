"""Checks and hashes an input before anything is sent."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from calypso_mcp.client.transport.sources import (
    ByteSource,
    HashedFile,
    changed,
    content_hash_of,
    reading,
    version_of,
)
from calypso_mcp.client.transport.storage import Content
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.domain.uploads.upload_rules import check_size


@dataclass(frozen=True)
class Prepared:
    """An input that may be sent, with its size, hash and version when it was hashed."""

    upload: Upload
    size_bytes: int
    content_hash: str
    version: object

    @property
    def declaration(self) -> Declaration:
        """What is declared about it."""
        return self.upload.declaration

    @cached_property
    def places(self) -> tuple[str, ...]:
        """Keys of each of its origins together with the buckets it goes to."""
        return tuple(map(self.declaration.place_key, self.upload.origins))

    @cached_property
    def latest_keys(self) -> tuple[str, ...]:
        """Keys of the latest upload from each of its origins."""
        return tuple(map(self.declaration.latest_key, self.upload.origins))

    @property
    def version_key(self) -> str:
        """Key of its content and labels."""
        return self.declaration.version_key(self.content_hash)

    @cached_property
    def memory_keys(self) -> tuple[str, ...]:
        """Keys under which it is remembered."""
        return self.declaration.memory_keys(self.content_hash, self.upload.origin)

    @property
    def unlabelled_keys(self) -> tuple[str, ...]:
        """Keys under which its content is looked up when it comes again without labels."""
        bare = replace(self.declaration, title=None, tags=(), metadata=None, external_id=None)
        return bare.memory_keys(self.content_hash, self.upload.origin)

    def content(self, source: ByteSource) -> Content:
        """Return `source` together with the hash and the version taken of it.

        Raises:
            UploadCorrupted: Its size has changed.
        """
        if source.size_bytes != self.size_bytes:
            raise changed()
        return Content(source, self.declaration.media_type, self.content_hash, self.version)


@contextmanager
def open_source(upload: Upload) -> Generator[ByteSource]:
    """Yield the source; one that is given as a factory is open only within the block.

    Raises:
        ContentError: It cannot be opened.
    """
    with ExitStack() as stack:
        if callable(upload.source):
            with reading():
                source = stack.enter_context(upload.source())
        else:
            source = upload.source
        yield source


async def prepare(upload: Upload) -> Prepared:
    """Check an input and hash it, unless it was hashed when it was searched for secrets.

    Raises:
        InputError: A rule is broken, or it cannot be opened; nothing has been read.
        UploadCorrupted: It changed while it was read.
    """
    upload.declaration.check()
    if isinstance(upload.source, HashedFile):
        hashed = upload.source
        check_size(hashed.size_bytes)
        return Prepared(upload, hashed.size_bytes, hashed.content_hash, hashed.version)
    with open_source(upload) as source:
        check_size(source.size_bytes)
        version = await version_of(source)
        content_hash = await content_hash_of(source)
        if version != await version_of(source):
            raise changed()
        return Prepared(upload, source.size_bytes, content_hash, version)
