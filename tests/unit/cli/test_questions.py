from __future__ import annotations

from pathlib import Path

from calypso_mcp.cli.commands.upkeep.demo import question_from, questions_about
from calypso_mcp.local.indexing.documents import Block, Document

PARAGRAPH = "A customer may return any order within forty-five days of the delivery, {} words follow here."


def test_a_question_is_made_of_words_that_stand_together_in_the_document() -> None:
    blocks = tuple(Block(PARAGRAPH.format(number)) for number in ("one", "two", "three"))
    question = question_from(Document((Block("Returns", heading_level=1), *blocks)))
    assert question == "A customer may return any order within forty-five days of"


def test_a_document_without_running_text_is_asked_about_by_its_title() -> None:
    assert question_from(Document((Block("short"),), title="Price list")) == "Price list"


async def test_questions_cover_several_formats_and_pass_over_what_cannot_be_read(tmp_path: Path) -> None:
    for name, word in (("a.txt", "alpha"), ("b.txt", "beta"), ("c.md", "gamma")):
        (tmp_path / name).write_text(
            f"The word {word} opens this sentence, which is long enough to be asked about."
        )
    (tmp_path / "d.html").write_bytes(b"")
    questions = await questions_about(sorted(tmp_path.iterdir()))
    assert [next(w for w in ("alpha", "beta", "gamma") if w in question) for question in questions] == [
        "gamma",
        "alpha",
        "beta",
    ]
