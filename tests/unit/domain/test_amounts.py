from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.domain.amounts import format_bytes, join_first


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (12.4, "12 B"),
        (999, "999 B"),
        (4_096, "4.1 KB"),
        (26_214_400, "26.2 MB"),
        (5e9, "5000.0 MB"),
    ],
)
def test_sizes_are_shown_in_a_unit_that_leaves_something_to_read(size: float, shown: str) -> None:
    assert format_bytes(size) == shown


@given(st.floats(min_value=0, max_value=1e9))
def test_no_amount_is_shown_in_scientific_notation(amount: float) -> None:
    assert "e" not in format_bytes(amount)


@pytest.mark.parametrize(
    ("values", "joined"),
    [([], ""), ([1], "<1>"), ([1, 2], "<1>, <2>"), ([1, 2, 3, 4], "<1>, <2> and 2 more")],
)
def test_a_list_names_its_first_values_and_counts_the_rest(values: list[int], joined: str) -> None:
    assert join_first(values, 2, lambda value: f"<{value}>") == joined
