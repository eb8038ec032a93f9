"""How often answers from a few short documents are right, and how often given though there is none.

    python -m tests.benchmarks.small_answers [--verbose] [FOLDER]

FOLDER holds one TOML file for each bucket: `documents` by name, `answerable` questions with a text that a
right answer quotes, and `unanswerable` questions. Prints for each bucket how many of the former are answered
right, and how many of the latter at all.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import httpx2

from calypso_mcp.api.answers import AnswerRequest
from calypso_mcp.assembly.embedded import call
from calypso_mcp.client import CalypsoClient
from calypso_mcp.client.readiness_target import ReadinessTarget
from calypso_mcp.client.transport.sources import BytesSource
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.local.app import open_backend
from calypso_mcp.local.options import LocalOptions
from calypso_mcp.local.store.agents import BASE_MODEL

SMALL_BUCKETS = Path(__file__).with_name("small_buckets")


async def answered(bucket: dict[str, Any], data: Path) -> dict[str, str]:
    """Return the quotations that answer each question of a bucket, those without an answer left out."""
    options = LocalOptions(data_dir=data, api_key="sk_benchmark")
    async with open_backend(options) as app:

        class Transport(httpx2.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
                return await call(app, request)

        async with CalypsoClient(
            base_url="http://calypso.localhost/v1",
            api_key=options.api_key,
            transport=Transport(),
            storage_transport=Transport(),
        ) as client:
            destination = Destination(bucket="small", create_missing_buckets=True)
            outcomes = await client.uploads.upload_all(
                [
                    Upload(BytesSource(text.strip().encode()), Declaration(name, destination))
                    for name, text in bucket["documents"].items()
                ]
            )
            files = tuple(outcome.file_id for outcome in outcomes if outcome.file_id)
            await client.readiness.wait(ReadinessTarget(file_ids=files), timeout_s=60)
            found: dict[str, str] = {}
            for question in (*bucket["answerable"], *bucket["unanswerable"]["questions"]):
                answer = await client.answers.ask(AnswerRequest(model=BASE_MODEL, input=question))
                if answer.kind != "abstained":
                    found[question] = answer.text
            return found


def main() -> None:
    """Print a row for each bucket."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=SMALL_BUCKETS, metavar="FOLDER")
    parser.add_argument("--verbose", action="store_true", help="show each answer that is wrong")
    given = parser.parse_args()
    total_right = total_misled = 0
    for path in sorted(given.folder.glob("*.toml")):
        bucket = tomllib.loads(path.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as data:
            found = asyncio.run(answered(bucket, Path(data)))
        asked: dict[str, str] = bucket["answerable"]
        right = [question for question, answer in asked.items() if answer in found.get(question, "")]
        misled = [question for question in bucket["unanswerable"]["questions"] if question in found]
        print(f"{path.stem:20} right {len(right)} of {len(asked)}, misled {len(misled)}")
        total_right, total_misled = total_right + len(right), total_misled + len(misled)
        if given.verbose:
            wrong = [question for question in asked if question not in right]
            for kind, questions in (("not right", wrong), ("misled", misled)):
                for question in questions:
                    print(f"  {kind}: {question}\n      {found.get(question, '-')[:300]!r}")
    print(f"{'all':20} right {total_right}, misled {total_misled}")


if __name__ == "__main__":
    main()
