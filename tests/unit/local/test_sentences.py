from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.local.retrieval.sentences import LONGEST, find_spans, split


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("He said “no.” She left.", ["He said “no.”", "She left."]),
        ("It costs 3.50 euros. Pay at 9.30 a.m. sharp.", ["It costs 3.50 euros.", "Pay at 9.30 a.m. sharp."]),
        ("Dr. J. Smith, i.e. the vet, came.", ["Dr. J. Smith, i.e. the vet, came."]),
        ("Die Frist endet am 10. April 2026. Neu.", ["Die Frist endet am 10. April 2026.", "Neu."]),
        ("Bis 31. Dezember: im 2. Obergeschoss.", ["Bis 31. Dezember: im 2. Obergeschoss."]),
        ("Møtet er 3. mai. Kom presis.", ["Møtet er 3. mai.", "Kom presis."]),
        ("It opens level 3. Knock twice.", ["It opens level 3.", "Knock twice."]),
        ("Wrapped\nover lines. Next.", ["Wrapped over lines.", "Next."]),
        ("Heading\n\nText of it.", ["Heading", "Text of it."]),
        ("Bring:\n- a pen\n- paper\n2) glue", ["Bring:", "- a pen", "- paper", "2) glue"]),
        ("三个月。经理为六个月！好吗？", ["三个月。", "经理为六个月！", "好吗？"]),
        ("अवधि तीन महीने है। प्रबंधक छह।", ["अवधि तीन महीने है।", "प्रबंधक छह।"]),
        ("كم المدة؟ ثلاثة أشهر.", ["كم المدة؟", "ثلاثة أشهر."]),
        ("**Why?**\nSo.", ["**Why?**", "So."]),
        ("Q: Why?\nA: So.\nmore", ["Q: Why?", "A: So.", "more"]),
        ("a | b\nc | d\ne | f", ["a: c | b: d", "a: e | b: f"]),
        ("Plan: A | Price: 3\nPlan: B | Price: 4", ["Plan: A | Price: 3", "Plan: B | Price: 4"]),
        ("Only one | line. Next.", ["Only one | line.", "Next."]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_text_is_cut_where_sentences_end(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


@given(st.text(alphabet=st.sampled_from("aB é。.!? \n-1)”ก"), max_size=1_500))
def test_no_word_is_lost_and_no_sentence_is_too_long(text: str) -> None:
    found = split(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(0 < len(sentence) <= LONGEST and "\n" not in sentence for sentence in found)


def test_the_number_of_a_list_item_stays_with_its_sentence() -> None:
    steps = "1. Announce the visitor.\n2. Collect the badge. It opens level 3.\n12) Leave."
    assert split(steps) == [
        "1. Announce the visitor.",
        "2. Collect the badge.",
        "It opens level 3.",
        "12) Leave.",
    ]


def test_lines_that_end_with_figures_are_rows() -> None:
    text = "Note 2025 2024\nRevenue 4 1,654 (1,792)\nProfit for the year 8 773 430\nIt rose. See 3 below."
    spans = [text[start:end] for start, end in find_spans(text)]
    assert spans == [
        "Note 2025 2024",
        "Revenue 4 1,654 (1,792)",
        "Profit for the year 8 773 430\nIt rose.",
        "See 3 below.",
    ]
