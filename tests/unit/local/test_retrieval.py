from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from calypso_mcp.local.indexing.chunking import Chunk
from calypso_mcp.local.indexing.documents import Part
from calypso_mcp.local.refusals import Refusal
from calypso_mcp.local.retrieval import candidates, index
from calypso_mcp.local.retrieval.extractive import Question
from calypso_mcp.local.retrieval.naming import Named
from calypso_mcp.local.retrieval.search import (
    absent_words,
    are_known,
    frequencies,
    search,
)
from calypso_mcp.local.retrieval.words.tokens import bucket_token, index_text, query_phrases
from calypso_mcp.sqlite.connections import connect, open_private


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:")
    opened.executescript(index.SCHEMA)
    yield opened
    opened.close()


def chunk(text: str, heading: str | None = None, page: int | None = None) -> Chunk:
    part = Part("page", page) if page else None
    return Chunk(text, heading, part, None if page else 1, None if page else 2, 0, len(text))


def add(
    connection: sqlite3.Connection, file_id: str, text: str, *buckets: str, title: str | None = None
) -> None:
    index.add(connection, file_id, buckets or ("b1",), title, f"{file_id}.txt", [chunk(text)])


def found(connection: sqlite3.Connection, query: str, *buckets: str, limit: int = 10) -> list[str]:
    hits = search(connection, query, buckets or None, limit=limit)
    return [hit.file_id for hit in hits]


def check(connection: sqlite3.Connection) -> None:
    """Raise if the full-text index is damaged."""
    connection.execute("INSERT INTO passages_fts (passages_fts) VALUES ('integrity-check')")


def postings(connection: sqlite3.Connection) -> int:
    connection.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab('main', 'passages_fts', 'instance')")
    count: int = connection.execute("SELECT count(*) FROM temp.words").fetchone()[0]
    connection.execute("DROP TABLE temp.words")
    return count


def test_a_passage_comes_back_with_its_place(connection: sqlite3.Connection) -> None:
    index.add(
        connection,
        "manual",
        ["b1"],
        "Manual",
        "manual.pdf",
        [chunk("Reset the router by holding the button.", "Router > Reset", 7)],
    )
    [hit] = search(connection, "router reset", ["b1"], limit=5)
    assert (hit.file_id, hit.text) == ("manual", "Reset the router by holding the button.")
    assert (hit.heading, hit.part, hit.line_start, hit.line_end) == (
        "Router > Reset",
        Part("page", 7),
        None,
        None,
    )
    assert hit.score > 0


def test_better_matches_come_first(connection: sqlite3.Connection) -> None:
    add(connection, "weak", "Shipping takes days. Refunds are another matter entirely, told elsewhere.")
    add(connection, "strong", "Refund period: a refund is paid within fourteen days.")
    add(connection, "none", "Nothing of the kind.")
    hits = search(connection, "refund period days", None, limit=10)
    assert [hit.file_id for hit in hits] == ["strong", "weak"]
    assert hits[0].score > hits[1].score


def test_words_of_title_and_heading_count(connection: sqlite3.Connection) -> None:
    for number in range(5):
        add(connection, f"other{number}", "unrelated words here")
    add(connection, "titled", "some text", title="Warranty")
    index.add(connection, "headed", ["b1"], None, "x.txt", [chunk("some text", "Returns > Warranty")])
    assert set(found(connection, "warranty")) == {"titled", "headed"}


def test_a_file_without_title_is_found_by_its_name(connection: sqlite3.Connection) -> None:
    index.add(connection, "f", ["b1"], None, "folder/travel-expenses.txt", [chunk("some text")])
    assert found(connection, "expenses") == ["f"]
    assert found(connection, "txt") == []


@pytest.mark.parametrize(
    ("question", "is_held"),
    [
        ("What changed in v2.1?", True),
        ("What changed in v2.2?", False),
        ("What does PR402 do?", True),
        ("Which fuse is rated 10A?", True),
        ("Which fuse is rated 16A?", False),
    ],
)
def test_a_code_is_known_however_it_is_spelled(
    connection: sqlite3.Connection, question: str, is_held: bool
) -> None:
    add(connection, "f", "Version 2.1 adds sharing, see PR-402. The fuse is rated 10 A.")
    assert are_known(connection, Named.by(question).required, ["b1"]) == is_held


def test_equal_matches_come_in_the_order_they_were_added(connection: sqlite3.Connection) -> None:
    names = [f"file{number}" for number in range(8)]
    for name in names:
        index.add(connection, name, ["b1"], "t", "t.txt", [chunk(f"identical {name}")])
    assert [found(connection, "identical") for _ in range(3)] == [names] * 3


@pytest.mark.parametrize(
    ("buckets", "expected"), [(("b1",), {"one", "both"}), (("b2",), {"two", "both"}), (("b3",), set[str]())]
)
def test_only_files_of_the_buckets_asked_for_are_found(
    connection: sqlite3.Connection, buckets: tuple[str, ...], expected: set[str]
) -> None:
    add(connection, "one", "refund one", "b1")
    add(connection, "two", "refund two", "b2")
    add(connection, "both", "refund both", "b1", "b2")
    assert set(found(connection, "refund", *buckets)) == expected


def test_several_buckets_are_searched_together_without_repeats(connection: sqlite3.Connection) -> None:
    add(connection, "one", "refund one", "b1")
    add(connection, "both", "refund both", "b1", "b2")
    assert sorted(found(connection, "refund", "b1", "b2")) == ["both", "one"]


def test_a_score_tells_nothing_of_buckets_that_are_not_searched(connection: sqlite3.Connection) -> None:
    add(connection, "ours", "The bicycle is red.", "b1")
    add(connection, "more", "A long text about a bicycle and much else besides.", "b1")
    add(connection, "theirs", "The other bicycle.", "b2")
    connection.commit()  # only then are the lengths of all passages known
    before = [hit.score for hit in search(connection, "red bicycle", ["b1"], limit=5)]
    for number in range(6):
        add(connection, f"theirs-{number}", f"red red red bicycle {number} " * 20, "b2")
    connection.commit()
    assert [hit.score for hit in search(connection, "red bicycle", ["b1"], limit=5)] == before


def test_no_bucket_finds_nothing(connection: sqlite3.Connection) -> None:
    add(connection, "one", "refund", "b1")
    assert search(connection, "refund", [], limit=10) == []


def test_text_that_names_a_bucket_does_not_enter_it(connection: sqlite3.Connection) -> None:
    forged = "\ue000" + b"b2".hex() + "\ue001"
    add(connection, "intruder", f"refund {forged}", "b1", title=forged)
    assert found(connection, "refund", "b2") == []
    assert found(connection, f"buckets:{forged} refund", "b2") == []


def test_adding_a_file_again_replaces_its_passages(connection: sqlite3.Connection) -> None:
    add(connection, "one", "the old wording 旧的 старые слова")
    add(connection, "one", "the new text")
    assert found(connection, "old wording 旧的 слова") == []
    assert found(connection, "new") == ["one"]
    check(connection)


def test_removing_a_file_leaves_no_word_behind(connection: sqlite3.Connection) -> None:
    add(connection, "stays", "refund")
    before = postings(connection)
    add(connection, "goes", "Refund退款 возвраты นโยบาย Café", "b1", "b2", title="Gone für immer")
    index.remove(connection, "goes")
    assert postings(connection) == before
    assert found(connection, "refund") == ["stays"]
    check(connection)


def test_removing_an_unknown_file_does_nothing(connection: sqlite3.Connection) -> None:
    index.remove(connection, "unknown")
    assert found(connection, "anything") == []


def test_a_rollback_takes_the_words_back(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    add(connection, "one", "refund")
    connection.rollback()
    assert found(connection, "refund") == []
    assert postings(connection) == 0


@pytest.mark.parametrize(
    "query",
    [
        'unbalanced "quote',
        "AND OR NOT",
        "a AND (b",
        "title:x",
        "refund*",
        "^refund",
        "NEAR(refund",
        "-refund",
        "{body}: refund",
        "refund\x00period",
        "'; DROP TABLE passages; --",
        "re\ud800fund",
        "é" * 5_000,
        "退" * 5_000,
        "(" * 50_000,
    ],
    ids=range(15),
)
def test_no_query_is_a_syntax_error(connection: sqlite3.Connection, query: str) -> None:
    add(connection, "one", "refund")
    assert set(found(connection, query, "b1")) <= {"one"}


def test_the_limit_bounds_the_hits(connection: sqlite3.Connection) -> None:
    for number in range(5):
        add(connection, f"file{number}", f"refund {number}")
    assert len(found(connection, "refund", limit=3)) == 3
    assert found(connection, "refund", limit=0) == []


def test_copies_are_found_once_and_name_the_other_files(connection: sqlite3.Connection) -> None:
    add(connection, "first", "A refund  takes\nfourteen days.")
    add(connection, "copy", "a refund takes fourteen days.")
    add(connection, "outside", "A refund takes fourteen days.", "b2")
    add(connection, "other", "A refund takes a month.")
    twice = [chunk("A refund takes fourteen days."), chunk("A refund takes fourteen days.")]
    index.add(connection, "twice", ["b1"], None, "twice.txt", twice)
    hits = search(connection, "refund fourteen days", ["b1"], limit=10)
    assert [(hit.file_id, hit.also_in) for hit in hits] == [("first", ["copy", "twice"]), ("other", [])]


@pytest.mark.parametrize(
    ("first_line", "is_name"),
    [
        ("Halvorsen Marine annual report\n\n", True),
        ("Halvorsen Marine annual report\nContents\n\n", True),
        ("The report of Halvorsen Marine was\nwritten in May.\n\n", False),
        ("Halvorsen Marine reports.\n\n", False),
        ("Halvorsen | Marine\n\n", False),
    ],
)
def test_a_file_without_a_title_is_found_by_a_first_line_that_names_it(
    connection: sqlite3.Connection, first_line: str, is_name: bool
) -> None:
    add(connection, "report", first_line + "The dividend is two crowns.")
    add(connection, "other", "The dividend of a marine report.")
    [first, *_] = search(connection, "dividend of Halvorsen Marine", ["b1"], limit=10)
    assert first.file_id == "report"
    assert ("Halvorsen" in first.title) == is_name


def test_passages_of_one_file_can_be_limited(connection: sqlite3.Connection) -> None:
    index.add(connection, "long", ["b1"], None, "l.txt", [chunk(f"refund refund {n}") for n in range(5)])
    add(connection, "short", "a refund among several other words")
    hits = search(connection, "refund", ["b1"], limit=4, per_file=1)
    assert [hit.file_id for hit in hits] == ["long", "short"]
    assert {hit.file_id for hit in search(connection, "refund", ["b1"], limit=4)} == {"long"}


def test_only_the_files_asked_for_are_found(connection: sqlite3.Connection) -> None:
    for number in range(5):
        add(connection, f"file{number}", f"refund {number}")
    hits = search(connection, "refund", ["b1"], file_ids=["file3", "file1", "unknown"], limit=10)
    assert [hit.file_id for hit in hits] == ["file1", "file3"]
    assert search(connection, "refund", ["b1"], file_ids=[], limit=10) == []


def test_in_some_files_words_tell_as_much_as_they_do_there(connection: sqlite3.Connection) -> None:
    report = [chunk(f"The auditors of Halvorsen Marine met {n} times.") for n in range(100)]
    index.add(connection, "report", ["b1"], None, "r.txt", [*report, chunk("The dividend is two crowns.")])
    for number in range(200):
        add(connection, f"other{number}", f"A dividend of {number} crowns.")
    connection.commit()  # only then are the lengths of all passages known
    question = "What does Halvorsen Marine pay as a dividend?"
    assert "auditors" in search(connection, question, ["b1"], limit=1)[0].text
    found = search(connection, question, ["b1"], file_ids=["report"], limit=5)
    assert "dividend" in found[0].text
    hits = search(connection, "auditors", ["b1"], file_ids=["report", "other3"], limit=100)
    assert {hit.file_id for hit in hits} == {"report"}
    others = {f"other{number}" for number in range(1, 200)}
    hits = search(connection, "dividend", ["b1"], file_ids=sorted(others), limit=100)
    assert {hit.file_id for hit in hits} < others
    add(connection, "later", "Twelve words of another file would change how long a passage is on average.")
    connection.commit()
    assert search(connection, question, ["b1"], file_ids=["report"], limit=5) == found


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("The code is POL-358.", "POL358"),
        ("The code is POL358.", "POL-358"),
        ("The code is POL 358.", "POL358"),
        ("The margin of fiscal 2022.", "FY22"),
        ("The margin of FY22.", "2022"),
        ("a rise of TNF-\u03b1", "TNF-alpha"),
        ("a rise of TNFalpha", "TNF\u03b1"),
        ("5 ug of folate", "\u00b5g"),
        ("5 \u03bcg of folate", "ug"),
        ("the \u0394-variant", "delta"),
        ("call getUserName first", "user name"),
        ("call get_user_name first", "getUserName"),
        ("call getUserName first", "get_user_name"),
        ("send an e-mail", "email"),
        ("send an email", "e-mail"),
        ("written in C++17", "cpp"),
        ("written in C#", "csharp"),
        ("runs on .NET", "dotnet"),
        ("needs v3.11.4", "3.11"),
        ("see docs\\setup\\install.md", "docs/setup/install.md"),
        ("costs 1,234.56 a year", "1234.56"),
        ("CO\u2082 is stored", "CO2"),
        ("in der Stra\u00dfe", "Strasse"),
        ("the \ufb01nal o\ufb03ce", "final office"),
        ("\u03b7 \u0391\u03b8\u03ae\u03bd\u03b1", "\u0391\u0398\u0397\u039d\u0391"),
        ("\u0141\u00f3d\u017a", "lodz"),
        ("\u0110\u00e0 L\u1ea1t", "da lat"),
        ("\u0131l\u0131k", "ilik"),
        ("\u0153uvre", "oeuvre"),
        ("re\u00adfund re\u200bturn", "refund return"),
    ],
)
def test_names_and_letters_are_found_in_their_usual_variants(
    connection: sqlite3.Connection, written: str, asked: str
) -> None:
    for number in range(9):
        add(connection, f"other{number}", f"Nothing of the kind, {chr(ord('p') + number)}")
    add(connection, "right", written)
    assert found(connection, asked) == ["right"]


@pytest.mark.parametrize("asked", ["C++", "C#", ".NET", "C"])
def test_signs_tell_names_apart(connection: sqlite3.Connection, asked: str) -> None:
    for name in ("C++", "C#", ".NET", "C"):
        add(connection, name, f"This is written for {name}, mostly.")
    assert found(connection, asked) == [asked]


def test_what_is_joined_by_a_sign_is_found_together(connection: sqlite3.Connection) -> None:
    add(connection, "initials", "The cost of D. R. Adams, and what D. R. Moor cost: R. and D.")
    add(
        connection,
        "right",
        "Eight percent of what was sold went into R&D, which was less than planned at first.",
    )
    assert found(connection, "R&D") == ["right"]


def test_words_that_no_passage_of_the_buckets_holds_are_named(connection: sqlite3.Connection) -> None:
    add(connection, "here", "The refunds take fourteen days; see POL-358.")
    add(connection, "elsewhere", "A warranty", "b2")
    query = "What is the warranty for POL358 refunding, \u201czebra\u201d?"
    assert absent_words(connection, query, ["b1"]) == ["warranty", "zebra"]
    assert absent_words(connection, query, ["b1", "b2"]) == ["zebra"]
    assert absent_words(connection, query, []) == []


@pytest.mark.parametrize(
    ("query", "absent"),
    [
        ("How many zebras are mentioned?", ["zebras"]),
        ("Tell me which refund the zebra got", ["zebra"]),
        ("Wie viele Zebras gibt es, und warum?", ["Zebras"]),
        ("please explain", []),
    ],
)
def test_only_words_that_matter_are_named_as_absent(
    connection: sqlite3.Connection, query: str, absent: list[str]
) -> None:
    add(connection, "terms", "A refund is paid within 30 days.")
    assert absent_words(connection, query, ["b1"]) == absent


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("Was kostet die Suppe f\u00fcr G\u00e4ste?", []),
        ("Was kostet die Miete?", ["rent"]),
        ("die f\u00fcr", ["rent"]),
        ("What did they die of in the war?", ["rent"]),
    ],
)
def test_passages_that_only_hold_words_that_join_others_are_no_hits(
    connection: sqlite3.Connection, query: str, hits: list[str]
) -> None:
    add(connection, "rent", "Die Miete f\u00fcr die Halle ist am dritten Werktag zu zahlen.")
    assert found(connection, query) == hits


def test_beginnings_find_other_forms_among_passages_that_are_not_english(
    connection: sqlite3.Connection,
) -> None:
    add(connection, "german", "Der Garantiezeitraum betr\u00e4gt f\u00fcnf Jahre")
    assert found(connection, "Garantiefall") == ["german"]
    add(connection, "german too", "Ein Garantiefall ist zu melden")
    assert found(connection, "Garantiefall") == ["german too", "german"]


def test_a_word_of_five_letters_finds_longer_ones_only_where_no_passage_holds_it(
    connection: sqlite3.Connection,
) -> None:
    add(connection, "longer", "Für Hotelübernachtungen werden im Inland 130 Euro erstattet")
    assert found(connection, "Hotel") == ["longer"]
    assert absent_words(connection, "Hotel mit Garten", ["b1"]) == ["Garten"]
    add(connection, "same", "Das Hotel liegt am Bahnhof")
    assert found(connection, "Hotel") == ["same"]


def test_a_name_spelled_like_a_word_that_joins_others_is_found(connection: sqlite3.Connection) -> None:
    add(connection, "one", "Der Bericht über AI")
    assert found(connection, "AI Richtlinie") == ["one"]
    assert found(connection, "über Richtlinie") == []


@pytest.mark.parametrize(
    "word",
    ["Kasse", "Party", "Parking", "Training", "deneyim", "Polymere", "Rallyesport", "Mitglieder", "années"],
)
def test_how_a_word_begins_finds_the_word_itself(connection: sqlite3.Connection, word: str) -> None:
    add(connection, "one", word)
    [phrase] = Question(word).phrases()
    assert frequencies(connection, [phrase], ["b1"]) == (1, [1])


def test_english_passages_are_not_found_by_beginnings(connection: sqlite3.Connection) -> None:
    add(connection, "wanted", "Who is it that the contractor is paid by? It is the owner of the house.")
    add(connection, "other", "This is what the contrast of the picture is about, and how it is set.")
    assert found(connection, "contractor") == ["wanted"]


def test_counts_follow_the_index_at_once(tmp_path: Path) -> None:
    with closing(open_private(tmp_path / "x.db")) as writer, closing(connect(tmp_path / "x.db")) as reader:
        writer.executescript(index.SCHEMA)
        for name in ("first", "second"):
            assert absent_words(reader, name, ["b1"]) == [name]
            writer.execute("BEGIN")
            add(writer, name, f"refund {name}")
            writer.execute("COMMIT")
            assert absent_words(reader, name, ["b1"]) == []
            assert found(reader, name, "b1") == [name]
        writer.execute("BEGIN")
        index.remove(writer, "first")
        writer.execute("COMMIT")
        assert absent_words(reader, "first second", ["b1"]) == ["first"]


def test_a_narrow_bucket_stays_narrow_when_files_of_other_buckets_come(tmp_path: Path) -> None:
    with closing(open_private(tmp_path / "x.db")) as connection:
        connection.executescript(index.SCHEMA)
        add(connection, "mine", "refund mine")
        assert found(connection, "refund", "b1") == ["mine"]
        add(connection, "theirs", "refund theirs", "b2")
        assert found(connection, "refund", "b1") == ["mine"]


def test_a_misspelt_word_is_found_by_its_beginning(connection: sqlite3.Connection) -> None:
    add(connection, "one", "The order of the seedlings is to be kept with the light.")
    add(connection, "two", "The photovoltaic order is to be kept with the light.")
    assert found(connection, "the photovolatic order of the light", "b1")[0] == "two"
    assert absent_words(connection, "the photovolatic order of the light", ["b1"]) == ["photovolatic"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("rfeunds", "Refunds"),
        ("rfunds", "Refunds"),
        ("reefunds", "Refunds"),
        ("rdfunds", "Refunds"),
        ("reufnd", "Refunds"),
        ("wroking", "working"),
        ("Kerfürst", "Kurfürst"),
        ("дгоовор", "договоры"),
    ],
)
def test_a_word_with_one_slip_in_its_first_letters_is_found(
    connection: sqlite3.Connection, asked: str, said: str
) -> None:
    add(connection, "meant", f"About {said} and other things.")
    add(connection, "other", "About something else.")
    assert found(connection, asked, "b1") == ["meant"]


def test_a_word_that_is_there_is_not_taken_for_another(connection: sqlite3.Connection) -> None:
    add(connection, "marie", "Marie wrote this.")
    add(connection, "maria", "Maria wrote that.")
    assert found(connection, "maria", "b1") == ["maria"]


def test_a_misspelt_word_is_compared_with_words_of_the_buckets_only(connection: sqlite3.Connection) -> None:
    for number in range(3):
        add(connection, f"elsewhere-{number}", "The planet turns.", "b2")
    add(connection, "here", "The planer works.")
    assert found(connection, "planex", "b1") == ["here"]


def test_no_misspelt_word_is_too_long_to_search_for(connection: sqlite3.Connection) -> None:
    add(connection, "any", "Some text.")
    started = time.thread_time()
    assert found(connection, " ".join("ab" * 1_000 for _ in range(2)), "b1") == []
    assert time.thread_time() - started < 1


def test_every_word_of_an_abstract_is_sought(connection: sqlite3.Connection) -> None:
    add(connection, "one", "Seedlings need light.")
    add(connection, "two", "Photovoltaic cells need light.")
    abstract = " ".join(f"word{number}" for number in range(110))
    assert found(connection, f"{abstract} photovoltaic light", "b1")[0] == "two"


@pytest.mark.parametrize(
    "text",
    [two * 50_000 for two in ("aa", "a-", "aA", "a.", "1,", "#+", "a\u0301", "\u03b1\u0345", "\u0301\u0323")],
    ids=range(9),
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    index_text(text)
    query_phrases(text)
    assert time.process_time() - started < 1.0


def test_a_search_that_takes_too_long_is_stopped_and_the_connection_works_on(
    connection: sqlite3.Connection,
) -> None:
    words = " ".join(f"word{number}" for number in range(60))
    index.add(connection, "many", ["b1"], None, "m.txt", [chunk(f"{words} {n}") for n in range(3_000)])
    with pytest.raises(Refusal, match="search_timeout"):
        search(connection, words, None, limit=5, time_limit_s=0.0)
    assert len(found(connection, "word7")) == 10


def test_an_index_of_an_older_format_is_rebuilt_once(connection: sqlite3.Connection) -> None:
    add(connection, "one", "refund", "b1", title="Terms")
    connection.execute("INSERT INTO passages_fts (passages_fts) VALUES ('delete-all')")
    connection.execute("UPDATE passage_index_format SET format = 0")
    assert index.rebuild_if_outdated(connection)
    assert not index.rebuild_if_outdated(connection)
    assert (found(connection, "refund terms", "b1"), found(connection, "refund", "b2")) == (["one"], [])
    check(connection)


def test_passages_of_an_older_store_keep_their_page() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(index.FIRST_SCHEMA)
        bucket = bucket_token("b1")
        connection.execute("INSERT INTO passage_sources VALUES (1, 'old', 'Manual', ?)", (bucket,))
        connection.execute("INSERT INTO passages VALUES (1, 1, '', 'refund', 7, NULL, NULL, 0, 6)")
        connection.execute("INSERT INTO passages VALUES (2, 1, '', 'other', NULL, 3, 4, 8, 12)")
        words = "INSERT INTO passages_fts (rowid, body, title, heading, buckets) VALUES (?, ?, '', '', ?)"
        connection.executemany(words, [(1, "refund", bucket), (2, "other", bucket)])
        connection.executescript(index.PARTS + index.OUTLINES)
        places = [
            (hit.part, hit.line_start)
            for word in ("refund", "other")
            for hit in search(connection, word, ["b1"], limit=1)
        ]
    assert places == [(Part("page", 7), None), (None, 3)]


def test_a_row_with_a_huge_cell_comes_before_a_passage_with_half_of_the_words(
    connection: sqlite3.Connection,
) -> None:
    notes = "the printer was looked at again and nothing came of it " * 60
    add(connection, "tickets", f"Product | Problem | Notes | Owner\nFjord | leaking valve | {notes} | Ann")
    for number in range(20):
        product, part = ("Fjord", "Corvo")[number % 2], ("valve", "leaking hose")[number // 2 % 2]
        add(connection, f"note{number}", f"Today the {product} had a {part} replaced in house {number}.")
    assert found(connection, "Fjord valve leaking owner today", "b1")[0] == "tickets"


def _table(first: int, *more: str) -> str:
    rows = [f"{number} | clerk | office {number}" for number in range(first, first + 10)]
    return "\n".join(["id | role | place", *rows, *more])


def test_a_table_of_many_passages_is_one_hit_unless_more_of_them_tell_something(
    connection: sqlite3.Connection,
) -> None:
    passages = [
        chunk(_table(0)),
        chunk(_table(10, "77 | welder | hall")),
        chunk(_table(20, "99 | cook | inn")),
        chunk(_table(30, "78 | welder | yard" + " | a remark" * 20)),
        chunk(_table(40, "98 | cook | yard" + " | a remark" * 20)),
    ]
    index.add(connection, "staff", ["b1"], None, "staff.csv", passages)
    index.add(
        connection, "prose", ["b1"], None, "prose.txt", [chunk("The welder and the cook share a role.")]
    )

    def texts(query: str) -> list[str]:
        hits = search(connection, query, ["b1"], limit=10, once_per_table=True)
        return [hit.text for hit in hits if hit.file_id == "staff"]

    assert texts("role place welder") == [passages[1].text]
    assert {*texts("role place welder cook")} == {passages[1].text, passages[2].text}
    assert len(search(connection, "role place", ["b1"], limit=10)) == len(passages) + 1


@pytest.mark.parametrize("buckets", [None, ["b0"]])
def test_passages_that_few_words_choose_are_those_that_all_would(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, buckets: list[str] | None
) -> None:
    draw = random.Random(3)
    words = [f"word{letter}{number}" for number in range(60) for letter in "abcdefgh"]
    often = [1 / (rank + 2) for rank in range(len(words))]
    for number in range(1200):
        text = " ".join(draw.choices(words, often, k=40))
        index.add(connection, f"f{number}", [f"b{number % 3}"], None, "x.txt", [chunk(text)])
    queries = [" ".join(draw.choices(words, k=7)) for _ in range(12)]

    def best() -> list[set[str]]:
        return [{hit.file_id for hit in search(connection, q, buckets, limit=5)} for q in queries]

    monkeypatch.setattr(candidates, "_SCORED_ROWS", 10)
    monkeypatch.setattr(candidates, "_LEAST_ROWS", 100)
    few = best()
    monkeypatch.setattr(candidates, "CANDIDATES", 2_000)
    monkeypatch.setattr(candidates, "_WEIGHT_SHARE", 1.0)
    monkeypatch.setattr(candidates, "_SCORED_ROWS", 1_000_000)
    same = sum(len(entry & other) for entry, other in zip(few, best(), strict=True))
    assert same >= 0.9 * 5 * len(queries)


def test_in_a_small_index_the_best_is_found_however_many_hold_the_rarest_word(
    connection: sqlite3.Connection,
) -> None:
    for number in range(candidates.CANDIDATES):
        add(connection, f"a{number}", "zebra grass")
    add(connection, "both", "zebra herd")
    for number in range(160):
        add(connection, f"b{number}", "herd grass")
    for number in range(120):
        add(connection, f"c{number}", "grass grass")
    connection.commit()
    assert found(connection, "zebra herd", limit=1) == ["both"]


@pytest.mark.parametrize(
    ("query", "wanted", "other"),
    [
        ("man-db 2.10.0-1", "man-db 2.10.0-1 was built.", "man-db 2.1.1-10, not 2.0, of 2010-10-01: 10.2.1."),
        ("at 10.0.0.254:8443", "It listens at 10.0.0.254:8443.", "10.254.0.0 and 0.0.254.10 at 8443, 8443."),
        (
            '"the gate of the old town"',
            "By the gate of the old town.",
            "The old gate, the town gate, the town.",
        ),
        ("„große alte Stadt“", "Eine große alte Stadt.", "Stadt: alte große Stadt, alte Stadt."),
        ("「東京都庁」", "新しい東京都庁です", "京都 都庁 東京 都庁 京都"),
        (
            '"getUserName of POL-358"',
            "See getUserName of POL-358.",
            "POL-358 of getUserName, POL-358, getUserName.",
        ),
    ],
)
@pytest.mark.parametrize("buckets", [None, ["b1"]])
def test_what_a_query_quotes_and_a_number_of_several_parts_are_found_whole_first(
    connection: sqlite3.Connection, buckets: list[str] | None, query: str, wanted: str, other: str
) -> None:
    for number in range(8):
        add(connection, f"o{number}", f"{other} {number}{number}")
        add(connection, f"p{number}", f"Grass {number}{number}", "b2")
    add(connection, "wanted", f"{wanted} Nothing else is said here, and that at some length, for once.")
    hits = search(connection, query, buckets, limit=3)
    assert hits[0].file_id == "wanted"
    assert len(hits) == 3


def test_of_passages_that_hold_the_same_words_those_that_hold_them_often_come_first(
    connection: sqlite3.Connection,
) -> None:
    for number in range(900):
        about = "refund" if number % 3 == 0 else "parcel"
        add(connection, f"f{number}", f"The {about} of order {number} is late.", f"b{number % 2}")
    add(connection, "often", "The refund of an order is a refund: a refund is late.", "b1")
    for query in ("refund", "refunds of an order", "Is the refund late?"):
        assert found(connection, query, "b1", limit=1) == ["often"], query


def test_meaning_has_more_to_choose_from_than_is_shown(connection: sqlite3.Connection) -> None:
    for number in range(60):
        add(connection, f"f{number}", "zebra grass" if number < 20 else f"grass {number}")
    offered: list[int] = []

    def measure(_: sqlite3.Connection, found: Sequence[int], searched: Sequence[int]) -> dict[int, float]:
        assert len(searched) == 60
        offered.extend(found)
        return {}

    search(connection, "zebra grass", ["b1"], limit=5, closeness=measure)
    assert len(offered) >= 40


def test_what_meaning_compares_is_what_words_may_find(connection: sqlite3.Connection) -> None:
    add(connection, "a", "apple", "b1")
    add(connection, "b", "pear", "b1", "b2")
    add(connection, "c", "plum", "b2")
    add(connection, "d", "fig", "b3")
    offered: list[Sequence[int]] = []

    def measure(_: sqlite3.Connection, found: Sequence[int], searched: Sequence[int]) -> dict[int, float]:
        assert not found
        offered.append(searched)
        return dict.fromkeys(searched, 0.5)

    for buckets, files in (
        (None, None),
        (["b1", "b2", "b3"], None),
        (["b1"], None),
        (["b1", "b2"], None),
        (["b1", "b2"], ["a", "c"]),
        (["b2"], ["a", "b"]),
        (None, ["d"]),
    ):
        hits = search(connection, "cherry", buckets, limit=10, file_ids=files, closeness=measure)
        by_words = search(connection, "apple pear plum fig", buckets, limit=10, file_ids=files)
        assert {hit.file_id for hit in hits} == {hit.file_id for hit in by_words}, (buckets, files)
    assert [len(ids) for ids in offered] == [4, 4, 2, 3, 2, 1, 1]
    assert search(connection, "cherry", [], limit=10, closeness=measure) == []
    assert search(connection, "cherry", ["b1"], limit=10, file_ids=[], closeness=measure) == []
    assert len(offered) == 7


@pytest.mark.parametrize("query", ["R&D", "1.6"])
def test_what_is_held_as_a_whole_is_not_absent_in_its_parts_beside_meaning(
    connection: sqlite3.Connection, query: str
) -> None:
    add(connection, "named", f"{query} is on the fourth floor.")
    add(connection, "close", "Laboratories and their staff.")

    def measure(*_: object) -> dict[int, float]:
        return {1: 0.1, 2: 0.55}

    hits = search(connection, query, None, limit=2, closeness=measure)
    assert [hit.file_id for hit in hits] == ["named", "close"]


@pytest.mark.parametrize("row", ["{} | {} | {}", "Name: {} | Family: {} | Room: {}"])
def test_a_table_with_all_words_in_one_row_comes_before_one_with_each_in_another(
    connection: sqlite3.Connection, row: str
) -> None:
    names, families = ("Anna", "Boris", "Carla", "David"), ("Adler", "Brandt", "Costa", "Dietz")
    top = "Name | Family | Room\n" if row.startswith("{}") else ""

    def table(shift: int) -> str:
        rows = (
            row.format(name, families[(at + shift) % 4], 10 * shift + at) for at, name in enumerate(names)
        )
        return top + "\n".join(rows)

    for shift in range(4):
        add(connection, f"t{shift}", table(shift))
    for number in range(20):
        add(connection, f"o{number}", f"Nothing of note happened on day {number}.")
    assert found(connection, "room of Anna Costa", "b1")[0] == "t2"
    assert found(connection, "Carla Brandt", "b1")[0] == "t3"


def test_the_parts_of_a_number_tell_nothing_beside_it(connection: sqlite3.Connection) -> None:
    add(connection, "pictures", "The library for pictures of the web, with its tools.")
    add(
        connection,
        "sections",
        "Pages of manuals: in 1 tools of users, in 6 games, in 1 and 6 the rest.",
    )
    add(connection, "release", "Release 1.6 of the editor.")
    for number in range(20):
        add(connection, f"other-{number}", "Something else of no interest, and its library.")
    assert found(connection, "library tools (version 1.6)", "b1")[:2] == ["release", "pictures"]
    assert found(connection, "games of 1 and 6", "b1")[0] == "sections"


def test_a_number_of_several_parts_counts_as_often_as_it_is_there(connection: sqlite3.Connection) -> None:
    add(connection, "all", "Signs beside ISO 8859-1, ISO 8859-2 and ISO 8859-3: there are further sets.")
    add(connection, "one", "ISO 8859-2 for the middle of Europe. The table of ISO 8859-2 lists its signs.")
    for number in range(20):
        add(connection, f"other-{number}", "Something else of no interest.")
    assert found(connection, "8859-2", "b1") == ["one", "all"]


@pytest.mark.parametrize("repeated", [4, 30])
@pytest.mark.parametrize("others", [4, 40])
def test_a_passage_with_all_words_comes_before_one_that_repeats_most_of_them(
    connection: sqlite3.Connection, others: int, repeated: int
) -> None:
    for number in range(others):
        add(connection, f"o{number}", f"The fabric of the awning Calm {number} is woven and can be washed.")
    add(
        connection,
        "load",
        "Test load: " + "the test load of the fabric is in the report of the test. " * repeated,
    )
    add(
        connection,
        "wanted",
        "Breeze Duo. The fabric was put to the test in the laboratory, where it was wetted, dried and pulled "
        "in both directions; it held a load of 400 N.",
    )
    add(connection, "breeze", "Breeze Duo is an awning with two arms. Breeze Duo comes in five colours.")
    assert found(connection, "test load of the Breeze Duo fabric")[0] == "wanted"


@pytest.mark.parametrize(("sentences", "repeated"), [(5, 2), (5, 8), (8, 20)])
def test_all_words_in_a_long_passage_come_before_two_of_three_that_are_repeated(
    connection: sqlite3.Connection, sentences: int, repeated: int
) -> None:
    for number in range(20):
        name = "delta" if number else "gamma"
        add(connection, f"o{number}", f"The {name} room {number} is painted and swept every week.")
    add(connection, "repeats", "The alpha of the beta is here. " * repeated)
    add(
        connection,
        "wanted",
        "Alpha and beta are near gamma. " + "Somebody walks along the river. " * sentences,
    )
    assert found(connection, "alpha beta gamma")[0] == "wanted"


def test_a_word_that_most_of_a_few_passages_hold_still_tells_something(
    connection: sqlite3.Connection,
) -> None:
    for part in ("valve", "burner", "tank"):
        add(connection, part, f"The {part} of the boiler is cleaned in autumn.")
    add(connection, "tyres", "The pressure of the tyres of the van is 3 bar.")
    add(connection, "wanted", "The boiler shows its pressure on the upper dial, which is lit in the dark.")
    assert found(connection, "boiler pressure")[0] == "wanted"


def test_a_word_and_its_beginning_do_not_count_as_two_words(connection: sqlite3.Connection) -> None:
    for number in range(8):
        add(connection, f"o{number}", f"Der Garten hat die Nummer {number} und liegt am Fluss.")
    add(connection, "one", "Die Satzung liegt im Saal aus.")
    add(connection, "two", "Das Amt prüft jedes Jahr die Kasse und schreibt dem Verein, was fehlt.")
    assert found(connection, "Satzung Amt Kasse")[0] == "two"
