"""Questions to ask about a person's own files, taken from what the files say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, zip_longest
from pathlib import Path

import anyio

from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed
from calypso_mcp.local.indexing.extraction import Extractor

#: Questions asked if the person gives none.
QUESTIONS = 3
#: Words in a question made from running text.
_WORDS = 10
#: Shortest running text worth asking about, in characters; shorter blocks are captions and page numbers.
_TELLING_CHARS = 40
#: Share of letters and spaces in running text.
_LETTERS = 0.85
#: Left out at both ends of a question.
_MARKS = " ,.;:-*_#>\"'()"
#: Seconds that finding one question may take.
_LIMIT_S = 10.0


async def questions_about(paths: Sequence[Path]) -> list[str]:
    """Return up to `QUESTIONS` questions that the files at `paths` answer, of as many formats as possible."""
    questions: list[str] = []
    async with Extractor() as extractor:
        for path in _alternate_formats(paths):
            question = await _find_question(extractor, path)
            if question and question not in questions:
                questions.append(question)
            if len(questions) == QUESTIONS:
                break
    return questions


def _alternate_formats(paths: Sequence[Path]) -> list[Path]:
    """Order paths so that formats alternate: the first of each, then the second of each, and so on."""
    by_format = [list(group) for _, group in groupby(sorted(paths, key=_format), key=_format)]
    return [path for rank in zip_longest(*by_format) for path in rank if path is not None]


def _format(path: Path) -> str:
    return path.suffix.lower()


async def _find_question(extractor: Extractor, path: Path) -> str:
    try:
        with anyio.fail_after(_LIMIT_S):
            document = await extractor.extract(path, Declaration(path.name))
    except (ExtractionFailed, OSError, TimeoutError):
        return ""
    return question_from(document)


def question_from(document: Document) -> str:
    """Return words that stand together in the document, or its title if it has no running text.

    From the middle, because the first lines of many documents are alike.
    """
    telling = [block for block in document.blocks if _is_telling(block)]
    if telling:
        words = telling[len(telling) // 2].text.split()
        return " ".join(words[:_WORDS]).strip(_MARKS)
    return document.title or ""


def _is_telling(block: Block) -> bool:
    """Whether a block is running text rather than a heading, a table, code or a page number."""
    letters = sum(character.isalpha() or character.isspace() for character in block.text)
    return (
        block.heading_level is None
        and len(block.text) >= _TELLING_CHARS
        and letters >= _LETTERS * len(block.text)
        and not block.text.startswith(("|", "```"))
    )
