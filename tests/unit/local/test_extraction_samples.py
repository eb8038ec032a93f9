"""The bundled samples are read well and answer questions with the right place."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import calypso_mcp
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import Part
from calypso_mcp.local.indexing.extraction import Extractor
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.retrieval.search import search

SAMPLES = Path(calypso_mcp.__file__).parent / "cli" / "samples"


async def test_every_sample_answers_its_question_with_page_heading_or_line() -> None:
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(index.SCHEMA)
        async with Extractor() as extractor:
            for path in sorted(SAMPLES.iterdir()):
                document = await extractor.extract(path, Declaration(path.name))
                index.add(connection, path.name, ["demo"], document.title, path.name, split(document))
        for question, answer in ANSWERS.items():
            [best, *_] = search(connection, question, ["demo"], limit=3)
            assert (best.file_id, best.part, best.line_start, best.heading) == answer
    finally:
        connection.close()


ANSWERS = {
    "What does the warranty of a lamp cover?": (
        "support-handbook.pdf",
        Part("page", 3),
        None,
        "The warranty > What is covered",
    ),
    "Who decides on refunds above 500 euros?": (
        "returns-and-refunds.md",
        None,
        38,
        "Returns and refunds > Refunds above the limit",
    ),
    "What do three red blinks mean?": (
        "lamp-troubleshooting.html",
        None,
        None,
        "Lamp troubleshooting",
    ),
    "When does a parcel count as lost?": ("escalation-notes.txt", None, 18, None),
}


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_samples_stay_small(path: Path) -> None:
    assert path.stat().st_size < 60_000
