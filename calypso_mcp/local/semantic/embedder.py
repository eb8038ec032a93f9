"""The interface of embedding models, and the prefixes that their publishers want before a text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from calypso_mcp.local.options import EmbeddingOptions

Vector = Sequence[float]
_RETRIEVE = "Represent this sentence for searching relevant passages: "
_INSTRUCT = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "


class EmbeddingFailed(Exception):
    """No vectors were made. The message names no text, key or address.

    `retry_after_s` is the wait that the endpoint asks for; `is_inputs_fault`: a text may be the reason.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = True,
        retry_after_s: float | None = None,
        is_inputs_fault: bool = False,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.is_inputs_fault = is_inputs_fault


class Embedder(Protocol):
    """Makes vectors of texts, `batch` at once."""

    batch: int

    async def embed(self, texts: Sequence[str], *, wait_s: float) -> list[Vector]:
        """Return a vector of length 1 for each text, all of the same dimension.

        Raises:
            EmbeddingFailed: The model made none, or none within `wait_s` seconds.
        """
        ...

    async def aclose(self) -> None:
        """Release its connections and memory."""
        ...


def normalize(values: Sequence[float]) -> Vector:
    """Return `values` scaled to length 1.

    Raises:
        EmbeddingFailed: All are zero, or one is not a finite number.
    """
    length = math.hypot(*values)
    if not 0 < length < math.inf:
        raise EmbeddingFailed("The model made a vector of zeros or of numbers too large.")
    return [value / length for value in values]


def normalize_batch(made: Sequence[Sequence[float]], texts: Sequence[str]) -> list[Vector]:
    """Return the vectors that a model made of `texts`, each scaled to length 1.

    Raises:
        EmbeddingFailed: There is not one vector for each text, their dimensions differ, or one cannot be
            scaled.
    """
    if len(made) != len(texts):
        raise EmbeddingFailed(f"The model made {len(made)} vectors for {len(texts)} texts.")
    if len({len(values) for values in made}) > 1:
        raise EmbeddingFailed("The model made vectors of different dimensions.")
    return [normalize(values) for values in made]


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The texts before questions and before passages."""

    question: str = ""
    passage: str = ""


#: Parts of a model's name, and the prefixes of such models; the first that fits counts.
_KNOWN = (
    (("e5", "instruct"), Prefixes(_INSTRUCT)),
    (("e5-",), Prefixes("query: ", "passage: ")),
    (("nomic-embed",), Prefixes("search_query: ", "search_document: ")),
    (("embeddinggemma",), Prefixes("task: search result | query: ", "title: none | text: ")),
    (("qwen3-embedding",), Prefixes(_INSTRUCT)),
    (("arctic-embed", "v2"), Prefixes("query: ")),
    (("arctic-embed2",), Prefixes("query: ")),
    (("arctic-embed",), Prefixes(_RETRIEVE)),
    (("mxbai-embed",), Prefixes(_RETRIEVE)),
    (("bge-", "-en"), Prefixes(_RETRIEVE)),
)


def prefixes_of(options: EmbeddingOptions) -> Prefixes:
    """Return the prefixes that the options name, else those known of the model."""
    name = options.model.lower()
    known = next((known for parts, known in _KNOWN if all(part in name for part in parts)), Prefixes())
    return Prefixes(
        known.question if options.query_prefix is None else _separated(options.query_prefix),
        known.passage if options.passage_prefix is None else _separated(options.passage_prefix),
    )


def stored_name(options: EmbeddingOptions) -> str:
    """Return the name of the model in the store: vectors of equal names can be compared."""
    return "\n".join((options.model, options.url or "", prefixes_of(options).passage))


def _separated(prefix: str) -> str:
    """Return a prefix with the space after it, which settings lose."""
    return f"{prefix.rstrip()} " if prefix.strip() else ""
