"""`calypso-mcp demo`: the main job with a real MCP client, from files to cited passages."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any, cast

import anyio

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.mcp_session import Session, open_child_session, settings_flags
from calypso_mcp.cli.calls.uploading import Sources, upload, wait_until_searchable
from calypso_mcp.cli.printing.hits import is_cited, print_hits
from calypso_mcp.cli.printing.outcomes import has_arrived, outcomes_of, print_outcomes, print_readiness
from calypso_mcp.cli.printing.progress import phase
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.indexing.documents import Block, Document, ExtractionFailed
from calypso_mcp.local.indexing.extraction import Extractor

SAMPLES = Path(__file__).parents[2] / "samples"
#: What the samples answer, one question for each of them.
SAMPLE_QUESTIONS = (
    "How many years is the warranty on the driver and the wiring?",
    "How long can a customer return a lamp?",
    "What does a steady red light mean?",
    "What should I do when a customer mentions smoke?",
)
BUCKET = "demo"
_PASSAGES = 3
#: Questions asked if the person gives none.
QUESTIONS = 3
#: Words in a question made from running text.
_WORDS = 10
#: Shortest running text worth asking about, in characters; shorter blocks are captions and page numbers.
_TELLING_CHARS = 40
#: Share of letters and spaces in running text.
_LETTERS = 0.85
#: Left out at both ends of a question.
_MARKS = " ,.;:-*_#>\"'()"
#: Seconds that finding one question may take.
_LIMIT_S = 10.0


def add_arguments(parser: CommandParser) -> None:
    """Take the files and the questions."""
    parser.description = (
        "Try the server once with a real MCP client: upload files, wait until they are searchable, "
        "search, and print cited passages. By default, it uses the embedded Calypso in a temporary "
        "folder."
    )
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", type=Path, help="files or folders (default: samples)"
    )
    parser.add_argument(
        "--query",
        action="append",
        default=[],
        metavar="TEXT",
        help="question to ask; repeat the flag for several",
    )
    parser.add_time_limit(300)
    parser.add_settings({"observing"}, names={"backend", "api_key_file", "api_base_url", "data_dir"})


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Run the demo; return 0 only if cited passages were found."""
    with ExitStack() as stack:
        chosen: dict[str, object] = {"backend": "embedded", **flags}
        if "data_dir" not in flags:
            chosen["data_dir"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="calypso-demo-"))
        load_settings_and_log(chosen)
        sources = Sources.of(arguments.paths or [SAMPLES])
        asked = arguments.query or (() if arguments.paths else SAMPLE_QUESTIONS)
        server_flags = settings_flags({**chosen, "allow_paths": [str(path) for path in sources.allowed]})
        return anyio.run(_within_time, sources, asked, server_flags, arguments.time_limit)


async def _within_time(
    sources: Sources, asked: Sequence[str], server_flags: Sequence[str], limit_s: float
) -> int:
    started = time.monotonic()
    try:
        with anyio.fail_after(limit_s):
            async with open_child_session(server_flags) as session:
                found = await _main_job(session, sources, asked, limit_s)
    except TimeoutError:
        print(f"Stopped after {limit_s:g} s. Try fewer files, or a longer --time-limit.", file=sys.stderr)
        return 1
    passages = "1 cited passage" if found == 1 else f"{found} cited passages"
    print(f"\n{passages} in {time.monotonic() - started:.1f} s, by an MCP client over stdio.")
    return 0 if found else 1


async def _main_job(session: Session, sources: Sources, asked: Sequence[str], limit_s: float) -> int:
    """Upload, wait, search; returns the number of cited passages."""
    await session.call("create_bucket", {"name": "Demo", "slug": BUCKET})
    with phase("Uploading") as report:
        results = await upload(session, sources, {"bucket": BUCKET}, report)
    print_outcomes(results)
    if not has_arrived(results):
        return 0
    with phase("Indexing") as report:
        waited = await wait_until_searchable(session, {"bucket": BUCKET}, limit_s, report)
    print_readiness(waited)
    found = 0
    for question in asked or await questions_about(sources.paths_of(outcomes_of(results))):
        result = await session.call(
            "search_bucket", {"query": question, "bucket": BUCKET, "max_results": _PASSAGES}
        )
        hits = cast("list[dict[str, Any]]", result.get("hits", []))
        print_hits(question, hits)
        found += sum(is_cited(hit) for hit in hits)
    return found


async def questions_about(paths: Sequence[Path]) -> list[str]:
    """Return up to `QUESTIONS` questions that the files at `paths` answer, of as many formats as possible."""
    questions: list[str] = []
    async with Extractor() as extractor:
        for path in _alternate_formats(paths):
            question = await _find_question(extractor, path)
            if question and question not in questions:
                questions.append(question)
            if len(questions) == QUESTIONS:
                break
    return questions


def _alternate_formats(paths: Sequence[Path]) -> list[Path]:
    """Order paths so that formats alternate: the first of each, then the second of each, and so on."""
    by_format = [list(group) for _, group in groupby(sorted(paths, key=_format), key=_format)]
    return [path for rank in zip_longest(*by_format) for path in rank if path is not None]


def _format(path: Path) -> str:
    return path.suffix.lower()


async def _find_question(extractor: Extractor, path: Path) -> str:
    try:
        with anyio.fail_after(_LIMIT_S):
            document = await extractor.extract(path, Declaration(path.name))
    except (ExtractionFailed, OSError, TimeoutError):
        return ""
    return question_from(document)


def question_from(document: Document) -> str:
    """Return words that stand together in the document, or its title if it has no running text.

    From the middle, because the first lines of many documents are alike.
    """
    telling = [block for block in document.blocks if _is_telling(block)]
    if telling:
        words = telling[len(telling) // 2].text.split()
        return " ".join(words[:_WORDS]).strip(_MARKS)
    return document.title or ""


def _is_telling(block: Block) -> bool:
    """Whether a block is running text rather than a heading, a table, code or a page number."""
    letters = sum(character.isalpha() or character.isspace() for character in block.text)
    return (
        block.heading_level is None
        and len(block.text) >= _TELLING_CHARS
        and letters >= _LETTERS * len(block.text)
        and not block.text.startswith(("|", "```"))
    )
