"""The interface of embedding models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

Vector = Sequence[float]


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
        EmbeddingFailed: They have no direction: all are zero, or one is not a finite number.
    """
    length = math.hypot(*values)
    if not 0 < length < math.inf:
        raise EmbeddingFailed("The model made a vector without direction.")
    return [value / length for value in values]


def normalize_batch(made: Sequence[Sequence[float]], texts: Sequence[str]) -> list[Vector]:
    """Return the vectors that a model made of `texts`, each scaled to length 1.

    Raises:
        EmbeddingFailed: There is not one vector for each text, their dimensions differ, or one has no
            direction.
    """
    if len(made) != len(texts):
        raise EmbeddingFailed(f"The model made {len(made)} vectors for {len(texts)} texts.")
    if len({len(values) for values in made}) > 1:
        raise EmbeddingFailed("The model made vectors of different dimensions.")
    return [normalize(values) for values in made]
