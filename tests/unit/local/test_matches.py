"""Which part of a passage is shown and cited."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import Document, FileContent
from calypso_mcp.local.indexing.formats.data.delimited import read_delimited, read_text
from calypso_mcp.local.indexing.formats.texts.cards import read_cards
from calypso_mcp.local.indexing.formats.texts.markdown import read_markdown
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.retrieval.index import Passage
from calypso_mcp.local.retrieval.matches import match_quotations
from calypso_mcp.local.retrieval.search import search

FILLER = [
    f"Quarterly figures of harbour number {number} were reviewed by the audit committee."
    for number in range(12)
]
REPORT = "\n".join([*FILLER[:6], "The Osterquay crane lifted 1,284,000 containers.", *FILLER[6:]])
NAMES = ("Ada", "Bo", "Cy")
HANDBOOK = (
    "# Travel\n\nVersion 5\n\n## Daily allowance\n\nEvery traveller receives 41 euros a day.\n\n"
    "## Trains\n\nFirst class is allowed on long journeys.\n"
)
PLANS = "plan,monthly_eur\n" + "".join(f"Plan{number},{number * 7}\n" for number in range(200, 230))


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as opened:
        opened.executescript(index.SCHEMA)
        yield opened


def best(connection: sqlite3.Connection, document: Document, query: str) -> Passage:
    index.add(connection, "f", ["b"], None, "f.txt", split(document))
    return search(connection, query, ["b"], limit=1, with_matches=True)[0]


def shown(passage: Passage) -> Passage:
    assert passage.match is not None
    return passage.cut_to(*passage.match)


def test_of_a_long_section_a_sentence_is_shown_between_its_neighbours(connection: sqlite3.Connection) -> None:
    document = read_text(FileContent(REPORT.encode()))
    part = shown(best(connection, document, "How many containers did the Osterquay crane lift?"))
    assert part.text == "\n".join(
        [FILLER[5], "The Osterquay crane lifted 1,284,000 containers.", *FILLER[6:8]]
    )
    assert (part.line_start, part.line_end) == (6, 9)


def test_of_a_long_section_sentences_that_hold_more_together_are_shown_before_one_that_holds_most(
    connection: sqlite3.Connection,
) -> None:
    told = "Osterquay has a crane made of steel. In 2019 its containers weighed 9,000 tons. They were lifted."
    text = "\n".join([f"{FILLER[0]} Osterquay lifted a crane.", *FILLER[1:8], told, *FILLER[8:]])
    part = shown(
        best(
            connection,
            read_text(FileContent(text.encode())),
            "What did the containers weigh that the Osterquay crane of steel lifted in 2019?",
        )
    )
    assert told in part.text


@pytest.mark.parametrize(
    ("query", "heading", "lines"),
    [
        ("How many euros a day does a traveller receive?", "Travel > Daily allowance", (5, 7)),
        ("first class", "Travel > Trains", (9, 11)),
        ("trains", "Travel > Trains", (9, 11)),
        ("how many euros a day, and which class on journeys?", "Travel", (5, 11)),
    ],
)
def test_a_short_section_is_shown_whole_and_alone_unless_others_match_too(
    connection: sqlite3.Connection, query: str, heading: str, lines: tuple[int, int]
) -> None:
    part = shown(best(connection, read_markdown(FileContent(HANDBOOK.encode())), query))
    assert (part.heading, (part.line_start, part.line_end)) == (heading, lines)


def test_one_row_is_shown_of_a_table_whose_cells_name_their_columns(connection: sqlite3.Connection) -> None:
    part = shown(best(connection, read_delimited(FileContent(PLANS.encode())), "monthly_eur of Plan211"))
    assert part.text == "plan: Plan211 | monthly_eur: 1477"
    assert part.line_start == part.line_end == 13


def test_one_contact_is_shown_of_an_address_book(connection: sqlite3.Connection) -> None:
    cards = "".join(f"BEGIN:VCARD\nFN:{name}\nTEL:555 {n}\nEND:VCARD\n" for n, name in enumerate(NAMES))
    part = shown(best(connection, read_cards(FileContent(cards.encode())), "phone of Bo"))
    assert part.text == "Fn: Bo | Tel: 555 1"
    assert (part.line_start, part.line_end) == (5, 8)


def test_a_row_of_another_table_is_shown_below_the_names_of_its_columns(
    connection: sqlite3.Connection,
) -> None:
    table = "| plan | seats |\n|---|---|\n" + "".join(f"| Plan{n} | {n} |\n" for n in range(100, 130))
    part = shown(best(connection, read_markdown(FileContent(table.encode())), "Plan107"))
    assert part.text.startswith("| plan | seats |")
    assert part.text.endswith("| Plan107 | 107 |")


@pytest.mark.parametrize("query", ["what is the default of the option depth?", "depth option type default"])
def test_the_names_of_columns_are_not_shown_without_the_row_that_matches(
    connection: sqlite3.Connection, query: str
) -> None:
    table = "| option | type | default |\n|---|---|---|\n| glob | text | none |\n| depth | number | 12 |\n"
    text = f"# Usage\n\n{' '.join(FILLER)}\n\n{table}\n{FILLER[0]}\n"
    part = shown(best(connection, read_markdown(FileContent(text.encode())), query))
    assert part.text == table.rstrip()


def test_a_row_without_names_of_columns_above_is_shown(connection: sqlite3.Connection) -> None:
    text = f"{REPORT}\n\nTotal | 12,50\n\n{REPORT}"
    part = shown(best(connection, read_markdown(FileContent(text.encode())), "total"))
    assert "Total | 12,50" in part.text


def test_where_rows_match_alike_several_are_shown(connection: sqlite3.Connection) -> None:
    rates = "lane,eur\nOslo to Bergen,4\nOslo to Gdynia,3\nKiel to Malmo,2\n"
    part = shown(best(connection, read_delimited(FileContent(rates.encode())), "lanes from Oslo"))
    assert (part.line_start, part.line_end) == (2, 3)


def test_a_few_rows_that_match_alike_are_all_shown_however_far_apart(connection: sqlite3.Connection) -> None:
    tickets = [f"T-{number},customer {number},{'lost ' * 12},closed" for number in range(8)]
    tickets[1], tickets[6] = tickets[1].replace("closed", "open"), tickets[6].replace("closed", "open")
    table = "\n".join(["id,customer,problem,status", *tickets])
    part = shown(best(connection, read_delimited(FileContent(table.encode())), "open tickets"))
    assert (part.line_start, part.line_end) == (3, 8)


GRANT = (
    "# Grant application SOL-31 (draft 1)\n\n## Summary\n\nModules that last.\n\n## Investigators\n\n"
    "The principal investigator is Dr Reyes.\n\n## Milestones\n\nThe seal is chosen in month 6.\n"
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("principal investigator of the grant application SOL-31", "Dr Reyes"),
        ("which seal has the SOL-31 grant application chosen?", "month 6"),
        ("grant application", "Modules that last."),
        ("grant application milestones", "month 6"),
    ],
)
def test_a_heading_is_not_shown_without_text_below_it(
    connection: sqlite3.Connection, query: str, expected: str
) -> None:
    assert expected in shown(best(connection, read_markdown(FileContent(GRANT.encode())), query)).text


def test_what_an_answer_quotes_is_found_again_in_its_passage(connection: sqlite3.Connection) -> None:
    found = best(connection, read_markdown(FileContent(HANDBOOK.encode())), "euros")
    part = shown(match_quotations(found, ["First class is allowed on long journeys."]))
    assert part.heading == "Travel > Trains"
    assert match_quotations(found, ["Said nowhere."]) == found


def test_of_a_table_of_figures_the_row_that_matches_is_shown_with_its_neighbours(
    connection: sqlite3.Connection,
) -> None:
    """Its columns are named elsewhere: the lines that name them drew the quotation away from the row."""
    rows = [f"Costs of plant {number} {number} {number * 71},300 ({number * 37},100)" for number in range(20)]
    rows.insert(17, "Profit for the year 8 6,773,843 2,430,826")
    table = "\n".join(["Note 2025 2024", "EUR thousand EUR thousand", *rows])
    passage = best(connection, read_text(FileContent(table.encode())), "profit for the year in EUR thousand")
    assert "Profit for the year 8 6,773,843 2,430,826" in shown(passage).text.splitlines()
    assert shown(passage).text.splitlines()[0] in rows
