"""Files inside files: attachments of letters and PDFs, documents placed in documents, archives of either."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice

from calypso_mcp.domain.files.text_bytes import HEAD_BYTES
from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.registry import entry_of, readable_formats

#: Levels of files inside files.
MOST_DEPTH = 3
#: Files read inside one file; the others are left out or only named.
MOST_MEMBERS = 100
_SHOWN_REASON_CHARS = 160
ZIP_START = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside another: its name as people see it, its declared type (or "") and its bytes."""

    name: str
    content_type: str
    data: bytes


def read_member(member: Member, kind: str, outer: FileContent) -> Document:
    """Return the content of a file inside another, or a warning that says why it cannot be read.

    `kind` is what people call it, such as "attachment".
    """
    if not outer.allowance.take(len(member.data)) or outer.depth >= MOST_DEPTH:
        return _unread(f"{kind} {member.name} was not read: too many files lie in each other")
    head = member.data[:HEAD_BYTES]
    formats = readable_formats()
    found = formats.recognize(member.name, member.content_type, head)
    file = FileContent(member.data, member.name, depth=outer.depth + 1, allowance=outer.allowance)
    refusal = formats.refusal(member.name, head, member.content_type)
    is_archive = found is None and head.startswith(ZIP_START)
    if refusal is not None and not is_archive:
        return _unread(f"{kind} not read: {refusal.message} {refusal.hint}")
    try:
        document = entry_of(found.name).read(file) if found is not None else _read_archive(file)
    except ExtractionFailed as failure:
        outer.allowance.left_pictures |= failure.code == "no_text_layer"
        reason = f": {failure.message[:_SHOWN_REASON_CHARS]}"
    except Exception as error:  # noqa: BLE001  whatever a parser raises is about this file only
        reason = f" ({type(error).__name__})"
    else:
        outer.allowance.left_pictures |= document.shows_unread_text
        warnings = tuple(f"{kind} {member.name}: {warning}" for warning in document.warnings)
        return Document(tuple(block.without_place() for block in document.blocks), warnings=warnings)
    return _unread(f"{kind} {member.name} was not read{reason}")


def read_members(members: Iterable[Member], count: int, kind: str, outer: FileContent) -> Document:
    """Return the content of the first of `count` files inside another, each below its name."""
    blocks: list[Block] = []
    warnings: list[str] = []
    for member in islice(members, MOST_MEMBERS):
        document = read_member(member, kind, outer)
        if document.blocks:
            blocks += (Block(f"{kind.capitalize()}: {member.name}", heading_level=2), *document.blocks)
        warnings += document.warnings
    if count > MOST_MEMBERS:
        left = count - MOST_MEMBERS
        warnings.append(f"{left:,} more files in it were not read: upload them separately")
    return Document(tuple(blocks), warnings=tuple(warnings))


def _read_archive(archive: FileContent) -> Document:
    try:
        with zipfile.ZipFile(BytesIO(archive.data)) as opened:
            entries = [entry for entry in opened.infolist() if _is_file(entry)]
            return read_members(_unpacked(opened, entries, archive), len(entries), "file", archive)
    except RuntimeError as error:
        raise ExtractionFailed("encrypted", "The archive is protected by a password.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ExtractionFailed("broken", "The archive is damaged.") from error


def _is_file(entry: zipfile.ZipInfo) -> bool:
    return not entry.is_dir() and not entry.filename.startswith("__MACOSX/")


def _unpacked(
    opened: zipfile.ZipFile, entries: Iterable[zipfile.ZipInfo], archive: FileContent
) -> Iterator[Member]:
    """Yield files; of one that is too large, one byte more than is allowed."""
    for entry in entries:
        with opened.open(entry) as part:
            yield Member(entry.filename, "", part.read(max(0, archive.allowance.size_bytes) + 1))


def _unread(warning: str) -> Document:
    return Document((), warnings=(warning,))
