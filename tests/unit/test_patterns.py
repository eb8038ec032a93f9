"""Every regular expression of the package meets texts made from itself, in time linear in their size.

A pattern is found where it is written, so that a new one is tested from its first day.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

import calypso_mcp
from tests.support.patterns import LOOKING, MATCHING, HostileText, Written, hostile_texts, patterns_of

#: Characters. On a tiny text even cubic time ends, on the shorter small one quadratic time soon.
TINY, SMALL = 250, (1_000, 4_000)
#: Seconds of CPU: what takes less on a small text is not quadratic, what takes more on a tiny one is worse.
QUICK_S = 0.001
#: Linear time grows fourfold from a text to one that is so much larger, quadratic time sixteenfold.
LARGER, SURE_GROWTH, MOST_GROWTH = 4, 6, 8
#: Times of which the least counts, unless one is surely linear.
ROUNDS = 4

WRITTEN = {entry.place: entry for entry in patterns_of(calypso_mcp)}


def seconds(look: Callable[[Any], object], text: str | bytes) -> float:
    started = time.process_time()
    look(text)
    return time.process_time() - started


def slow_text(written: Written) -> str | None:
    """Return the beginning of a text on which a use of the pattern takes more than linear time."""
    is_bytes = isinstance(written.pattern.pattern, bytes)

    def is_slow(look: Callable[[Any], object], text: HostileText) -> bool:
        def once(chars: int) -> float:
            made = text.of(chars)
            return seconds(look, made.encode() if is_bytes else made)

        def is_growing(chars: int) -> bool:
            # By turns: a processor that slows down for a while slows both.
            small = large = math.inf
            for _ in range(ROUNDS):
                small, large = min(small, once(chars)), min(large, once(LARGER * chars))
                if large < SURE_GROWTH * small:
                    return False
            return large > MOST_GROWTH * small

        if once(TINY) > QUICK_S:
            return min(once(TINY) for _ in range(ROUNDS)) > QUICK_S
        return any(once(chars) > QUICK_S and is_growing(chars) for chars in SMALL)

    texts = hostile_texts(written.pattern)
    return next((text.of(30) for text in texts for look in written.uses() if is_slow(look, text)), None)


@pytest.mark.parametrize("place", WRITTEN)
def test_a_pattern_takes_linear_time_on_what_it_nearly_matches(place: str):
    assert slow_text(WRITTEN[place]) is None


@pytest.mark.parametrize(
    ("pattern", "function"),
    [
        (r"[ \t]*\|?[ \t]*:?-+:?$", "match"),
        (rb"charset\s*=\s*[\"']?\s*([a-z]{2,40})", "search"),
        (r" *\n *", "sub"),
        (r"[^\W\d_]{3,}[\w .]*", "fullmatch"),
        (r'<a\s(?:[^<>]*?\s)?b="([^"<>]*)"[^<>]*>', "finditer"),
    ],
)
def test_a_pattern_of_quadratic_time_is_found(pattern: str | bytes, function: str):
    assert slow_text(Written("here", re.compile(pattern), frozenset({function})))


def test_patterns_are_found_wherever_they_are_written():
    for place in (
        "calypso_mcp.local.indexing.formats.texts.markdown._TABLE_RULE",  # a name of the module
        "calypso_mcp.server.files.secret_scan._CLASSES",  # a dictionary
    ):
        assert place in WRITTEN
    for module in ("indexing.formats.html.blocks", "indexing.chunking"):  # inside a function
        assert any(place.startswith(f"calypso_mcp.local.{module}:") for place in WRITTEN)
    assert all(entry.functions <= LOOKING | MATCHING for entry in WRITTEN.values())
