"""A letter, however it was stored: heading, body and attachments as blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from email.errors import MessageError
from email.header import decode_header, make_header
from importlib import import_module
from itertools import islice, pairwise
from typing import Any

from calypso_mcp.local.indexing.documents import Block, Document, FileContent, Part
from calypso_mcp.local.indexing.formats.members import MOST_DEPTH, MOST_MEMBERS, Member, read_member
from calypso_mcp.local.indexing.formats.registry import entry_of

#: Texts of one letter that are read: a web archive has one for each frame of its page.
_MOST_BODIES = 1_000


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
        facts: Such as "From" and "Date", by name; those that are empty are not shown.
        bodies: The texts shown below it, in their order.
        attachments: In their order; a message inside is a letter itself.
    """

    subject: str
    facts: Mapping[str, str]
    bodies: Sequence[Body]
    attachments: Sequence[Member | Letter]


def letter_document(letters: Sequence[Letter], file: FileContent, *, numbered: bool = False) -> Document:
    """Return the letters in `file` as one document; with `numbered`, each as a part of its own."""
    blocks: list[Block] = []
    warnings: list[str] = []
    for number, letter in enumerate(letters, 1):
        part = Part("message", number) if numbered else None
        found = _blocks(letter, warnings, file)
        blocks += [replace(block.without_place(), part=part) for block in found]
    title = letters[0].subject if len(letters) == 1 else None
    return Document(tuple(blocks), title or None, warnings=tuple(dict.fromkeys(warnings)))


def choose_body(*bodies: tuple[bytes, str, str]) -> tuple[Body, ...]:
    """Return the first of `bodies` (bytes, charset, format) that says anything; empty if none does."""
    said = (body for body in bodies if body[0].strip())
    return tuple(Body(FileContent(data, charset=charset), kind) for data, charset, kind in islice(said, 1))


def unpack_rich_text(packed: bytes) -> tuple[Body, ...]:
    """Return a body of RTF as Outlook packs it; empty if it is damaged or the `outlook` extra is missing."""
    try:
        library: Any = import_module("compressed_rtf")
        return (Body(FileContent(library.decompress(packed)), "rtf"),)
    except Exception:  # noqa: BLE001  it raises no other
        return ()


def decode_header_words(header: str) -> str:
    """Return a header with its encoded words (RFC 2047) as people read them."""
    try:
        return str(make_header(decode_header(header)))
    except (MessageError, LookupError, ValueError):
        return header


def join_flowed_lines(data: bytes, joint: bytes) -> bytes:
    """Return flowed text with its paragraphs, also quoted ones, on one line each (RFC 3676, 4)."""
    texts = [(line.lstrip(b">"), line) for line in data.splitlines()]
    lines = [(line[: len(line) - len(text)], text.removeprefix(b" ")) for text, line in texts]
    joined: list[bytes] = []
    goes_on = False
    for (quotes, text), (next_quotes, next_text) in pairwise([*lines, (b"", b"")]):
        if quotes and not goes_on:
            joined.append(quotes + b" ")
        goes_on = text.endswith(b" ") and text != b"-- " and next_text != b"" and quotes == next_quotes
        joined.append(text[:-1] + joint if goes_on else text + b"\n")
    return b"".join(joined)


def _blocks(letter: Letter, warnings: list[str], file: FileContent) -> Iterator[Block]:
    if letter.subject:
        yield Block(letter.subject, heading_level=1)
    if facts := "\n".join(f"{name}: {text}" for name, text in letter.facts.items() if text):
        yield Block(facts)
    if (unread := len(letter.bodies) - _MOST_BODIES) > 0:
        warnings.append(f"{unread:,} texts of a message were not read: there are too many")
    for body in letter.bodies[:_MOST_BODIES]:
        document = entry_of(body.format).read(replace(body.content, allowance=file.allowance))
        warnings += document.warnings
        yield from map(_below_subject, document.blocks)
    for position, attachment in enumerate(letter.attachments):
        if name := attachment.subject if isinstance(attachment, Letter) else attachment.name:
            yield Block(f"Attachment: {name}", heading_level=2)
        if file.depth < MOST_DEPTH and position < MOST_MEMBERS:
            found = _attached(attachment, warnings, file)
            yield from map(_below_subject, map(_below_subject, found))


def _attached(attachment: Member | Letter, warnings: list[str], file: FileContent) -> Iterable[Block]:
    if isinstance(attachment, Letter):
        return _blocks(attachment, warnings, replace(file, depth=file.depth + 1))
    document = read_member(attachment, "attachment", file)
    warnings += document.warnings
    return document.blocks


def _below_subject(block: Block) -> Block:
    level = block.heading_level
    return block if level is None else replace(block, heading_level=min(level + 1, 6))
