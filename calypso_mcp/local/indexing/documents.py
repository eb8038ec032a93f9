"""What readers are given, and what they make of it for chunking."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

FailureCode = Literal[
    "encrypted", "no_text_layer", "broken", "too_large", "unsupported", "empty", "timeout", "content_missing"
]

#: Stands between two blocks in the text of a document.
BLOCK_SEPARATOR = "\n\n"


class ExtractionFailed(Exception):
    """The file has no readable text; the message says why in words for its owner."""

    def __init__(self, code: FailureCode, message: str) -> None:
        """Keep the reason.

        Args:
            code: The kind of failure.
            message: One or two sentences for a person: what is wrong, what can be done.
        """
        super().__init__(message)
        self.code: FailureCode = code
        self.message = message


PartKind = Literal["page", "slide", "sheet", "message", "cell"]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a document that a citation names; a passage never spans two."""

    kind: PartKind
    #: 1-based.
    number: int
    #: A sheet's name, or a page's number as it is printed where that is another one.
    name: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph (or several very short ones), list or table, in reading order.

    Where the text has as many line ends as the span from `line_start` to `line_end`, each of its lines is one
    of the file; else (HTML flows) only the span as a whole is known.
    """

    text: str
    part: Part | None = None
    #: 1-based first and last line in the file, for line-oriented formats; in a sheet, its rows.
    line_start: int | None = None
    line_end: int | None = None
    #: 1 (outermost) to 6 when this block is a heading.
    heading_level: int | None = None
    #: Rows of a table, which stay whole.
    is_table: bool = False
    #: First and last line in the file (in a sheet: its row, twice) of each line of the text; 0 of column
    #: names repeated above rows. Empty where the lines follow each other, or are not known one by one.
    row_lines: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Document:
    """The readable content of one file."""

    blocks: tuple[Block, ...]
    #: The title the file itself states, if any.
    title: str | None = None
    #: Those the file states itself.
    tags: tuple[str, ...] = ()
    #: What a reader of its passages should know: how it was decoded, what of it could not be read.
    warnings: tuple[str, ...] = ()
    #: Some of it is text in pictures, which text recognition could read.
    shows_unread_text: bool = False

    @cached_property
    def text(self) -> str:
        """All blocks as one text; chunk offsets count its characters."""
        return BLOCK_SEPARATOR.join(block.text for block in self.blocks)


@dataclass(slots=True)
class Allowance:
    """What the files inside one file may still come to, those inside of them included."""

    members: int = 500
    size_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file to read."""

    data: bytes
    #: What it was uploaded as.
    filename: str = ""
    #: The character set that its content type declares; empty where it declares none.
    charset: str = ""
    #: Longest text that may come of it.
    max_chars: int = 30_000_000
    #: How many files this one is inside of.
    depth: int = 0
    #: What is left for files inside it; shared with the outermost.
    allowance: Allowance = field(default_factory=Allowance)
    #: Whether it is a page of the web, of which the main content counts.
    is_page: bool = False
