"""Cutting passages around what was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.server.results.excerpts import (
    allowances,
    cut,
    estimate_tokens,
    find_names_above,
    find_part,
)


def test_a_short_passage_is_left_alone():
    assert cut("Short.", "anything", 50) == ("Short.", False)


def test_the_part_that_holds_the_words_asked_for_is_kept():
    text = "Nothing of note here. " * 60 + "The refund deadline is 14 days. " + "More of nothing. " * 60
    excerpt, is_cut = cut(text, "What is the refund deadline?", 40)
    assert is_cut
    assert "refund deadline is 14 days" in excerpt
    assert excerpt.startswith("… ")
    assert excerpt.endswith(" …")


def test_the_part_that_holds_the_number_asked_for_is_kept():
    text = "Berth 7 is let. " * 60 + "Berth 24 is for guests. " + "Berth 8 is let. " * 60
    assert "Berth 24 is for guests." in cut(text, "berth 24", 40)[0]


def test_words_that_stand_together_come_with_what_follows_them():
    text = (
        "The fund grew. " * 200
        + "The Osei scholarship fund paid 346 students. It closed in May. "
        + "Rain fell. " * 99
    )
    excerpt, _ = cut(text, "Osei scholarship fund students", 40)
    assert "Osei scholarship fund paid 346 students. It closed in May." in excerpt
    assert len(excerpt) < 170


def test_words_that_only_name_columns_do_not_keep_the_row_that_answers_out():
    rows = "".join(f"| Town{number} | {number * 13} | Person {number} |\n" for number in range(60))
    text = f"Rates\n\n| Depot | Euros | Manager |\n|---|---|---|\n{rows}\nAll are open.\n"
    start, end = find_part(text, "Who is the manager of the depot Town44?", 100)
    assert "| Town44 | 572 | Person 44 |" in text[start:end]
    assert text[slice(*find_names_above(text, start))] == "| Depot | Euros | Manager |\n"


def test_without_a_word_in_common_the_beginning_is_kept():
    excerpt, is_cut = cut("Alpha beta gamma. " * 100, "zzz", 30)
    assert is_cut
    assert excerpt.startswith("Alpha beta")


@given(st.text(min_size=1, max_size=3000), st.text(max_size=60), st.integers(20, 300))
def test_a_cut_passage_is_part_of_the_text_and_within_its_allowance(text: str, query: str, tokens: int):
    excerpt, is_cut = cut(text, query, tokens)
    body = excerpt.removeprefix("… ").removesuffix(" …")
    assert body in text
    assert is_cut == (estimate_tokens(text) > tokens)
    assert len(excerpt) <= len(text) or is_cut


@pytest.mark.parametrize("word", ["word ", "λόγος ", "слово ", "كلمة ", "शब्द ", "คำ "])
def test_what_a_search_shows_of_a_passage_fits_in_every_alphabet(word: str):
    text = (word * 500)[:500]
    assert cut(text, "?", allowances(5, concise=True)[0]) == (text, False)


@pytest.mark.parametrize("passages", [1, 8, 20])
def test_all_passages_together_stay_within_the_budget(passages: int):
    tokens = allowances(passages, concise=True)
    assert len(tokens) == passages
    assert sum(tokens) <= 2_400
    assert tokens[0] == max(tokens)


PRINTED = "Costs fell.\nNote 2025 2024\nEUR thousand\nRevenue 4 1,654 (1,792)\nCosts 7 9 8\nProfit 8 773 430"
SECOND = "Revenue 2025 2024\nUK 4 5\nFR 5 6\nMargin 2025 2024\nDE 1 2\nPL 3 4"
CELLS = "Rates\n\nDepot | Euros\nLyngby | 4\nHorsens | 5"


@pytest.mark.parametrize(
    ("text", "row", "names"),
    [
        (PRINTED, "Revenue", "Note 2025 2024\nEUR thousand\n"),
        (PRINTED, "Profit", "Note 2025 2024\nEUR thousand\n"),
        (PRINTED, "Note", ""),
        ("Site Euros Since\nA 124 2020\nB 125 2020\nC 126 2021", "C", "Site Euros Since\n"),
        ("31 May 2025 31 May 2024\nA 124 120\nB 125 121", "B", "31 May 2025 31 May 2024\n"),
        ("Year ended May 31,\n2025 2024\nA 1 2\nB 3 4", "B", "Year ended May 31,\n2025 2024\n"),
        ("In millions\nA $ 298 $ 316\nB $ 85 $ 78\nC \u2014 $ 4 $ 5", "C", "In millions\n"),
        (SECOND, "FR", "Revenue 2025 2024\n"),
        (SECOND, "Margin", ""),
        (SECOND, "PL", "Margin 2025 2024\n"),
        ("Site Sum Since\nA 12 2020\nB 25 2020\nC 7 2021", "C", "Site Sum Since\n"),
        ("We met about\na hall of 4,200\nbought by 2004\nand sold by 2010", "and", ""),
        ("7\nPages, large . . . 41\nPages, small . . . 29\nPaper . . . 3", "Paper", ""),
        ("let all = [\n  line = 1\n  line = 2\n  line = 3", "  line = 3", ""),
        ("A | 4\nB | 5\nC | 6", "C", ""),
        ("Site | 2025 | 2024\nA | 4 | 5\nB | 5 | 6", "B", "Site | 2025 | 2024\n"),
        ("Site | Sum\nA | 4", "A", "Site | Sum\n"),
        (CELLS, "Lyngby", "Depot | Euros\n"),
        (CELLS, "Horsens", "Depot | Euros\n"),
        (CELLS, "Depot", ""),
        ("Rates of 2026\nDepot | Euros\nLyngby | 4\nOn Sundays\nHorsens | 5", "Horsens", "Depot | Euros\n"),
        ("+---+---+\n| Pier | Boats |\n+===+===+\n| West | 9 |", "| West", "| Pier | Boats |\n"),
        ("Rates\nand more", "and", ""),
        ("Depot: A | Euros: 4\nDepot: B | Euros: 5", "Depot: B", ""),
        (f"Site | {'Sum ' * 100}\nA | 4", "A", ""),
        (f"Site | Sum {' ' * 200}\nA | 4", "A", f"Site | Sum {' ' * 200}\n"),
        ("We opened in May\nand sold 35\nof them in June", "and", ""),
        ("Chapter 4\nsays nothing of 12\nThe end", "The", ""),
    ],
)
def test_the_names_of_columns_are_found_above_a_row(text: str, row: str, names: str) -> None:
    start, end = find_names_above(text, text.index(row))
    assert text[start:end] == names
