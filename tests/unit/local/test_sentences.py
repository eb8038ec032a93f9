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
        "Profit for the year 8 773 430",
        "It rose.",
        "See 3 below.",
    ]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Minutes of 16 June\nBo: fixes FJ-540\nMei: away",
            ["Minutes of 16 June", "Bo: fixes FJ-540", "Mei: away"],
        ),
        ("Lamp 2 x 59,99\nBed 279,00\nTOTAL 398,98", ["Lamp 2 x 59,99", "Bed 279,00", "TOTAL 398,98"]),
        ("2 x Oven: 1,198.00\n1 x Coffee maker: 449.00", ["2 x Oven: 1,198.00", "1 x Coffee maker: 449.00"]),
        ('name = "fjord"\nlicense = "MPL-2.0"', ['name = "fjord"', 'license = "MPL-2.0"']),
        ("gateway.ports: 8480\ngateway.image: fjord", ["gateway.ports: 8480", "gateway.image: fjord"]),
        (
            "2026-06-15 01:15:00 INFO backup started\n2026-06-15 01:47:12 INFO backup ended size=412GB",
            ["2026-06-15 01:15:00 INFO backup started", "2026-06-15 01:47:12 INFO backup ended size=412GB"],
        ),
        (
            "1 Scope\nWe review 214 papers that were\nprinted until 2023.",
            ["1 Scope", "We review 214 papers that were printed until 2023."],
        ),
        # A heading without a number says nothing by itself.
        ("Warranty\nTwo years for the lamps and all of their wiring.", None),
        # Wrapped: by hand, by a margin, within a list.
        ("Der Vertrag vom 3. Mai gilt für das Lager in\nHamburg und endet am 4.\nJuni.", None),
        ("They keep 91 % of the efficiency after 1,000\nhours at 60 % relative humidity.", None),
        ("In lungs of 2 patients, O\n2 helps to displace carbon monoxide.", None),
        (
            (
                "Councils of workers were new to most of the companies, and the law\n"
                "that all the ministers had drafted was passed in the summer of 1994\n"
                "Parliament had asked for it since the elections, but not before 1992\n"
                "as members of the opposition who remember it said in an interview."
            ),
            None,
        ),
        (
            "Present: Linda Osei, Magnus Haraldsen,\nRie Nakagawa and guests of the house committee in Ulm",
            None,
        ),
    ],
)
def test_a_line_that_no_margin_ended_is_a_sentence_where_lines_count(
    text: str, sentences: list[str] | None
) -> None:
    assert split(text, by_line=True) == (sentences or split(text))
    assert split(text) == [" ".join(text.split())] or not sentences
