"""Files inside files: attachments of letters, documents placed in documents."""

from __future__ import annotations

from dataclasses import dataclass

from calypso_mcp.domain.files.file_formats import HEAD_BYTES
from calypso_mcp.local.indexing.documents import Document, ExtractionFailed, FileContent
from calypso_mcp.local.indexing.formats.registry import entry_of, readable_formats

#: Files in files in files.
MOST_DEPTH = 3
#: Files read of one; more are left out, or named only.
MOST_MEMBERS = 100
_SHOWN_REASON_CHARS = 160


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside another.

    Attributes:
        name: As people see it.
        content_type: As declared; may be empty.
        data: The file.
    """

    name: str
    content_type: str
    data: bytes


def read_member(member: Member, kind: str, depth: int) -> Document:
    """Return what a file inside another holds; where it cannot be read, a warning that says why.

    Args:
        member: The file.
        kind: What it is to the outer one, such as "attachment".
        depth: How many files the outer one is inside of.
    """
    if depth >= MOST_DEPTH:
        return Document(
            (), warnings=(f"{kind} {member.name} was not read: too many files lie in each other",)
        )
    head = member.data[:HEAD_BYTES]
    formats = readable_formats()
    found = formats.recognize(member.name, member.content_type, head)
    refusal = formats.refusal(member.name, head, member.content_type)
    if found is None or refusal is not None:
        return Document(
            (), warnings=(f"{kind} not read: {refusal.message} {refusal.hint}" if refusal else "",)
        )
    try:
        document = entry_of(found.name).read(FileContent(member.data, member.name, depth=depth + 1))
    except ExtractionFailed as failure:
        reason = f": {failure.message[:_SHOWN_REASON_CHARS]}"
    except Exception as error:  # noqa: BLE001  whatever a parser raises is about this file only
        reason = f" ({type(error).__name__})"
    else:
        warnings = tuple(f"{kind} {member.name}: {warning}" for warning in document.warnings)
        return Document(document.blocks, warnings=warnings)
    return Document((), warnings=(f"{kind} {member.name} was not read{reason}",))
