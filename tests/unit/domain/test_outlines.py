"""From parts of a passage to where they stand, and back."""

from __future__ import annotations

from typing import Any

import pytest

from calypso_mcp.domain.outlines import (
    Stretch,
    cut_outline,
    find_column_names,
    find_lines,
    find_spot,
    read_outline,
    widen_to_section,
)

TEXT = "Guide\n\nHello.\n\nAccess\n\nAsk us.\nAgain.\n\nLunch\n\nAt noon."
OUTLINE = (
    Stretch(0, 1, None, "Guide"),
    Stretch(TEXT.index("Access"), 6, None, "Guide > Access"),
    Stretch(TEXT.index("Lunch"), 20, 24, "Guide > Lunch"),
)
TABLE = "plan | seats\nA | 1\nB | 2\nC | 3"
ROWS = (
    Stretch(0, 0, None, ""),
    Stretch(TABLE.index("A |"), 11, None, ""),
    Stretch(TABLE.index("C |"), 15, 16, ""),
)


def span(text: str, of: str) -> tuple[int, int]:
    return of.index(text), of.index(text) + len(text)


@pytest.mark.parametrize(
    ("part", "spot"),
    [
        ("Hello.", ("Guide", 3, 3)),
        ("Ask us.", ("Guide > Access", 8, 8)),
        ("Ask us.\nAgain.", ("Guide > Access", 8, 9)),
        ("Hello.\n\nAccess\n\nAsk us.", ("Guide", 3, 8)),
        ("At noon.", ("Guide > Lunch", 20, 24)),
        ("Again.\n\nLunch", ("Guide", 9, 24)),
    ],
)
def test_a_part_stands_under_the_deepest_heading_that_covers_it(part: str, spot: tuple[object, ...]) -> None:
    assert find_spot(OUTLINE, TEXT, *span(part, TEXT)) == spot


def test_a_section_is_one_heading_with_its_text() -> None:
    assert TEXT[slice(*widen_to_section(OUTLINE, TEXT, *span("Again.", TEXT)))].strip() == (
        "Access\n\nAsk us.\nAgain."
    )
    assert widen_to_section((), TEXT, 3, 5) == (0, len(TEXT))


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (8, 8, "Ask us."),
        (8, None, TEXT[TEXT.index("Ask us.") :]),
        (1, 3, "Guide\n\nHello."),
        (4, 5, None),
        (22, 22, "Lunch\n\nAt noon."),
    ],
)
def test_lines_lead_to_their_text(first: int, last: int | None, text: str | None) -> None:
    found = find_lines(OUTLINE, TEXT, first, last)
    assert (found and TEXT[slice(*found)]) == text


def test_rows_are_found_without_the_names_of_their_columns_which_are_known() -> None:
    found = find_lines(ROWS, TABLE, 12, 16)
    assert found is not None
    assert found == span("B | 2\nC | 3", TABLE)
    assert find_spot(ROWS, TABLE, *found) == (None, 12, 16)
    assert find_spot(ROWS, TABLE, 0, len(TABLE)) == (None, 11, 16)
    assert find_column_names(ROWS, TABLE, found[0]) == "plan | seats"
    assert find_column_names(OUTLINE, TEXT, 20) == ""


def test_the_outline_of_a_part_says_of_it_what_the_whole_says() -> None:
    start, end = span("us.\nAgain.\n\nLunch\n\nAt noon.", TEXT)
    part = TEXT[start:end]
    outline = cut_outline(OUTLINE, TEXT, start, end)
    assert find_spot(outline, part, *span("Again.", part)) == ("Guide > Access", 9, 9)
    assert find_spot(outline, part, *span("At noon.", part)) == ("Guide > Lunch", 20, 24)


@pytest.mark.parametrize(
    "written",
    [
        None,
        "[[0, 1]]",
        {"0": 1},
        [0, 1],
        [[]],
        [[None, 1]],
        [[0, "1"]],
        [[0, -1]],
        [[0, True]],
        [[0, 1.0]],
        [[0, 1, None, 7]],
        [[4, 1], [4, 2]],
        [[4, 1], [2, 1]],
    ],
)
def test_what_is_no_outline_says_nothing(written: Any) -> None:
    assert read_outline(written, "Guide") == ()
