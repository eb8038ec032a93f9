"""What extraction produces and chunking consumes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

FailureCode = Literal["encrypted", "no_text_layer", "broken", "too_large", "unsupported", "empty", "timeout"]

#: Stands between two blocks in the text of a document.
BLOCK_SEPARATOR = "\n\n"


class ExtractionFailed(Exception):
    """This file's text cannot be had; says why in words for its owner."""

    def __init__(self, code: FailureCode, message: str) -> None:
        """Keep the reason.

        Args:
            code: The kind of failure.
            message: One or two sentences for a person: what is wrong, what can be done.
        """
        super().__init__(message)
        self.code: FailureCode = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph (or several very short ones), list or table, in reading order.

    Where the text has as many line ends as the span from `line_start` to `line_end`, each of its lines is one
    of the file; else (HTML flows) only the span as a whole is known.
    """

    text: str
    #: 1-based page, for paged formats.
    page: int | None = None
    #: 1-based first and last line in the file, for line-oriented formats.
    line_start: int | None = None
    line_end: int | None = None
    #: 1 (outermost) to 6 when this block is a heading.
    heading_level: int | None = None


@dataclass(frozen=True)
class Document:
    """The readable content of one file."""

    blocks: tuple[Block, ...]
    #: The title the file itself states, if any.
    title: str | None = None

    @cached_property
    def text(self) -> str:
        """All blocks as one text; chunk offsets count its characters."""
        return BLOCK_SEPARATOR.join(block.text for block in self.blocks)
