"""A real embedding model in this process: all-MiniLM-L6-v2, where its weights are installed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import anyio
import pytest

from calypso_mcp.cli import main
from calypso_mcp.local.options import EmbeddingOptions
from calypso_mcp.local.semantic.embedder import EmbeddingFailed
from calypso_mcp.local.semantic.local_model import DEFAULT_MODEL, LocalEmbedder, describe
from calypso_mcp.local.store import vectors
from tests.support import minilm
from tests.support.live_backend import BOUND_S, in_process, options_for

needs_weights = pytest.mark.skipif(bool(minilm.missing()), reason=f"not installed: {minilm.missing()}")
needs_extra = pytest.mark.skipif(find_spec("fastembed") is None, reason="the extra is not installed")

QUESTION = "how do I cancel my order"
#: By words the first is best; by meaning the second.
FILES = {
    "stamps.md": "The order of the stamps in the album: an order by year, then the order of size.",
    "returns.md": "Send the goods back within thirty days and the order is refunded.",
}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return minilm.write_minilm(tmp_path_factory.mktemp("minilm"))


@needs_weights
async def test_a_model_in_a_folder_orders_what_words_find_and_finds_what_they_do_not(
    tmp_path: Path, model: Path
) -> None:
    embeddings = EmbeddingOptions(str(model), poll_s=0.05, question_wait_s=BOUND_S, pause_s=0.0)
    async with in_process(options_for(tmp_path, embeddings=embeddings)) as api:
        for name, text in FILES.items():
            file = await api.upload(text.encode(), filename=name)
            await api.settled(file["id"])
        with anyio.fail_after(BOUND_S):
            while True:
                with closing(sqlite3.connect(tmp_path / "calypso.db")) as connection:
                    if not vectors.count_lacking(connection):
                        break
                await anyio.sleep(0.05)

        async def names(question: str) -> list[str]:
            return [result["filename"] for result in await api.searched(question, buckets=["docs"])]

        assert await names(QUESTION) == ["returns.md", "stamps.md"]
        assert await names("Can I get my money back?") == ["returns.md"]
        assert await names("Which planets orbit distant suns?") == []


@needs_weights
async def test_texts_of_one_meaning_are_closer_and_batches_change_nothing(
    tmp_path: Path, model: Path
) -> None:
    embedder = LocalEmbedder(str(model), tmp_path)
    texts = ["How do I cancel my subscription?", "Ending a membership.", "The cat sat on the mat." * 40]
    together = await embedder.embed(texts, wait_s=BOUND_S)
    [alone] = await embedder.embed(texts[:1], wait_s=BOUND_S)
    near, far = (sum(a * b for a, b in zip(alone, other, strict=True)) for other in together[1:])
    assert near > 0.4
    assert far < 0.2
    assert alone == pytest.approx(together[0], abs=1e-4)


async def test_a_model_that_is_not_there_leaves_the_order_of_words_and_says_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    embeddings = EmbeddingOptions(DEFAULT_MODEL, poll_s=0.05, question_wait_s=BOUND_S)
    async with in_process(options_for(tmp_path, embeddings=embeddings)) as api:
        for name, text in FILES.items():
            file = await api.upload(text.encode(), filename=name)
            await api.settled(file["id"])
        found = await api.searched(QUESTION, buckets=["docs"])
        assert [result["filename"] for result in found] == ["stamps.md", "returns.md"]
    assert ("pip install 'calypso-mcp[semantic]'" in caplog.text) or ("model download" in caplog.text)
    assert not (tmp_path / "models").exists() or not any((tmp_path / "models").rglob("*.onnx"))


def _empty(_folder: Path) -> None:
    pass


def _without_tokenizer(folder: Path) -> None:
    (folder / "config.json").write_text('{"hidden_size": 384}')
    (folder / "model.onnx").write_bytes(b"no model")


def _broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


@needs_extra
@pytest.mark.parametrize("spoil", [_empty, _without_tokenizer, _broken_config])
async def test_a_folder_that_holds_no_model_is_named(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path)
    with pytest.raises(EmbeddingFailed, match=r"cannot be loaded. Name a folder with model.onnx"):
        await LocalEmbedder(str(tmp_path), tmp_path / "models").embed(["text"], wait_s=BOUND_S)


@needs_extra
def test_the_default_model_is_known_and_a_wrong_name_gets_a_suggestion() -> None:
    assert describe(DEFAULT_MODEL.upper()).name == DEFAULT_MODEL
    with pytest.raises(EmbeddingFailed, match="Did you mean BAAI/bge-small-en"):
        describe("bge-small-en")


@pytest.mark.skipif(find_spec("fastembed") is not None, reason="the extra is installed")
def test_downloading_without_the_extra_says_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "download"]) == 2
    assert "pip install 'calypso-mcp[semantic]'" in capsys.readouterr().err
