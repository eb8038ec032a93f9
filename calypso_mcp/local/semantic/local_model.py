"""Vectors from a model on this machine, run by fastembed (extra `semantic`). Nothing is downloaded here."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import anyio
from anyio import to_thread

from calypso_mcp.local.semantic.embedder import EmbeddingFailed, Vector, normalize_batch
from calypso_mcp.regular_files import expand_home

#: Multilingual (about 50 languages), 220 MB, Apache-2.0.
DEFAULT_MODEL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"

#: Questions must not wait behind a batch of passages.
_THREADS = 2
_MODEL_FILES = ("model.onnx", "onnx/model.onnx", "model_optimized.onnx", "model_quantized.onnx")
_NO_EXTRA = "The embedding model needs the extra: pip install 'calypso-mcp[semantic]'."


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What fastembed knows about a model before it is downloaded."""

    name: str
    megabytes: int
    licence: str


def describe(name: str) -> ModelFacts:
    """Return what fastembed knows about a model; the case of its name does not count.

    Raises:
        EmbeddingFailed: The extra is not installed, or the library does not know the model.
    """
    known = {model["model"].lower(): model for model in _fastembed().TextEmbedding.list_supported_models()}
    model = known.get(name.lower())
    if model is None:
        close = get_close_matches(name.lower(), known, n=1, cutoff=0.4)
        guess = f" Did you mean {known[close[0]]['model']}?" if close else ""
        raise EmbeddingFailed(f"fastembed knows no model {name}.{guess}", retryable=False)
    return ModelFacts(model["model"], round(1_000 * model["size_in_GB"]), model["license"])


def download(name: str, folder: Path) -> None:
    """Fetch a model from Hugging Face into `folder`, with the library's own progress bar. Blocks.

    Raises:
        EmbeddingFailed: The extra is not installed, or the model could not be fetched.
    """
    fastembed = _fastembed()
    try:
        fastembed.TextEmbedding(name, cache_dir=str(folder), lazy_load=True)
    except Exception as error:  # the library raises what its own libraries raise
        raise EmbeddingFailed(
            f"{name} could not be downloaded: {str(error).rstrip('.')}. Check the connection to "
            "huggingface.co, or copy a folder with the model here and name that folder."
        ) from error


def _fastembed() -> Any:
    """Return the library, silenced: it would write its log lines to stderr by itself."""
    if find_spec("fastembed") is None:
        raise EmbeddingFailed(_NO_EXTRA, retryable=False)
    importlib.import_module("loguru").logger.disable("fastembed")
    return importlib.import_module("fastembed")


class LocalEmbedder:
    """Runs a model in threads of this process. It is loaded with the first text."""

    #: More at once takes memory (0.9 GB for 32) and no less time.
    batch = 8

    def __init__(self, model: str, models_folder: Path) -> None:
        """Prepare without loading anything.

        `model` is a folder with an ONNX model and its tokenizer, or the name of a model in `models_folder`.
        """
        self._model = model
        self._models_folder = models_folder
        self._loading = Lock()
        self._loaded: Any = None
        self._threads = anyio.CapacityLimiter(_THREADS)

    async def embed(self, texts: Sequence[str], *, wait_s: float) -> list[Vector]:
        """Return the vectors; see `Embedder`."""
        with anyio.move_on_after(wait_s):
            return await to_thread.run_sync(self._run, texts, abandon_on_cancel=True, limiter=self._threads)
        raise EmbeddingFailed(f"The embedding model took longer than {wait_s:g} s.")

    async def aclose(self) -> None:
        """Release the model."""
        self._loaded = None

    def _run(self, texts: Sequence[str]) -> list[Vector]:
        with self._loading:
            loaded = self._loaded = self._loaded or self._load()
        try:
            made = [vector.tolist() for vector in loaded.embed(list(texts), batch_size=self.batch)]
        except Exception as error:  # as in `_load`
            raise EmbeddingFailed(f"The embedding model failed ({type(error).__name__}).") from error
        return normalize_batch(made, texts)

    def _load(self) -> Any:
        fastembed = _fastembed()
        folder = expand_home(Path(self._model))
        try:
            if folder.is_dir():
                _register(fastembed, folder)
                return fastembed.TextEmbedding(str(folder), specific_model_path=str(folder), threads=1)
            return fastembed.TextEmbedding(
                self._model, cache_dir=str(self._models_folder), local_files_only=True, threads=1
            )
        except Exception as error:  # the library raises what its own libraries raise
            raise EmbeddingFailed(
                f"The embedding model {self._model} cannot be loaded. Name a folder with model.onnx and "
                f"tokenizer.json, or download it: calypso-mcp model download {self._model}",
                retryable=False,
            ) from error


def _register(fastembed: Any, folder: Path) -> None:
    """Register the model in a folder with the library, under the folder's path."""
    if any(known["model"] == str(folder) for known in fastembed.TextEmbedding.list_supported_models()):
        return
    description = importlib.import_module("fastembed.common.model_description")
    pooling = folder / "1_Pooling" / "config.json"
    takes_first = pooling.is_file() and json.loads(pooling.read_bytes()).get("pooling_mode_cls_token") is True
    fastembed.TextEmbedding.add_custom_model(
        model=str(folder),
        pooling=description.PoolingType.CLS if takes_first else description.PoolingType.MEAN,
        normalization=True,
        sources=description.ModelSource(url=folder.as_uri()),
        dim=json.loads((folder / "config.json").read_bytes())["hidden_size"],
        model_file=next(name for name in _MODEL_FILES if (folder / name).is_file()),
    )
