"""The benchmark of retrieval takes collections as they are published: some documents have a title only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.retrieval import Collection, through_the_api


@pytest.mark.parametrize("body", [{"text": ""}, {"text": None}, {}], ids=["empty", "null", "none"])
async def test_documents_without_a_body_are_found_by_their_title(
    tmp_path: Path, body: dict[str, str | None]
) -> None:
    folder = tmp_path / "titles"
    folder.mkdir()
    documents = [
        {"_id": "d1", "title": "Zebra stripes", **body},
        {"_id": "d2", "title": "Lions", "text": "They sleep by day."},
    ]
    queries = [{"_id": "q1", "text": "zebra"}, {"_id": "q2", "text": "who sleeps by day"}]
    for name, rows in (("corpus", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n", encoding="utf-8")
    scores, _, files = await through_the_api(Collection.load(folder), tmp_path / "data")
    assert (files, scores.ndcg) == (2, [1.0, 1.0])
