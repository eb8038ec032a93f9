from __future__ import annotations

from itertools import islice, permutations
from typing import Any

import pytest

from calypso_mcp.api.files import KnowledgeFile
from calypso_mcp.api.states import state_of_file, state_of_task
from calypso_mcp.domain.states.file_state import FileState, Reason
from calypso_mcp.domain.states.readiness import PollSchedule, Readiness, hinges_on_store, overall

READY, FAILED, WAITING = Readiness.READY, Readiness.FAILED, Readiness.PENDING


@pytest.mark.parametrize(
    ("status", "sync_status", "sync", "store_active", "expected"),
    [
        ("active", "active", None, None, READY),
        ("indexed", "active", None, None, READY),
        ("INDEXED", "Active", None, None, READY),
        ("indexed", None, [{"bucket_id": "b", "status": "active"}], None, READY),
        ("indexed", None, {"b": {"status": "active"}, "c": "active"}, None, READY),
        ("indexed", None, {"status": "active"}, None, READY),
        # The file's own word counts before the bucket's.
        ("indexed", "pending", None, True, WAITING),
        ("indexed", None, [{"status": "active"}, {"status": "pending"}], True, WAITING),
        ("indexed", None, [{"bucket_id": "b"}], True, WAITING),
        # Nothing known about sync: the bucket's store decides.
        ("indexed", None, None, True, READY),
        ("indexed", None, [], True, READY),
        ("indexed", None, None, False, WAITING),
        ("indexed", None, None, None, WAITING),
        # Synced before it is indexed is no reason to believe it.
        ("indexing", "active", None, True, WAITING),
        ("queued", None, None, True, WAITING),
        ("accepted", "active", None, None, WAITING),
        ("pending", None, None, None, WAITING),
        ("unknown", None, None, True, WAITING),
        ("reticulating", "active", None, True, WAITING),
        ("", "active", None, True, WAITING),
        ("indexed", "syncing", None, None, WAITING),
        ("indexed", "reticulating", None, True, WAITING),
        ("ready", "active", None, None, READY),
        ("ready", None, None, True, READY),
        ("ready", "pending", None, True, WAITING),
        ("ready", None, None, None, WAITING),
        ("failed", "active", None, True, FAILED),
        ("deleted", None, None, None, FAILED),
        ("error", None, None, None, FAILED),
        ("indexed", "failed", None, None, FAILED),
        ("indexed", "error", None, None, FAILED),
        ("indexed", None, [{"status": "active"}, {"status": "failed"}], None, FAILED),
    ],
)
def test_a_file_is_ready_only_when_indexed_and_synced(
    status: str, sync_status: str | None, sync: Any, store_active: bool | None, expected: Readiness
) -> None:
    file = KnowledgeFile.model_validate(
        {"id": "f", "status": status, "bucketSyncStatus": sync_status, "bucketSync": sync}
    )
    assert state_of_file(file, store_active=store_active).readiness is expected


@pytest.mark.parametrize(
    ("sync", "expected"),
    [
        (None, ()),
        ({}, ()),
        ([], ()),
        ("Active", ("active",)),
        (7, ()),
        ({"buckets": 3}, ()),
        ({"buckets": [{"id": "a", "state": "active"}, {"id": "b"}]}, ("active", "unknown")),
        ([{"bucketId": "a", "state": "Pending"}], ("pending",)),
        ({"state": "active", "last_error": ""}, ("active",)),
        ([{"status": "Active"}, "pending", 4], ("active", "pending", "unknown")),
        ({"a": {"status": "active"}, "b": {"mood": "active"}}, ("active", "unknown")),
        ({"a": {"status": "active"}, "b": {"state": "active"}}, ("active", "active")),
    ],
)
def test_bucket_sync_is_read_in_every_plausible_shape(sync: Any, expected: tuple[str, ...]) -> None:
    file = KnowledgeFile.model_validate({"id": "f", "status": "indexed", "bucketSync": sync})
    assert tuple(entry.status for entry in file.bucket_sync) == expected
    assert not hinges_on_store("queued", None, expected)
    assert not hinges_on_store("indexed", "pending", expected)
    assert state_of_file(file).hinges_on_store is (expected == ())


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ({"id": "t", "status": "queued"}, "t"),
        ({"task_id": "t"}, "t"),
        ({"taskId": "t"}, "t"),
        ("t", "t"),
        ({"status": "queued"}, None),
        ({}, None),
        ("", None),
        (None, None),
    ],
)
def test_a_file_is_accepted_in_whatever_way_its_task_is_named(task: Any, expected: str | None) -> None:
    assert KnowledgeFile.model_validate({"id": "f", "task": task}).task_id == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [("indexed", WAITING), ("active", WAITING), ("queued", WAITING), ("new", WAITING), ("failed", FAILED)],
)
def test_a_task_without_a_file_is_never_ready(status: str, expected: Readiness) -> None:
    assert state_of_task(status).readiness is expected


def test_things_together_wait_for_the_last_one_and_then_tell_of_failures() -> None:
    for states in permutations([READY, FAILED, WAITING]):
        assert overall(states) is WAITING
    assert overall([READY, FAILED, READY]) is FAILED
    assert overall([READY]) is READY


def test_polling_starts_quickly_and_slows_down_to_its_cap() -> None:
    delays = list(islice(PollSchedule().delays(), 9))

    assert delays[:3] == [0.25, 0.375, 0.5625]
    assert delays == sorted(delays)
    assert delays[-1] == 4.0


@pytest.mark.parametrize(
    ("code", "is_gone"),
    [
        *((code, False) for code in ("empty", "no_text_layer", "encrypted", "broken", "too_large")),
        *((code, True) for code in ("timeout", "indexing_stopped", "content_missing", "indexing_failed")),
    ],
)
def test_a_file_that_cannot_be_read_is_not_sent_again_unless_that_may_pass(code: str, is_gone: bool):
    assert FileState(status="failed", reason=Reason(code, "It failed.")).is_gone is is_gone
