"""How close passages are to a question in meaning, by the cosines of their vectors.

Vectors are stored in half precision (IEEE 754 binary16). First the signs of their numbers are compared, as
one integer (2 us for each vector), then the nearest exactly (20 us); numpy would not be faster.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest, nsmallest
from operator import mul
from typing import TypeVar

from calypso_mcp.local.retrieval.search import CLOSE, Closeness
from calypso_mcp.local.semantic.embedder import Vector
from calypso_mcp.local.store import vectors

T = TypeVar("T")

#: Passages found by their meaning alone at most.
_FOUND = 20
#: Copies of one passage do not stand out, and what differs from them by less than that little.
_LEAST_SPREAD = 0.01
#: Vectors compared by their signs at most (0.15 s); of these the nearest, and a sample, exactly.
_COMPARED = 40_000
_NEAREST = 300
_SAMPLE = 100
_BYTES_PER_NUMBER = 2
#: Only the first numbers of long vectors are compared by their signs.
_COMPARED_BYTES = 384 * _BYTES_PER_NUMBER
#: The bits of a number, low byte first, that state its sign.
_SIGN = b"\x00\x80"


def closeness_to(asked: Vector, model: str) -> Closeness:
    """Return what measures how close passages are to a question by vectors that `model` made."""

    def measure(
        connection: sqlite3.Connection, found: Sequence[int], searched: Sequence[int]
    ) -> Mapping[int, float]:
        if vectors.get_model(connection) != model:
            return {}
        nearest, sample = _choose(connection, asked, _thin_out(searched, _COMPARED))
        wanted = dict.fromkeys([*found, *nearest, *sample])
        cosines = measure_cosines(asked, vectors.get_vectors(connection, wanted))
        usual = [cosines[passage] for passage in sample if passage in cosines]
        close = {passage: _stand_out(cosine, usual) for passage, cosine in cosines.items()}
        best = nlargest(_FOUND, close, key=close.__getitem__)
        kept = {*found, *(passage for passage in best if close[passage] >= CLOSE)}
        return {passage: closeness for passage, closeness in close.items() if passage in kept}

    return measure


def pack(vector: Vector) -> bytes:
    """Return the stored form of a vector of length 1."""
    return struct.pack(f"<{len(vector)}e", *vector)


def measure_cosines(question: Vector, stored: Iterable[tuple[int, bytes]]) -> dict[int, float]:
    """Return the cosine of each stored vector and the question's, by passage.

    Those of another dimension are left out.
    """
    size = len(question)
    return {
        passage: sum(map(mul, question, struct.unpack(f"<{size}e", packed)))
        for passage, packed in stored
        if len(packed) == _BYTES_PER_NUMBER * size
    }


def _choose(
    connection: sqlite3.Connection, asked: Vector, compared: Sequence[int]
) -> tuple[list[int], Sequence[int]]:
    """Return the passages whose vectors are the nearest to the question's by their signs, and a sample."""
    beginning = pack(asked)[:_COMPARED_BYTES]
    own, signs = int.from_bytes(beginning), int.from_bytes(_SIGN * (len(beginning) // _BYTES_PER_NUMBER))
    apart = [
        (((int.from_bytes(start) ^ own) & signs).bit_count(), passage)
        for passage, start in vectors.get_vectors(connection, compared, _COMPARED_BYTES)
    ]
    nearest = [passage for _, passage in nsmallest(_NEAREST, apart)]
    return nearest, [passage for _, passage in _thin_out(apart, _SAMPLE)]


def _thin_out(every: Sequence[T], most: int) -> Sequence[T]:
    """Return at most `most` of them, evenly spread."""
    return every[:: max(-(-len(every) // most), 1)]


def _stand_out(cosine: float, usual: Sequence[float]) -> float:
    """Return how much closer a passage is than others: unrelated texts have a cosine of 0, or of 0.7."""
    others = (sum(usual) - cosine) / max(len(usual) - 1, 1)
    return (cosine - others) / max(1 - others, _LEAST_SPREAD)
