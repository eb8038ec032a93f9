from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import anyio
from starlette.responses import Response

from calypso_mcp.local.store import vectors
from tests.support.embedding_endpoint import EmbeddingEndpoint, embedding_endpoint, right
from tests.support.live_backend import BOUND_S, BackendProcess

PARAGRAPHS = 120


async def test_after_a_kill_vectors_go_on_with_the_batch_that_was_lost(tmp_path: Path) -> None:
    async with embedding_endpoint() as endpoint:
        embeddings = {"model": "m", "url": endpoint.url, "poll_s": 0.05, "pause_s": 0.0}
        reached = anyio.Event()

        async def stop_at_the_second(texts: Sequence[str]) -> Response:
            if len(endpoint.texts) > len(texts):
                reached.set()
                await anyio.sleep_forever()
            return right(texts)

        endpoint.answer = stop_at_the_second
        text = "\n\n".join(f"# Part {number}\n\n{'word ' * 150}" for number in range(PARAGRAPHS))
        with BackendProcess(tmp_path, embeddings=embeddings) as process:
            async with process.client() as api:
                file = await api.upload(text.encode())
                assert (await api.settled(file["id"]))["status"] == "active"
            with anyio.fail_after(BOUND_S):
                await reached.wait()
            process.kill()
        kept, missing = counted(tmp_path)
        assert kept > 0
        assert missing > 0
        await go_on(endpoint, tmp_path, embeddings, missing)
        assert counted(tmp_path) == (kept + missing, 0)


async def go_on(
    endpoint: EmbeddingEndpoint, data_dir: Path, embeddings: Mapping[str, object], missing: int
) -> None:
    """Let another process make what is missing, and nothing twice."""
    endpoint.texts.clear()
    endpoint.answer = right
    with BackendProcess(data_dir, embeddings=embeddings):
        with anyio.fail_after(BOUND_S):
            while counted(data_dir)[1]:
                await anyio.sleep(0.02)
    assert len(endpoint.texts) == len(set(endpoint.texts)) == missing


def counted(data_dir: Path) -> tuple[int, int]:
    """Return how many passages have a vector, and how many have none."""
    with closing(sqlite3.connect(data_dir / "calypso.db")) as connection:
        [kept] = connection.execute("SELECT count(*) FROM passage_vectors").fetchone()
        return kept, vectors.count_lacking(connection)
