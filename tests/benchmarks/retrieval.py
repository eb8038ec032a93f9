"""How well and how fast passages are found.

    python tests/benchmarks/retrieval.py FOLDER...          quality, directly on the index
    python tests/benchmarks/retrieval.py --api FOLDER...    the same through the REST API
    python tests/benchmarks/retrieval.py --scale 1000,10000,100000 FOLDER    latency by index size

A FOLDER holds a collection: `corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`, `text`) and
`qrels.tsv` (query, document, relevance). Each document is one file; a search returns at most ten
passages, and a file counts where its first passage stands. A document may have no body, or no title.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx2

from calypso_mcp.api.search import SearchRequest
from calypso_mcp.client import CalypsoClient
from calypso_mcp.client.readiness_target import ReadinessTarget
from calypso_mcp.client.transport.pacing import CreatePacer
from calypso_mcp.client.transport.sources import BytesSource
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.local.app import open_backend
from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import Document, FileContent
from calypso_mcp.local.indexing.formats.data.delimited import read_text
from calypso_mcp.local.options import LocalOptions
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.retrieval.search import search
from calypso_mcp.sqlite.connections import open_private

DEPTH = 10
#: Buckets of the latency measurement; each holds an equal share of the passages.
SCALE_BUCKETS = 64
SCALE_WORDS = 150
SCALE_QUERIES = 200


@dataclass(frozen=True)
class Collection:
    """Documents, questions and which documents answer them."""

    name: str
    documents: dict[str, tuple[str, str]]
    queries: dict[str, str]
    relevance: dict[str, dict[str, float]]

    @classmethod
    def load(cls, folder: Path) -> Collection:
        """Read a folder in the form the module describes."""
        relevance: dict[str, dict[str, float]] = {}
        for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines():
            query, document, grade = line.split("\t")
            if grade.replace(".", "", 1).isdigit() and float(grade) > 0:
                relevance.setdefault(query, {})[document] = float(grade)
        return cls(
            folder.name,
            {
                row["_id"]: (row.get("title") or "", text)
                for row in _rows(folder / "corpus.jsonl")
                # A file needs text: of a document without a body it is the title.
                if (text := row.get("text") or row.get("title") or "").strip()
            },
            {row["_id"]: row["text"] for row in _rows(folder / "queries.jsonl") if row["_id"] in relevance},
            relevance,
        )


@dataclass
class Scores:
    """What one run over a collection measured; times in seconds."""

    ndcg: list[float] = field(default_factory=list[float])
    reciprocal_ranks: list[float] = field(default_factory=list[float])
    latencies: list[float] = field(default_factory=list[float])

    def add(self, ranked: Sequence[str], relevant: dict[str, float], seconds: float) -> None:
        """Judge one answer: document ids, best first, without repeats."""
        found = [relevant.get(document, 0.0) for document in ranked[:DEPTH]]
        ideal = sorted(relevant.values(), reverse=True)[:DEPTH]
        self.ndcg.append(_gain(found) / _gain(ideal))
        self.reciprocal_ranks.append(next((1 / rank for rank, grade in enumerate(found, 1) if grade), 0.0))
        self.latencies.append(seconds)


def _gain(grades: Sequence[float]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def on_the_index(collection: Collection, connection: sqlite3.Connection) -> tuple[Scores, float, int]:
    """Return scores, seconds to index everything, and how many passages that made."""
    started = time.perf_counter()
    passages = 0
    for identifier, (title, text) in collection.documents.items():
        chunks = split(read_text(FileContent(text.encode())))
        passages += len(chunks)
        index.add(connection, identifier, ["all"], title or None, f"{identifier}.txt", chunks)
    connection.commit()
    indexing = time.perf_counter() - started
    scores = Scores()
    for identifier, query in collection.queries.items():
        started = time.perf_counter()
        hits = search(connection, query, ["all"], limit=DEPTH)
        seconds = time.perf_counter() - started
        ranked = list(dict.fromkeys(hit.file_id for hit in hits))
        scores.add(ranked, collection.relevance[identifier], seconds)
    return scores, indexing, passages


async def through_the_api(collection: Collection, folder: Path) -> tuple[Scores, float, int]:
    """Return scores, seconds from the first upload until all is searchable, and how many files that were."""
    options = LocalOptions(data_dir=folder / collection.name, api_key="sk_benchmark", creates_per_second=None)
    names = {f"{quote(identifier, safe='')}.txt": identifier for identifier in collection.documents}
    async with (
        open_backend(options) as app,
        CalypsoClient(
            base_url="http://calypso.localhost/v1",
            api_key=options.api_key,
            transport=httpx2.ASGITransport(app),
            storage_transport=httpx2.ASGITransport(app),
            pacer=CreatePacer(1_000),
        ) as client,
    ):
        started = time.perf_counter()
        bucket = Destination(bucket=collection.name, create_missing_buckets=True)
        uploads = [
            Upload(BytesSource(text.encode()), Declaration(name, bucket, title=title or None))
            for name, (title, text) in zip(names, collection.documents.values(), strict=True)
        ]
        outcomes = await client.uploads.upload_all(uploads)
        files = tuple(outcome.file_id for outcome in outcomes if outcome.file_id)
        report = await client.readiness.wait(ReadinessTarget(file_ids=files), timeout_s=3_600)
        indexing = time.perf_counter() - started
        if len(report.ready) != len(names):
            raise SystemExit(f"{collection.name}: {len(report.ready)} of {len(names)} files are searchable.")
        scores = Scores()
        for identifier, query in collection.queries.items():
            request = SearchRequest(query=query, buckets=(collection.name,), max_results=DEPTH)
            started = time.perf_counter()
            answer = await client.search.search(request)
            seconds = time.perf_counter() - started
            ranked = list(dict.fromkeys(names[hit.filename or ""] for hit in answer.results))
            scores.add(ranked, collection.relevance[identifier], seconds)
    return scores, indexing, len(names)


def scale(collection: Collection, sizes: Sequence[int], folder: Path) -> None:
    """Print latencies over indexes of so many passages, made of the collection's words at their frequency."""
    draw = random.Random(7)
    queries = draw.sample(list(collection.queries.values()), min(SCALE_QUERIES, len(collection.queries)))
    print(f"{'passages':>9} {'passages/s':>11} {'disk/text':>9} {'all p50':>8} {'p95':>6}", end="")
    print(f"{'1 bucket p50':>18} {'p95':>6}  (ms; {SCALE_BUCKETS} equal buckets)")
    for size in sizes:
        path = folder / f"{size}.db"
        rate, ratio = build_scaled(collection, size, path)
        connection = open_private(path)
        try:
            everything = _timed(connection, queries, None)
            narrow = _timed(connection, queries, ["bucket_7"])
            print(f"{size:>9,} {rate:>11,.0f} {ratio:>9.2f} {everything} {narrow:>24}", flush=True)
        finally:
            connection.close()


def build_scaled(collection: Collection, size: int, path: Path) -> tuple[float, float]:
    """Index so many passages of the collection's words at their frequency, in `SCALE_BUCKETS` buckets.

    Returns:
        Passages indexed a second, and the size of the index by that of the text.
    """
    draw = random.Random(7)
    words = [word for _, text in collection.documents.values() for word in text.split()]
    connection = open_private(path)
    try:
        connection.executescript(f"PRAGMA journal_mode=WAL;{index.SCHEMA}")
        texts = [" ".join(draw.choices(words, k=SCALE_WORDS)) for _ in range(size)]
        started = time.perf_counter()
        for number, text in enumerate(texts):
            bucket = f"bucket_{number % SCALE_BUCKETS}"
            index.add(connection, f"file_{number}", [bucket], None, "x.txt", split(_one_block(text)))
        connection.commit()
        rate = size / (time.perf_counter() - started)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return rate, path.stat().st_size / sum(len(text.encode()) for text in texts)
    finally:
        connection.close()


def _one_block(text: str) -> Document:
    return read_text(FileContent(text.encode()))


def _timed(connection: sqlite3.Connection, queries: Sequence[str], buckets: list[str] | None) -> str:
    seconds: list[float] = []
    for query in queries:
        started = time.perf_counter()
        search(connection, query, buckets, limit=DEPTH)
        seconds.append(time.perf_counter() - started)
    return f"{statistics.median(seconds) * 1e3:>8.1f} {_p95(seconds) * 1e3:>6.1f}"


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def _report(name: str, scores: Scores, indexing: float, passages: int) -> None:
    print(
        f"{name:<16} {len(scores.ndcg):>7,} {passages:>8,} {statistics.fmean(scores.ndcg):>8.4f}"
        f" {statistics.fmean(scores.reciprocal_ranks):>8.4f} {passages / indexing:>11,.0f}"
        f" {statistics.median(scores.latencies) * 1e3:>8.2f} {_p95(scores.latencies) * 1e3:>7.2f}",
        flush=True,
    )


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--scale", metavar="N,N,...", help="numbers of passages to measure latency at")
    parser.add_argument("--api", action="store_true", help="through the REST API; counts files, not passages")
    arguments = parser.parse_args()
    collections = [Collection.load(folder) for folder in arguments.folders]
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.scale:
            scale(collections[0], [int(size) for size in arguments.scale.split(",")], Path(scratch))
            return
        print(
            f"{'collection':<16} {'queries':>7} {'passages':>8} {'nDCG@10':>8} {'MRR@10':>8}"
            f" {'passages/s':>11} {'p50 ms':>8} {'p95 ms':>7}"
        )
        for collection in collections:
            connection = open_private(Path(scratch) / f"{collection.name}.db")
            try:
                if arguments.api:
                    measured = asyncio.run(through_the_api(collection, Path(scratch)))
                else:
                    connection.executescript(index.SCHEMA)
                    measured = on_the_index(collection, connection)
                _report(collection.name, *measured)
            finally:
                connection.close()


if __name__ == "__main__":
    main()
