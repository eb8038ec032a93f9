from __future__ import annotations

from contextlib import closing
from pathlib import Path

from starlette.responses import Response

from calypso_mcp.assembly.local_options import embedding_options
from calypso_mcp.cli.doctor.embeddings import check_embeddings
from calypso_mcp.cli.doctor.findings import Finding
from calypso_mcp.local.options import STORE_FILE
from calypso_mcp.local.semantic.embedder import stored_name
from calypso_mcp.local.store import vectors
from calypso_mcp.settings import settings_from
from calypso_mcp.sqlite.connections import connect
from tests.support.embedding_endpoint import EmbeddingEndpoint, embedding_endpoint
from tests.support.live_backend import in_process, options_for

KEY = "sk-embeddings-0123456789"


async def look(data_dir: Path, **environ: str) -> list[Finding]:
    settings = settings_from({"data_dir": str(data_dir)}, environ)
    return [finding async for finding in check_embeddings(settings)]


def environ(endpoint: EmbeddingEndpoint) -> dict[str, str]:
    return {
        "CALYPSO_EMBEDDINGS_URL": endpoint.url,
        "CALYPSO_EMBEDDINGS_MODEL": "test-model",
        "CALYPSO_EMBEDDINGS_KEY": KEY,
    }


async def test_nothing_is_said_where_no_model_is_set_up(tmp_path: Path) -> None:
    assert await look(tmp_path) == []


async def test_the_model_its_address_and_the_vectors_that_are_missing_are_named(tmp_path: Path) -> None:
    async with embedding_endpoint() as endpoint:
        set_up = environ(endpoint)
        works, leaves = await look(tmp_path, **set_up)
        assert works.status == "ok"
        assert f"test-model of {endpoint.url} makes vectors of 32 numbers" in works.message
        assert f"to {endpoint.url}" in leaves.message
        assert KEY not in f"{works}{leaves}"

        async with in_process(options_for(tmp_path)) as api:
            file = await api.upload(b"The office closes at noon.")
            await api.settled(file["id"])
        *_, started = await look(tmp_path, **set_up)
        assert "The next server makes the vectors" in started.message

        options = embedding_options(settings_from({}, set_up))
        assert options is not None
        with closing(connect(tmp_path / STORE_FILE)) as connection:
            vectors.adopt(connection, stored_name(options))
            *_, waiting = await look(tmp_path, **set_up)
            assert waiting.message.startswith("1 passage has no vector yet")
            vectors.keep(connection, vectors.list_lacking(connection, 8), [b""])
            *_, complete = await look(tmp_path, **set_up)
            assert complete.message == "Every passage has its vector."


async def test_an_endpoint_that_refuses_is_a_problem_with_a_fix(tmp_path: Path) -> None:
    async with embedding_endpoint() as endpoint:
        endpoint.answer = lambda _texts: Response(KEY, 401)
        refused, _ = await look(tmp_path, **environ(endpoint))
    assert refused.status == "problem"
    assert "does not accept the key (401)" in refused.message
    assert "--embeddings-url and its key" in refused.fix
    assert KEY not in str(refused)


async def test_the_hosted_calypso_uses_no_model(tmp_path: Path) -> None:
    async with embedding_endpoint() as endpoint:
        [said] = await look(tmp_path, CALYPSO_API_KEY="sk_hosted_key", **environ(endpoint))
        assert "does not use" in said.message
        assert endpoint.texts == []
