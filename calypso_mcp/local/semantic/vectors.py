"""The stored form of vectors, in half precision (IEEE 754 binary16), and how close two of them are.

Without numpy: fifty vectors of 384 numbers take 2 ms.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from operator import mul

from calypso_mcp.local.semantic.embedder import Vector

_BYTES_PER_NUMBER = 2


def pack(vector: Vector) -> bytes:
    """Return the stored form of a vector of length 1."""
    return struct.pack(f"<{len(vector)}e", *vector)


def measure_closeness(question: Vector, stored: Mapping[int, bytes]) -> dict[int, float]:
    """Return the cosine of each stored vector and the question's, by passage.

    Those of another dimension, and passages stored as impossible to embed, are left out.
    """
    size = len(question)
    return {
        passage: sum(map(mul, question, struct.unpack(f"<{size}e", packed)))
        for passage, packed in stored.items()
        if len(packed) == _BYTES_PER_NUMBER * size
    }
