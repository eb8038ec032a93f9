"""A letter, however it was stored: heading, body and attachments as blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from calypso_mcp.domain.files.file_formats import HEAD_BYTES
from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed, FileContent, Part
from calypso_mcp.local.indexing.formats.registry import entry_of, readable_formats

#: Letters attached to letters attached to letters.
_MOST_DEPTH = 3
#: Attachments read of one file; more are named only.
_MOST_ATTACHMENTS = 100
_SHOWN_REASON_CHARS = 120


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a letter."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """A text that a mail program shows, and the name of its format."""

    content: FileContent
    format: str = "text"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail program shows of a message.

    Attributes:
        subject: Decoded.
        facts: Lines such as "From: ...", "Date: ...".
        bodies: What is shown below it, in its order.
        attachments: In their order; a message inside is a letter itself.
    """

    subject: str
    facts: Sequence[str]
    bodies: Sequence[Body]
    attachments: Sequence[Attachment | Letter] = field(default_factory=tuple)


def letter_document(letters: Sequence[Letter], *, depth: int = 0, numbered: bool = False) -> Document:
    """Return letters as one document; with `numbered`, each as a part of its own."""
    blocks: list[Block] = []
    warnings: list[str] = []
    for number, letter in enumerate(letters, 1):
        part = Part("message", number) if numbered else None
        found = _blocks(letter, warnings, depth)
        blocks += [replace(block, part=part, line_start=None, line_end=None) for block in found]
    title = letters[0].subject if len(letters) == 1 else None
    return Document(tuple(blocks), title or None, warnings=tuple(dict.fromkeys(warnings)))


def _blocks(letter: Letter, warnings: list[str], depth: int) -> Iterator[Block]:
    if letter.subject:
        yield Block(letter.subject, heading_level=1)
    if letter.facts:
        yield Block("\n".join(letter.facts))
    for body in letter.bodies:
        document = entry_of(body.format).read(body.content)
        warnings += document.warnings
        yield from map(_below_subject, document.blocks)
    for position, attachment in enumerate(letter.attachments):
        is_letter = isinstance(attachment, Letter)
        yield Block(
            f"Attachment: {attachment.subject if is_letter else attachment.name}".strip(), heading_level=2
        )
        if depth < _MOST_DEPTH and position < _MOST_ATTACHMENTS:
            found = (
                _blocks(attachment, warnings, depth + 1)
                if is_letter
                else _attached(attachment, warnings, depth)
            )
            yield from map(_below_subject, map(_below_subject, found))


def _attached(attachment: Attachment, warnings: list[str], depth: int) -> Sequence[Block]:
    head = attachment.data[:HEAD_BYTES]
    formats = readable_formats()
    found = formats.recognize(attachment.name, attachment.content_type, head)
    if found is None or not formats.is_installed(found):
        warnings.append(f"attachment {attachment.name} was not read: its format is not supported")
        return ()
    try:
        file = FileContent(attachment.data, attachment.name, depth=depth + 1)
        document = entry_of(found.name).read(file)
    except ExtractionFailed as failure:
        warnings.append(f"attachment {attachment.name} was not read: {failure.message[:_SHOWN_REASON_CHARS]}")
        return ()
    except Exception as error:  # noqa: BLE001  whatever a parser raises is about this attachment only
        warnings.append(f"attachment {attachment.name} was not read ({type(error).__name__})")
        return ()
    warnings += [f"attachment {attachment.name}: {warning}" for warning in document.warnings]
    return document.blocks


def _below_subject(block: Block) -> Block:
    level = block.heading_level
    return block if level is None else replace(block, heading_level=min(level + 1, 6))
