"""The batch status table of the seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.local.routes.batches import summarize

STATES = ["pending", "queued", "indexing", "indexed", "active", "failed"]


@pytest.mark.parametrize(
    ("items", "status"),
    [
        ([], "failed"),
        (["failed", "failed"], "failed"),
        (["pending"], "accepted"),
        (["queued", "pending"], "accepted"),
        (["indexing", "queued", "pending"], "indexing"),
        (["active"], "active"),
        (["active", "indexed"], "active"),
        (["active", "pending"], "partially_active"),
        (["active", "queued"], "partially_active"),
        (["active", "indexing", "failed"], "partially_active"),
        (["active", "failed"], "partially_failed"),
        (["failed", "queued"], "partially_failed"),
        (["failed", "indexing"], "partially_failed"),
    ],
)
def test_items_add_up_to_the_status_of_the_seed(items: list[str], status: str) -> None:
    assert summarize(Counter(items)) == status


@given(st.lists(st.sampled_from(STATES)))
def test_every_status_holds_by_its_definition(items: list[str]) -> None:
    active = [item for item in items if item in {"active", "indexed"}]
    failed = [item for item in items if item == "failed"]
    definitions = {
        "accepted": len(active) + len(failed) < len(items),
        "indexing": "indexing" in items,
        "active": bool(items) and len(active) == len(items),
        "partially_active": bool(active) and len(active) < len(items),
        "partially_failed": bool(failed) and len(failed) < len(items),
        "failed": len(failed) == len(items),
    }
    assert definitions[summarize(Counter(items))]
