from __future__ import annotations

import time

import pytest

from calypso_mcp.cli.printing.hits import snippet

FILLER = "Nothing of interest is said in this sentence of the handbook."
TABLE = "Light | Meaning\n" + "\n".join(
    f"pattern {number} | state {number} of the device" for number in range(40)
)


def test_a_short_passage_is_shown_whole_with_its_wrapped_lines_joined() -> None:
    assert snippet("One sentence that was\nwrapped.", "?", 60) == "One sentence that was wrapped."


def test_the_sentence_that_answers_is_shown_whole_wherever_it_stands() -> None:
    answer = "The night train leaves Santa Apolonia at 21:25."
    text = " ".join([FILLER] * 20 + [answer] + [FILLER] * 20)
    shown = snippet(text, "When does the night train leave?", 60)
    assert answer in " ".join(shown.split())
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) < 520


def test_the_row_that_answers_is_shown_whole_on_a_line_of_its_own() -> None:
    shown = snippet(TABLE, "Which state is pattern 33?", 60)
    assert "pattern 33 | state 33 of the device" in [
        line.removeprefix("… ").removesuffix(" …") for line in shown.splitlines()
    ]


@pytest.mark.parametrize("width", [40, 60, 100])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for text in (TABLE, FILLER * 30, "x" * 5000, f"{FILLER}\n{TABLE}\n{FILLER}"):
        assert all(len(line) <= width for line in snippet(text, "state 12 of interest", width).splitlines())


def test_a_passage_that_is_hard_to_split_costs_little() -> None:
    started = time.process_time()
    for text in ("a. " * 3000, "| " * 5000, "word " * 4000, "a |\n" * 3000):
        snippet(text, "a word | " * 5, 60)
    assert time.process_time() - started < 10


def test_an_empty_passage_shows_nothing() -> None:
    assert snippet("", "anything", 60) == ""
