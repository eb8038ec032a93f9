"""What a reader takes (a file) and returns (its text in blocks, which chunking cuts)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

FailureCode = Literal[
    "encrypted",
    "no_text_layer",
    "broken",
    "too_large",
    "unsupported",
    "empty",
    "timeout",
    "content_missing",
    "indexing_stopped",
]

#: Characters of text that one file may hold.
MOST_CHARS = 30_000_000
#: Longest title, heading above a text, and name of a part, in characters: every passage repeats them.
LONGEST_TITLE = 300
#: Most warnings about one file, and characters of each: every list of files repeats them.
_MOST_WARNINGS, _LONGEST_WARNING = 100, 500
#: The warning about a file that can be read as far as it goes.
CUT_OFF = "the file is cut off: what followed is missing. Upload a complete copy"
#: Separates two blocks in the text of a document.
BLOCK_SEPARATOR = "\n\n"


class ExtractionFailed(Exception):
    """The file has no readable text; the message tells its owner why."""

    def __init__(self, code: FailureCode, message: str) -> None:
        """Keep the kind of failure, and a sentence or two for a person: what is wrong, what can be done."""
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
    #: The name of a sheet; the printed number of a page if it differs from `number`.
    name: str = ""

    def __post_init__(self) -> None:
        """Shorten the name."""
        object.__setattr__(self, "name", self.name[:LONGEST_TITLE])


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph (or several very short ones), list or table, in reading order.

    Where the text has as many line ends as the span from `line_start` to `line_end`, each of its lines is one
    of the file; else only the span as a whole is known.
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
    #: Whether it stands beside the text, as comments and page margins do: under none of its headings.
    is_aside: bool = False
    #: First and last line in the file (in a sheet: its row, twice) of each line of the text; 0 of column
    #: names repeated above rows. Empty where the lines follow each other, or are not known one by one.
    row_lines: tuple[tuple[int, int], ...] = ()

    def without_place(self) -> Block:
        """Return the block without part and lines: a citation names places of the uploaded file only."""
        return replace(self, part=None, line_start=None, line_end=None, row_lines=())


@dataclass(frozen=True)
class Document:
    """The readable content of one file."""

    blocks: tuple[Block, ...]
    #: The title the file itself states, if any.
    title: str | None = None
    #: The tags that the file itself states.
    tags: tuple[str, ...] = ()
    #: How it was decoded and which parts could not be read, for people who read its passages.
    warnings: tuple[str, ...] = ()
    #: Whether its pictures hold text that text recognition could read.
    shows_unread_text: bool = False

    def __post_init__(self) -> None:
        """Shorten the title and the warnings."""
        if self.title is not None:
            object.__setattr__(self, "title", self.title[:LONGEST_TITLE])
        warnings = tuple(warning[:_LONGEST_WARNING] for warning in self.warnings[:_MOST_WARNINGS])
        object.__setattr__(self, "warnings", warnings)

    @cached_property
    def text(self) -> str:
        """All blocks as one text; chunk offsets count its characters."""
        return BLOCK_SEPARATOR.join(block.text for block in self.blocks)


@dataclass(slots=True)
class Allowance:
    """What may still be read inside one file: how many files, of what size, how many parts of messages.

    It holds for all of them together, at any depth.
    """

    members: int = 500
    size_bytes: int = 256 << 20
    message_parts: int = 30_000
    #: Until when text recognition may begin with another picture or PDF, by `time.monotonic`.
    recognizes_until: float = 0.0
    #: Whether a file inside showed text that was left to text recognition.
    left_pictures: bool = False

    @property
    def recognizes(self) -> bool:
        """Whether text recognition may read pictures, which takes seconds each."""
        return time.monotonic() < self.recognizes_until

    def take(self, size_bytes: int) -> bool:
        """Return whether one more file may be read."""
        self.members -= 1
        self.size_bytes -= size_bytes
        return min(self.members, self.size_bytes) >= 0


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file to read."""

    data: bytes
    #: The name it was uploaded under.
    filename: str = ""
    #: The character set that its content type declares; empty where it declares none.
    charset: str = ""
    #: Characters of text that it may hold.
    max_chars: int = MOST_CHARS
    #: Number of files around this one: 0 for an uploaded file, 1 for an attachment.
    depth: int = 0
    #: Shared by all files inside one upload.
    allowance: Allowance = field(default_factory=Allowance)
    #: Whether it is a web page, of which only the main content is read.
    is_page: bool = False
