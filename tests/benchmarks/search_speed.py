"""How fast searches are beside SQLite's own ranking, in one run.

    python -m tests.benchmarks.search_speed [--sizes 1000,10000,100000] FOLDER

Indexes of so many passages are made of the words of a collection (see `retrieval`) at their frequency, in 64
equal buckets. Each question is answered in turn by this project and by plain FTS5: the same words, the same
buckets, `ORDER BY bm25() LIMIT 10`, no text read. It prints milliseconds of CPU and the ratios, the median
and the 95th percentile of 80 questions after 30 that are not counted.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from calypso_mcp.local.retrieval.search import search
from calypso_mcp.local.retrieval.statistics import any_of
from calypso_mcp.local.retrieval.words.tokens import query_phrases
from calypso_mcp.sqlite.connections import open_private
from tests.benchmarks.retrieval import DEPTH, Collection, build_scaled

_UNCOUNTED, _COUNTED = 30, 80
_PLAIN = """
SELECT rowid, bm25(passages_fts, 1.0, 2.0, 1.0, 0.0) AS cost
FROM passages_fts WHERE passages_fts MATCH ? ORDER BY cost LIMIT 10
"""


def main() -> None:
    """Print one row for each size and scope."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--sizes", default="1000,10000,100000")
    given = parser.parse_args()
    collection = Collection.load(given.folder)
    questions = random.Random(7).sample(list(collection.queries.values()), _UNCOUNTED + _COUNTED)
    print("| passages | searched | plain FTS5, p50 and p95 ms | here | ratio of p50 | of p95 |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for size in map(int, given.sizes.split(",")):
            path = Path(scratch) / f"{size}.db"
            build_scaled(collection, size, path)
            connection = open_private(path)
            try:
                for searched, buckets in (("everything", None), ("one bucket", ["bucket_7"])):
                    plain, ours = measured(connection, questions, buckets)
                    cells = (
                        f"{size:,}",
                        searched,
                        f"{plain[0]:.1f}, {plain[1]:.1f}",
                        f"{ours[0]:.1f}, {ours[1]:.1f}",
                        f"{ours[0] / plain[0]:.2f}",
                        f"{ours[1] / plain[1]:.2f}",
                    )
                    print(f"| {' | '.join(cells)} |", flush=True)
            finally:
                connection.close()


def measured(
    connection: sqlite3.Connection, questions: Sequence[str], buckets: Sequence[str] | None
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the median and the 95th percentile in milliseconds of CPU, of plain FTS5 and of this project."""
    plain: list[float] = []
    ours: list[float] = []
    for question in questions:
        expression = any_of(query_phrases(question), buckets)
        plain.append(_cpu_ms(partial(_search_plainly, connection, expression)))
        ours.append(_cpu_ms(partial(search, connection, question, buckets, limit=DEPTH)))
    return _summary(plain[_UNCOUNTED:]), _summary(ours[_UNCOUNTED:])


def _search_plainly(connection: sqlite3.Connection, expression: str) -> list[Any]:
    return connection.execute(_PLAIN, (expression,)).fetchall()


def _cpu_ms(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return 1_000 * (time.thread_time() - started)


def _summary(values: Sequence[float]) -> tuple[float, float]:
    return statistics.median(values), sorted(values)[int(len(values) * 0.95)]


if __name__ == "__main__":
    main()
