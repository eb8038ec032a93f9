from __future__ import annotations

import random
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing

import pytest

from calypso_mcp.local.indexing.chunking import Chunk
from calypso_mcp.local.options import EmbeddingOptions
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.semantic import closeness
from calypso_mcp.local.semantic.closeness import closeness_to, measure_cosines, pack
from calypso_mcp.local.semantic.embedder import EmbeddingFailed, Prefixes, Vector, normalize, prefixes_of
from calypso_mcp.local.store import vectors
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.sqlite.connections import migrate, open_private


def test_half_precision_keeps_what_is_close_and_other_dimensions_are_left_out() -> None:
    asked = normalize([float(number % 7) - 3 for number in range(384)])
    stored = {1: pack(asked), 2: pack([-value for value in asked]), 3: pack(asked[:100])}
    near = measure_cosines(asked, stored.items())
    assert near.keys() == {1, 2}
    assert near[1] == pytest.approx(1, abs=1e-3)
    assert near[2] == pytest.approx(-1, abs=1e-3)
    assert len(stored[1]) == 768


@pytest.mark.parametrize("values", [[0.0, 0.0], [float("nan"), 1.0], [float("inf")], [1.7e308] * 3])
def test_a_vector_without_direction_is_refused(values: list[float]) -> None:
    with pytest.raises(EmbeddingFailed, match="of zeros"):
        normalize(values)


@pytest.mark.parametrize(
    ("model", "question", "passage"),
    [
        ("all-minilm", "", ""),
        ("bge-m3", "", ""),
        ("text-embedding-3-small", "", ""),
        ("intfloat/multilingual-e5-large", "query: ", "passage: "),
        ("nomic-embed-text:latest", "search_query: ", "search_document: "),
        ("embeddinggemma", "task: search result | query: ", "title: none | text: "),
        ("snowflake-arctic-embed2", "query: ", ""),
    ],
)
def test_prefixes_follow_from_the_name_of_the_model(model: str, question: str, passage: str) -> None:
    assert prefixes_of(EmbeddingOptions(model)) == Prefixes(question, passage)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("bge-base-en-v1.5", "Represent this sentence"),
        ("mxbai-embed-large", "Represent this sentence"),
        ("snowflake/snowflake-arctic-embed-m", "Represent this sentence"),
        ("multilingual-e5-large-instruct", "Instruct: "),
        ("Qwen/Qwen3-Embedding-0.6B", "Instruct: "),
    ],
)
def test_some_models_want_an_instruction_before_questions_only(model: str, words: str) -> None:
    prefixes = prefixes_of(EmbeddingOptions(model))
    assert prefixes.question.startswith(words)
    assert not prefixes.passage


def test_given_prefixes_count_and_get_back_the_space_that_settings_lose() -> None:
    options = EmbeddingOptions("nomic-embed-text", query_prefix="ask:", passage_prefix=" ")
    assert prefixes_of(options) == Prefixes("ask: ", "")


@pytest.fixture
def store() -> Generator[sqlite3.Connection]:
    with closing(open_private(None)) as connection:
        migrate(connection, MIGRATIONS)
        vectors.adopt(connection, "model")
        yield connection


def add(connection: sqlite3.Connection, name: str, *texts: str) -> None:
    chunks = [Chunk(text, None, None, None, None, 0, len(text)) for text in texts]
    index.add(connection, name, ["bucket"], name, f"{name}.txt", chunks)


def test_a_vector_made_of_a_text_that_is_gone_is_not_kept_for_its_successor(
    store: sqlite3.Connection,
) -> None:
    """The passage was removed while it was embedded, and another has got its number."""
    add(store, "first", "what was")
    [embedded] = vectors.list_lacking(store, 8)
    add(store, "first", "what is")
    [successor] = vectors.list_lacking(store, 8)
    assert successor.id == embedded.id
    vectors.keep(store, [embedded], [pack([1.0])])
    assert vectors.list_lacking(store, 8) == [successor]
    vectors.keep(store, [successor], [pack([1.0])])
    assert vectors.count_lacking(store) == 0


def test_batches_reach_over_files_and_a_half_embedded_file_is_continued(store: sqlite3.Connection) -> None:
    add(store, "one", "a", "b", "c")
    add(store, "two", "d")
    first = vectors.list_lacking(store, 2)
    assert [passage.text for passage in first] == ["a", "b"]
    vectors.keep(store, first, [pack([1.0]), b""])
    assert [passage.text for passage in vectors.list_lacking(store, 8)] == ["c", "d"]
    assert vectors.count_lacking(store) == 2


def test_removed_passages_and_another_model_take_the_vectors_along(store: sqlite3.Connection) -> None:
    def kept() -> int:
        return int(store.execute("SELECT count(*) FROM passage_vectors").fetchone()[0])

    for name in ("one", "two", "three"):
        add(store, name, name)
    batch = vectors.list_lacking(store, 8)
    vectors.keep(store, batch, [pack([1.0])] * 3)
    index.remove(store, "two")
    assert kept() == 2
    index.restate(store, "one", bucket_ids=["bucket", "other"])
    assert vectors.count_lacking(store) == 0
    index.restate(store, "one", title="new")
    assert [passage.title for passage in vectors.list_lacking(store, 8)] == ["new"]
    ids = [passage.id for passage in batch]
    assert dict(vectors.get_vectors(store, ids)) == {batch[2].id: pack([1.0])}
    assert vectors.adopt(store, "model") is None
    assert vectors.adopt(store, "other") == "model"
    assert kept() == 0
    assert vectors.count_lacking(store) == 2


def draw(dice: random.Random, dimensions: int) -> Vector:
    return normalize([dice.gauss(0.0, 1.0) for _ in range(dimensions)])


def approach(vector: Vector, other: Vector, share: float) -> Vector:
    """Return `other` moved so far towards `vector`."""
    return normalize([share * a + (1 - share) * b for a, b in zip(vector, other, strict=True)])


def fill(connection: sqlite3.Connection, made: Sequence[Vector]) -> list[int]:
    """Store passages with these vectors; return their ids."""
    add(connection, "filled", *map(str, range(len(made))))
    batch = vectors.list_lacking(connection, len(made))
    vectors.keep(connection, batch, map(pack, made))
    return [passage.id for passage in batch]


@pytest.mark.parametrize("dimensions", [384, 1_024])
@pytest.mark.parametrize("is_narrow", [False, True], ids=["cosines from 0", "cosines from 0.7"])
def test_the_closest_of_thousands_stand_out_and_no_others(
    store: sqlite3.Connection, dimensions: int, is_narrow: bool
) -> None:
    dice = random.Random(1)
    asked, common = draw(dice, dimensions), draw(dice, dimensions)
    others = [draw(dice, dimensions) for _ in range(2_000)]
    close = [approach(asked, other, 0.45) for other in others[:3]]
    made = [*others[:1_000], *close, *others[1_000:]]
    if is_narrow:
        asked, *made = (approach(common, vector, 0.62) for vector in (asked, *made))
    ids = fill(store, made)
    measured = closeness_to(asked, "model")(store, ids[:2], ids)
    assert measured.keys() == {*ids[:2], *ids[1_000:1_003]}
    assert all(measured[passage] > 0.4 for passage in ids[1_000:1_003])
    assert all(abs(measured[passage]) < 0.2 for passage in ids[:2])


def test_only_what_is_searched_is_found_and_only_by_the_model_that_made_the_vectors(
    store: sqlite3.Connection,
) -> None:
    dice = random.Random(2)
    asked = draw(dice, 384)
    ids = fill(store, [approach(asked, draw(dice, 384), 0.6) for _ in range(2)] + [draw(dice, 384)] * 3)
    measure = closeness_to(asked, "model")
    assert measure(store, [], ids).keys() == set(ids[:2])
    assert measure(store, [], ids[1:]).keys() == {ids[1]}
    assert measure(store, [], []) == {}
    assert closeness_to(asked, "other")(store, ids, ids) == {}


def test_only_twenty_are_added_to_what_words_found(store: sqlite3.Connection) -> None:
    dice = random.Random(4)
    asked = draw(dice, 384)
    ids = fill(store, [approach(asked, draw(dice, 384), 0.6 if n < 30 else 0.0) for n in range(100)])
    measure = closeness_to(asked, "model")
    best = measure(store, [], ids)
    assert len(best) == 20
    assert measure(store, ids[:30], ids).keys() == set(ids[:30])
    assert min(best.values()) >= sorted(measure(store, ids[:30], ids).values())[10]


def test_no_more_vectors_are_compared_than_a_search_has_time_for(
    store: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(3)
    asked = draw(dice, 384)
    ids = fill(store, [asked if number % 10 < 2 else draw(dice, 384) for number in range(100)])
    monkeypatch.setattr(closeness, "_COMPARED", 20)
    statements: list[str] = []
    store.set_trace_callback(statements.append)
    measured = closeness_to(asked, "model")(store, [], ids)
    assert measured.keys() == set(ids[::10])
    [compared] = (text for text in statements if "768" in text)
    assert compared.count(",") < 25


def test_copies_of_what_is_asked_divide_by_nothing(store: sqlite3.Connection) -> None:
    asked = normalize([1.0] * 8)
    ids = fill(store, [asked] * 5)
    assert closeness_to(asked, "model")(store, [], ids) == {}
