"""Looks at an input before anything is sent: is it allowed, and what is it exactly."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from calypso_mcp.client.transport.storage import Content
from calypso_mcp.client.uploading.outcomes import Upload
from calypso_mcp.client.uploading.sources import ByteSource, changed, content_hash_of, reading, version_of
from calypso_mcp.domain.limits import UploadLimits
from calypso_mcp.domain.upload_rules import check_upload, content_type_for, destination_names
from calypso_mcp.errors import InputError


@dataclass(frozen=True, slots=True)
class Prepared:
    """An input that may be sent.

    Attributes:
        upload: As given.
        content_type: MIME type to declare.
        size_bytes: Size when it was hashed.
        content_hash: Hexadecimal hash.
        version: The source's version when it was hashed.
        destination: Names of the buckets, see `upload_rules.destination_names`.
    """

    upload: Upload
    content_type: str
    size_bytes: int
    content_hash: str
    version: object
    destination: tuple[str, ...]

    def content(self, source: ByteSource) -> Content:
        """Return the bytes of `source` as what was hashed.

        Raises:
            UploadCorrupted: The size is another one already.
        """
        if source.size_bytes != self.size_bytes:
            raise changed()
        return Content(source, self.content_type, self.content_hash, self.version)


@contextmanager
def opened(upload: Upload) -> Generator[ByteSource]:
    """Open the source where it has to be opened, and close it again.

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


async def prepare(upload: Upload, source: ByteSource, limits: UploadLimits) -> Prepared:
    """Check an input and hash it.

    Raises:
        InputError: A rule is broken; nothing has been read.
        UploadCorrupted: It changed while it was read.
    """
    destination = upload.destination
    if not destination.is_given:
        raise InputError(
            "No bucket is named.", code="bucket_required", hint="Name a destination with the bucket argument."
        )
    check_upload(upload.filename, source.size_bytes, upload.tags, upload.metadata, limits)
    version = await version_of(source)
    content_hash = await content_hash_of(source)
    if version != await version_of(source):
        raise changed()
    return Prepared(
        upload=upload,
        content_type=upload.content_type or content_type_for(upload.filename),
        size_bytes=source.size_bytes,
        content_hash=content_hash,
        version=version,
        destination=destination_names(destination.bucket_ids, destination.bucket_slugs, destination.bucket),
    )
