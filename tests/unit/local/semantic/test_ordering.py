from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing

import pytest

from calypso_mcp.local.indexing.chunking import Chunk
from calypso_mcp.local.options import EmbeddingOptions
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.semantic.embedder import EmbeddingFailed, Prefixes, normalize, prefixes_of
from calypso_mcp.local.semantic.ordering import measure_closeness, mix, pack
from calypso_mcp.local.store import vectors
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.sqlite.connections import migrate, open_private


@pytest.mark.parametrize(
    ("scores", "near", "order"),
    [
        ({}, {}, []),
        ({1: 9.0, 2: 6.0, 3: 3.0}, {}, [1, 2, 3]),
        ({1: 9.0, 2: 6.0, 3: 3.0}, {1: 0.1, 2: 0.2, 3: 0.9}, [3, 1, 2]),
        # Words outweigh a small difference in meaning.
        ({1: 9.0, 2: 3.0}, {1: 0.5, 2: 0.6}, [1, 2]),
        # Those without a vector stay where they are, and never take part.
        ({1: 9.0, 2: 6.0, 3: 3.0}, {2: 0.1, 3: 0.9}, [1, 3, 2]),
        ({1: 9.0, 2: 6.0, 3: 3.0}, {1: 0.1, 3: 0.9}, [3, 2, 1]),
        ({1: 9.0, 2: 6.0, 3: 3.0}, {3: 0.9}, [1, 2, 3]),
        # Equal ones keep their order; passages that match nothing have no score to divide by.
        ({1: 0.0, 2: 0.0}, {1: 0.5, 2: 0.5}, [1, 2]),
    ],
)
def test_passages_with_vectors_change_places_among_each_other(
    scores: dict[int, float], near: dict[int, float], order: list[int]
) -> None:
    assert list(mix(scores, near)) == order


def test_half_precision_keeps_what_is_close_and_other_dimensions_are_left_out() -> None:
    asked = normalize([float(number % 7) - 3 for number in range(384)])
    stored = {1: pack(asked), 2: pack([-value for value in asked]), 3: pack(asked[:100]), 4: b""}
    near = measure_closeness(asked, stored)
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
    assert vectors.get_vectors(store, "model", ids).keys() == {batch[2].id}
    assert vectors.get_vectors(store, "other", ids) == {}
    assert vectors.adopt(store, "model") is None
    assert vectors.adopt(store, "other") == "model"
    assert kept() == 0
    assert vectors.count_lacking(store) == 2
