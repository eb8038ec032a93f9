"""Files, tasks and batches as far as a scope reaches."""

from __future__ import annotations

from typing import Any

import pytest

from calypso_mcp.api.files import BucketSync
from calypso_mcp.domain.callers.access import ScopeLimit
from calypso_mcp.errors import ScopeError
from calypso_mcp.server.scope.request_scope import Access
from calypso_mcp.server.scope.scoped_lookup import is_id, require_batch, require_file, require_task
from tests.support.scripted_calypso import ScriptedCalypso, bucket, file

IDS = ("file_c2622bf2bdd73c988c5ac590", "bucket_01JEV4XK3M8Q2W9RT5YZABCDEF")
NAMES = ("team_handbook", "sales_reports2026", "notes_chapter01", "invoices_20260131", "x", "Q3_report")
IN_A = (ScopeLimit(frozenset({"a"})),)


@pytest.fixture
def api() -> ScriptedCalypso:
    return ScriptedCalypso(
        buckets=[bucket("a", files=("listed",)), bucket("b", files=("other",))],
        files={
            "in_a": file("in_a", "a"),
            "in_b": file("in_b", "b"),
            "both": file("both", "a", "b"),
            "listed": file("listed", bucketSync=None),
            "nowhere": file("nowhere", bucketSync=None),
        },
        tasks={
            "t_a": {"id": "t_a", "status": "indexed", "knowledge_id": "in_a"},
            "t_b": {"id": "t_b", "status": "indexed", "knowledge_id": "in_b"},
            "t_none": {"id": "t_none", "status": "indexed"},
        },
        batches={
            "mixed": {
                "id": "mixed",
                "status": "active",
                "total": 3,
                "active": 2,
                "failed": 1,
                "items": [
                    {"client_file_id": "1", "status": "active", "knowledgeId": "listed"},
                    {"client_file_id": "2", "status": "active", "knowledgeId": "other"},
                    {"client_file_id": "3", "status": "failed"},
                ],
            },
            "b_only": {
                "id": "b_only",
                "status": "active",
                "items": [{"client_file_id": "9", "status": "active", "knowledgeId": "other"}],
            },
        },
    )


@pytest.mark.parametrize("file_id", ["in_a", "both", "listed"])
async def test_a_file_that_a_bucket_in_scope_holds_is_found(api: ScriptedCalypso, file_id: str):
    async with api.state() as state:
        assert (await require_file(Access(state, asked=IN_A), file_id)).id == file_id


@pytest.mark.parametrize("file_id", ["in_b", "nowhere", "no-such", "..", "", "a/b", "x" * 300])
async def test_any_other_id_gets_one_and_the_same_answer(api: ScriptedCalypso, file_id: str):
    async with api.state() as state:
        with pytest.raises(ScopeError) as caught:
            await require_file(Access(state, asked=IN_A), file_id)
        error = caught.value
        assert error.message == f"There is no file {file_id[:80]!r} here."
        assert (error.code, error.request_id, error.ids) == ("file_not_found", None, {})


async def test_a_file_of_several_buckets_shows_only_those_in_scope(api: ScriptedCalypso):
    async with api.state() as state:
        found = await require_file(Access(state, asked=IN_A), "both")
        assert found.bucket_sync == (BucketSync(bucket_id="bucket_a", status="active"),)
        assert found.bucket_sync_status is None
        assert "bucket_b" not in repr(found)
        assert (await require_file(Access(state), "both")).bucket_sync_status == "active"


@pytest.mark.parametrize(
    "shape",
    [
        {"bucket_a": "active", "bucket_b": "pending"},
        {"bucket_a": {"status": "active"}, "bucket_b": {"status": "pending"}},
        [{"bucketId": "bucket_a", "status": "active"}, {"bucketId": "bucket_b", "status": "pending"}],
    ],
)
async def test_every_known_shape_of_bucket_sync_is_read(api: ScriptedCalypso, shape: Any):
    api.files["both"]["bucketSync"] = shape
    async with api.state() as state:
        found = await require_file(Access(state, asked=IN_A), "both")
        assert [entry.status for entry in found.bucket_sync] == ["active"]


async def test_a_task_is_in_scope_when_its_file_is(api: ScriptedCalypso):
    async with api.state() as state:
        limited = Access(state, asked=IN_A)
        task, found = await require_task(limited, "t_a")
        assert (task.id, found and found.id) == ("t_a", "in_a")
        for hidden in ("t_b", "t_none", "no-such"):
            with pytest.raises(ScopeError) as caught:
                await require_task(limited, hidden)
            assert caught.value.message == f"There is no task {hidden!r} here."
        assert (await require_task(Access(state), "t_none"))[1] is None


async def test_a_batch_shows_only_items_in_scope_and_counts_only_those(api: ScriptedCalypso):
    async with api.state() as state:
        batch = await require_batch(Access(state, asked=IN_A), "mixed")
        assert [item.client_file_id for item in batch.items or ()] == ["1"]
        assert (batch.total, batch.failed, batch.status) == (1, 0, "unknown")
        assert len((await require_batch(Access(state), "mixed")).items or ()) == 3


async def test_a_batch_without_an_item_in_scope_is_not_there(api: ScriptedCalypso):
    async with api.state() as state:
        for hidden in ("b_only", "no-such"):
            with pytest.raises(ScopeError) as caught:
                await require_batch(Access(state, asked=IN_A), hidden)
            assert caught.value.message == f"There is no batch {hidden!r} here."


def test_names_with_an_underscore_are_told_from_ids() -> None:
    assert [reference for reference in (*IDS, *NAMES) if is_id(reference)] == list(IDS)
