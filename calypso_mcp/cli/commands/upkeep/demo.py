"""`calypso-mcp demo`: the main job with a real MCP client, from files to cited passages."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import anyio

from calypso_mcp.cli.arguments import CommandParser
from calypso_mcp.cli.calls.mcp_session import Session, open_child_session, settings_flags
from calypso_mcp.cli.calls.uploading import Sources, upload
from calypso_mcp.cli.printing.hits import is_cited, print_hits
from calypso_mcp.cli.printing.outcomes import has_arrived, print_outcomes
from calypso_mcp.cli.printing.progress import phase
from calypso_mcp.cli.process.logs import load_settings_and_log
from calypso_mcp.errors import ConfigError

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
        help="question to ask, needed with PATH; repeat the flag for several",
    )
    parser.add_time_limit(300)
    parser.add_settings({"observing"}, names={"backend", "api_key_file", "api_base_url", "data_dir"})


def run(arguments: argparse.Namespace, flags: Mapping[str, object]) -> int:
    """Run the demo; return 0 only if cited passages were found.

    Raises:
        ConfigError: It is to use a person's files, but has no question about them.
    """
    if arguments.paths and not arguments.query:
        raise ConfigError("There is no question about these files.", hint="Add --query TEXT.")
    with ExitStack() as stack:
        chosen: dict[str, object] = {"backend": "embedded", **flags}
        if "data_dir" not in flags:
            chosen["data_dir"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="calypso-demo-"))
        load_settings_and_log(chosen)
        sources = Sources.of(arguments.paths or [SAMPLES])
        asked = arguments.query or SAMPLE_QUESTIONS
        server_flags = settings_flags({**chosen, "allow_paths": [str(path) for path in sources.allowed]})
        return anyio.run(_within_time, sources, asked, server_flags, arguments.time_limit)


async def _within_time(
    sources: Sources, asked: Sequence[str], server_flags: Sequence[str], limit_s: float
) -> int:
    started = time.monotonic()
    try:
        with anyio.fail_after(limit_s):
            async with open_child_session(server_flags) as session:
                found = await _main_job(session, sources, asked)
    except TimeoutError:
        print(f"Stopped after {limit_s:g} s. Try fewer files, or a longer --time-limit.", file=sys.stderr)
        return 1
    passages = "1 cited passage" if found == 1 else f"{found} cited passages"
    print(f"\n{passages} in {time.monotonic() - started:.1f} s, by an MCP client over stdio.")
    if found:
        print("Next, add the server to your client:")
        print("  calypso-mcp install CLIENT --allow-path FOLDER")
    return 0 if found else 1


async def _main_job(session: Session, sources: Sources, asked: Sequence[str]) -> int:
    """Upload, wait, search; returns the number of cited passages."""
    await session.call("create_bucket", {"name": "Demo", "slug": BUCKET})
    with phase("Uploading") as report:
        results = await upload(session, sources, {"bucket": BUCKET, "wait": True}, report)
    print_outcomes(results)
    if not has_arrived(results):
        return 0
    found = 0
    for question in asked:
        result = await session.call(
            "search_bucket", {"query": question, "bucket": BUCKET, "max_results": _PASSAGES}
        )
        hits = result.get("hits", ())
        print_hits(question, hits)
        found += sum(is_cited(hit) for hit in hits)
    return found
