"""How often answers that are quoted, not written, hold what was asked for.

    python -m tests.benchmarks.answers [--every N] [--faq] FOLDER...

A FOLDER holds a collection as for `retrieval`, and `spans.jsonl` with the right `answer` to each question
(`_id`) and the number of its article (`doc`); documents are called `ARTICLE_PARAGRAPH`. Told are the shares
of the questions with the answer in a quotation, that are answered at all, and that are answered although
the whole article is out of reach; and of the best hits that hold the answer, the share that shows it.

`--faq` makes a file of questions with bare answers of each article, in three forms. Told are the shares of
the questions whose answer is quoted, and that get a quotation which is a question.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from calypso_mcp.local.indexing.chunking import split
from calypso_mcp.local.indexing.documents import FileContent
from calypso_mcp.local.indexing.formats.data.delimited import read_text
from calypso_mcp.local.indexing.formats.texts.markdown import read_markdown
from calypso_mcp.local.retrieval import extractive, index
from calypso_mcp.local.retrieval.extractive import Question, Source
from calypso_mcp.local.retrieval.naming import Named
from calypso_mcp.local.retrieval.search import are_known, frequencies, search
from calypso_mcp.local.retrieval.sentences import is_question
from calypso_mcp.sqlite.connections import open_private
from tests.benchmarks.retrieval import Collection

#: How a question and its answer are written.
FAQ_FORMS = (
    "## {question}\n\n{answer}",
    "**{question}**\n\n{answer}",
    "Q: {question}\nA: {answer}",
)
#: Every so many questions make it into the files, as many as people write.
FAQ_STEP = 4


def main() -> None:
    """Measure every collection named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="ask every N-th question")
    parser.add_argument("--faq", action="store_true", help="ask files of questions and answers")
    given = parser.parse_args()
    if given.faq:
        print(f"{'collection':12} {'form':15} {'answer quoted':>13} {'question quoted':>15}")
        for folder in given.folders:
            for form in FAQ_FORMS:
                held, questions = measured_faq(folder, form)
                print(f"{folder.name:12} {form.splitlines()[0]:15} {held:13.3f} {questions:15.3f}")
        return
    print(f"{'collection':12} {'in quotes':>9} {'answered':>9} {'unanswerable':>12} {'shown':>9} {'ms':>9}")
    for folder in given.folders:
        held, answered, misled, shown, milliseconds = measured(folder, given.every)
        print(
            f"{folder.name:12} {held:9.3f} {answered:9.3f} {misled:12.3f} {shown:9.3f} {milliseconds:9.1f}",
            flush=True,
        )


def measured(folder: Path, every: int) -> tuple[float, float, float, float, float]:
    """Return the four shares and the median time of an answer in milliseconds."""
    collection = Collection.load(folder)
    connection = open_private(None)
    connection.executescript(index.SCHEMA)
    for name, (title, text) in collection.documents.items():
        chunks = split(read_text(FileContent(text.encode())))
        index.add(connection, name, [_article(name)], title or None, f"{name}.txt", chunks)
    articles = {_article(name) for name in collection.documents}
    held: list[bool] = []
    answered: list[bool] = []
    misled: list[bool] = []
    shown: list[bool] = []
    seconds: list[float] = []
    for line in (folder / "spans.jsonl").read_text(encoding="utf-8").splitlines()[::every]:
        span = json.loads(line)
        question = collection.queries[span["_id"]]
        started = time.perf_counter()
        quoted = answer(connection, question, sorted(articles))
        seconds.append(time.perf_counter() - started)
        expected = " ".join(span["answer"].split())
        held.append(any(expected in sentence for sentence in quoted))
        answered.append(bool(quoted))
        elsewhere = sorted(articles - {str(span["doc"])})
        misled.append(bool(answer(connection, question, elsewhere)))
        for hit in search(connection, question, sorted(articles), limit=1, with_matches=True):
            if hit.file_id in collection.relevance[span["_id"]] and expected in " ".join(hit.text.split()):
                start, end = hit.match or (0, len(hit.text))
                shown.append(expected in " ".join(hit.text[start:end].split()))
    shares = [statistics.fmean(judged) for judged in (held, answered, misled, shown)]
    return shares[0], shares[1], shares[2], shares[3], 1000 * statistics.median(seconds)


def measured_faq(folder: Path, form: str) -> tuple[float, float]:
    """Return the share of questions whose bare answer is quoted, and that are answered by a question."""
    collection = Collection.load(folder)
    spans = list(map(json.loads, (folder / "spans.jsonl").read_text(encoding="utf-8").splitlines()))[
        ::FAQ_STEP
    ]
    entries: dict[str, list[str]] = {}
    for span in spans:
        entry = form.format(question=collection.queries[span["_id"]], answer=" ".join(span["answer"].split()))
        entries.setdefault(str(span["doc"]), []).append(entry)
    connection = open_private(None)
    connection.executescript(index.SCHEMA)
    for name, asked in entries.items():
        chunks = split(read_markdown(FileContent("\n\n".join(asked).encode())))
        index.add(connection, name, ["faq"], f"FAQ {name}", f"{name}.md", chunks)
    held: list[bool] = []
    questions: list[bool] = []
    for span in spans:
        quoted = answer(connection, collection.queries[span["_id"]], ["faq"])
        expected = " ".join(span["answer"].split())
        held.append(any(expected in sentence for sentence in quoted))
        questions.append(any(is_question(sentence) for sentence in quoted))
    connection.close()
    return statistics.fmean(held), statistics.fmean(questions)


def answer(connection: sqlite3.Connection, text: str, buckets: Sequence[str]) -> list[str]:
    """Return the sentences quoted, from passages in `buckets` only."""
    question, named = Question(text), Named.by(text)
    if not are_known(connection, named.required, buckets):
        return []
    found = search(connection, text, buckets, limit=extractive.PASSAGES)
    phrases = question.phrases()
    weights = question.weights(*frequencies(connection, phrases, buckets))
    sources = [
        Source(
            f"{passage.title}\n{passage.heading or ''}",
            passage.text,
            passage.score,
            sections=passage.sections,
        )
        for passage in found
    ]
    words = dict(zip(phrases, weights, strict=True))
    quotations = extractive.quotations(
        words, sources, question.least_share, of_price=question.asks_price, named=named
    )
    return [quoted.text for quoted in quotations]


def _article(document: str) -> str:
    return document.partition("_")[0]


if __name__ == "__main__":
    main()
