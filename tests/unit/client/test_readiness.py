from __future__ import annotations

from typing import Any

import anyio
import httpx2
import pytest

from calypso_mcp import errors
from calypso_mcp.client.readiness_target import Reach, ReadinessTarget
from calypso_mcp.domain.states.file_state import StateReport
from calypso_mcp.domain.states.readiness import Readiness
from tests.support.faulty_transport import FakeClock, problem, scripted_client

BUCKETS = "GET /v1/knowledge/buckets"
BATCH = "GET /v1/knowledge/batches/batch_1"


def path(file_id: str) -> str:
    """Return the request for one file."""
    return f"GET /v1/knowledge/files/{file_id}"


def file(file_id: str, status: str, sync: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a knowledge file as the API describes it."""
    return {"id": file_id, "status": status, "bucketSyncStatus": sync, **fields}


def item(number: int, status: str, sync: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a batch item as the API describes it."""
    ids = {"client_file_id": f"c{number}", "knowledgeId": f"f{number}", "taskId": f"t{number}"}
    return {**ids, "status": status, "bucketSyncStatus": sync, **fields}


def replaced_by(successor: str) -> httpx2.Response:
    """Return the answer for a file whose place another has taken."""
    error = {"code": "source_replaced", "message": "Replaced.", "details": {"replaced_by": successor}}
    return httpx2.Response(404, json={"error": error})


def batch(status: str, *items: dict[str, Any]) -> dict[str, Any]:
    """Return a batch as the API describes it."""
    return {"id": "batch_1", "status": status, "items": list(items)}


async def test_files_are_polled_until_each_is_indexed_and_synced() -> None:
    clock = FakeClock()
    client, api = scripted_client(
        {
            path("f1"): [
                file("f1", "queued"),
                file("f1", "indexed", "pending"),
                file("f1", "indexed", "active"),
            ],
            path("f2"): [file("f2", "active", "active")],
        },
        clock=clock,
    )
    async with client:
        report = await client.readiness.wait(ReadinessTarget(file_ids=("f1", "f2")), timeout_s=45)

    assert report.state is Readiness.READY
    assert report.ready == ("f1", "f2")
    assert clock.slept == [0.25, 0.375]
    assert report.elapsed_s == pytest.approx(0.625)
    # What is ready is not asked about again.
    assert api.lines().count(path("f2")) == 1


async def test_the_pauses_grow_to_four_seconds_and_end_with_the_time_allowed() -> None:
    clock = FakeClock()
    client, _ = scripted_client({path("f1"): [file("f1", "indexing")]}, clock=clock)
    async with client:
        report = await client.readiness.wait(ReadinessTarget(file_ids=("f1",)), timeout_s=20)

    assert report.state is Readiness.PENDING
    assert [state.status for state in report.pending] == ["indexing"]
    assert max(clock.slept) == 4.0
    assert sum(clock.slept) == pytest.approx(20)


async def test_with_no_time_allowed_it_looks_once() -> None:
    clock = FakeClock()
    client, api = scripted_client({path("f1"): [file("f1", "queued", task_id="t1")]}, clock=clock)
    async with client:
        report = await client.readiness.wait(ReadinessTarget(file_ids=("f1",)), timeout_s=0)

    assert report.pending[0].task_id == "t1"
    assert len(api.requests) == 1
    assert clock.slept == []


async def test_a_failed_file_does_not_hide_the_ready_ones() -> None:
    error = {"code": "encrypted", "message": "The PDF needs a password."}
    client, _ = scripted_client(
        {
            path("f1"): [file("f1", "failed", error=error)],
            path("f2"): [file("f2", "indexed", "active")],
            path("f3"): [file("f3", "deleted")],
            path("f4"): [problem(404, "file_not_found")],
        }
    )
    async with client:
        report = await client.readiness.wait(ReadinessTarget(file_ids=("f1", "f2", "f3", "f4")), timeout_s=45)

    assert report.state is Readiness.FAILED
    assert report.ready == ("f2",)
    assert [(state.id, state.code, state.message) for state in report.failed] == [
        ("f1", "encrypted", "The PDF needs a password."),
        ("f3", "file_deleted", "The file was deleted."),
        ("f4", "file_not_found", "There is no such file."),
    ]


@pytest.mark.parametrize(
    ("store", "state"),
    [
        ({"status": "active", "pending_member_count": 0}, Readiness.READY),
        ({"status": "active", "pending_member_count": 1}, Readiness.PENDING),
        ({"status": "syncing", "pending_member_count": 0}, Readiness.PENDING),
        (None, Readiness.PENDING),
    ],
)
@pytest.mark.parametrize("bucket_id", ["b1", None])
async def test_a_file_that_says_nothing_about_sync_is_as_ready_as_its_bucket(
    store: dict[str, Any] | None, state: Readiness, bucket_id: str | None
) -> None:
    buckets = [
        {"id": "b0", "slug": "other", "bucketStore": {"status": "active"}},
        {"id": "b1", "slug": "one", "fileIds": ["f1"], "bucketStore": store},
    ]
    client, _ = scripted_client({path("f1"): [file("f1", "indexed")], BUCKETS: [{"buckets": buckets}]})
    async with client:
        target = ReadinessTarget(file_ids=("f1",), bucket_id=bucket_id)
        report = await client.readiness.wait(target, timeout_s=1)

    assert report.state is state


async def test_a_file_that_no_bucket_claims_keeps_waiting() -> None:
    client, _ = scripted_client({path("f1"): [file("f1", "indexed")], BUCKETS: [{"buckets": []}]})
    async with client:
        report = await client.readiness.wait(ReadinessTarget(file_ids=("f1",)), timeout_s=1)

    assert report.state is Readiness.PENDING


async def test_a_partially_active_batch_keeps_waiting_for_its_last_item() -> None:
    moving = batch(
        "partially_active",
        item(1, "active", "active"),
        item(2, "indexing"),
        item(3, "failed", error="broken"),
    )
    done = batch(
        "partially_failed",
        item(1, "active", "active"),
        item(2, "indexed", "active"),
        item(3, "failed", error="broken"),
    )
    client, api = scripted_client({BATCH: [moving, moving, done]})
    seen: list[StateReport] = []
    async with client:
        report = await client.readiness.wait(
            ReadinessTarget(batch_id="batch_1"), timeout_s=45, on_progress=seen.append
        )

    assert len(api.requests) == 3
    assert (report.state, report.ready, report.total) == (Readiness.FAILED, ("f1", "f2"), 3)
    assert [(state.file_id, state.client_file_id, state.message) for state in report.failed] == [
        ("f3", "c3", "broken")
    ]
    assert report.batch_status == "partially_failed"
    # Told when something changed, not at every look.
    assert [call.state for call in seen] == [Readiness.PENDING, Readiness.FAILED]


async def test_of_a_batch_only_what_may_be_seen_counts() -> None:
    answers = [
        batch("failed", item(1, "active", "active"), item(2, "indexing"), item(3, "failed")),
        {"id": "batch_1", "status": "failed"},
        batch("failed", item(1, "active", "active"), item(2, "active", "active"), item(3, "failed")),
    ]
    client, _ = scripted_client({BATCH: answers})
    async with client:
        seen = Reach(frozenset(), frozenset({"f1", "f2"}))
        target = ReadinessTarget(batch_id="batch_1", view=seen)
        report = await client.readiness.wait(target, timeout_s=45)
    assert (report.state, len(report.ready), report.failed) == (Readiness.READY, 2, ())
    assert report.batch_status is None


async def test_a_file_that_may_not_be_seen_is_not_there_and_another_shows_what_may_be() -> None:
    syncs = [{"bucket_id": "b1", "status": "active"}, {"bucket_id": "b2", "status": "pending"}]
    client, _ = scripted_client(
        {
            path("f1"): [file("f1", "active", "pending", bucketSync=syncs)],
            path("f2"): [file("f2", "active", "active")],
        }
    )
    async with client:
        target = ReadinessTarget(file_ids=("f1", "f2"), view=Reach(frozenset({"b1"}), frozenset()))
        report = await client.readiness.wait(target, timeout_s=0)
    assert report.ready == ("f1",)
    assert [(state.id, state.status) for state in report.failed] == [("f2", "not_found")]


async def test_an_active_batch_still_waits_for_the_sync_of_its_items() -> None:
    client, _ = scripted_client({BATCH: [batch("active", item(1, "active", "pending"))]})
    async with client:
        report = await client.readiness.wait(ReadinessTarget(batch_id="batch_1"), timeout_s=1)

    assert report.state is Readiness.PENDING
    assert report.pending[0].bucket_sync_status == "pending"


async def test_items_are_read_from_either_spelling_and_from_the_file_inside() -> None:
    inside = {"clientFileId": "c1", "file": file("f1", "indexed", "active"), "canonicalStatus": "indexed"}
    client, _ = scripted_client({BATCH: [batch("active", inside)]})
    async with client:
        report = await client.readiness.wait(ReadinessTarget(batch_id="batch_1"), timeout_s=0)

    assert report.ready == ("f1",)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("active", Readiness.READY),
        ("failed", Readiness.FAILED),
        ("partially_active", Readiness.PENDING),
        ("partially_failed", Readiness.PENDING),
        ("accepted", Readiness.PENDING),
        ("brand_new", Readiness.PENDING),
    ],
)
async def test_a_batch_that_lists_no_items_is_taken_at_its_word(status: str, state: Readiness) -> None:
    client, _ = scripted_client({BATCH: [{"id": "batch_1", "status": status}]})
    async with client:
        report = await client.readiness.wait(ReadinessTarget(batch_id="batch_1"), timeout_s=0)

    assert report.state is state


async def test_a_bucket_is_ready_when_nothing_is_pending_any_more() -> None:
    def listing(status: str, indexed: int, pending: int) -> dict[str, Any]:
        store = {"status": status, "indexed_member_count": indexed, "pending_member_count": pending}
        return {"buckets": [{"id": "b1", "slug": "one", "bucketStore": store}]}

    looks = [("active", 10, 2), ("active", 11, 1), ("active", 11, 1), ("syncing", 12, 0), ("active", 12, 0)]
    client, _ = scripted_client({BUCKETS: [listing(*look) for look in looks]})
    seen: list[StateReport] = []
    async with client:
        target = ReadinessTarget(bucket_id="b1")
        report = await client.readiness.wait(target, timeout_s=45, on_progress=seen.append)

    assert (report.state, report.ready) == (Readiness.READY, ("b1",))
    assert (report.indexed_members, report.pending_members) == (12, 0)
    assert [call.indexed_members for call in seen] == [10, 11, 12, 12]


async def test_an_empty_bucket_has_nothing_to_wait_for() -> None:
    client, _ = scripted_client({BUCKETS: [{"buckets": [{"id": "b1", "slug": "one"}]}]})
    async with client:
        report = await client.readiness.wait(ReadinessTarget(bucket_id="b1"), timeout_s=45)

    assert report.state is Readiness.READY


async def test_an_unknown_bucket_is_an_error() -> None:
    client, _ = scripted_client({BUCKETS: [{"buckets": []}]})
    async with client:
        with pytest.raises(errors.ScopeError):
            await client.readiness.wait(ReadinessTarget(bucket_id="b1"), timeout_s=45)


@pytest.mark.parametrize("trouble", [problem(503), httpx2.ConnectError("x"), problem(429)])
async def test_trouble_that_may_pass_is_waited_out(trouble: Any) -> None:
    client, _ = scripted_client({path("f1"): [*[trouble] * 12, file("f1", "active", "active")]})
    async with client:
        report = await client.readiness.wait(ReadinessTarget(file_ids=("f1",)), timeout_s=300)

    assert report.state is Readiness.READY
    assert report.trouble is None


async def test_trouble_that_lasts_is_told_with_the_last_known_state() -> None:
    client, _ = scripted_client({path("f1"): [file("f1", "indexing"), problem(503)]})
    async with client:
        report = await client.readiness.wait(ReadinessTarget(file_ids=("f1",)), timeout_s=30)

    assert report.state is Readiness.PENDING
    assert report.pending[0].status == "indexing"
    assert report.trouble == "Scripted 503."


async def test_a_wrong_key_ends_the_wait_at_once() -> None:
    client, api = scripted_client({path("f1"): [problem(401)], path("f2"): [problem(401)]})
    async with client:
        with pytest.raises(errors.AuthenticationFailed):
            await client.readiness.wait(ReadinessTarget(file_ids=("f1", "f2")), timeout_s=45)

    assert len(api.requests) == 2


async def test_an_unknown_batch_is_an_error() -> None:
    client, _ = scripted_client({BATCH: [problem(404, "batch_not_found")]})
    async with client:
        with pytest.raises(errors.NotFound):
            await client.readiness.wait(ReadinessTarget(batch_id="batch_1"), timeout_s=45)


async def test_waiting_can_be_cancelled() -> None:
    client, _ = scripted_client({path("f1"): [file("f1", "queued")]})
    looked = anyio.Event()
    async with client:
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:

                async def wait() -> None:
                    target = ReadinessTarget(file_ids=("f1",))
                    await client.readiness.wait(target, timeout_s=1e9, on_progress=lambda _: looked.set())

                group.start_soon(wait)
                await looked.wait()
                group.cancel_scope.cancel()


async def test_files_of_a_batch_are_asked_about_together_and_singly_where_it_does_not_tell_of_them() -> None:
    client, api = scripted_client(
        {
            BATCH: [batch("partially_active", item(1, "active", "active"), item(9, "pending"))],
            path("f2"): [file("f2", "active", "active")],
        }
    )
    async with client:
        target = ReadinessTarget(file_ids=("f1", "f2"), batch_id="batch_1")
        report = await client.readiness.wait(target, timeout_s=45)

    assert (report.state, report.ready) == (Readiness.READY, ("f1", "f2"))
    assert api.lines() == [BATCH, path("f2")]


async def test_a_batch_that_cannot_be_asked_now_does_not_cost_a_question_for_each_file() -> None:
    clock = FakeClock()
    busy = problem(503, "busy")
    client, api = scripted_client(
        {BATCH: [busy] * 5 + [batch("active", item(1, "active", "active"))]}, clock=clock
    )
    async with client:
        target = ReadinessTarget(file_ids=("f1",), batch_id="batch_1")
        report = await client.readiness.wait(target, timeout_s=45)

    assert report.state is Readiness.READY
    assert set(api.lines()) == {BATCH}


async def test_an_unknown_batch_does_not_hide_the_files_that_came_with_it() -> None:
    client, _ = scripted_client(
        {BATCH: [problem(404, "batch_not_found")], path("f1"): [file("f1", "active", "active")]}
    )
    async with client:
        target = ReadinessTarget(file_ids=("f1",), batch_id="batch_1")
        assert (await client.readiness.wait(target, timeout_s=45)).state is Readiness.READY


async def test_a_batch_that_lists_fewer_items_than_it_accepted_is_not_ready_before_it_says_so() -> None:
    listed = batch("partially_active", item(1, "active", "active")) | {"accepted": 2}
    client, _ = scripted_client({BATCH: [listed, listed | {"status": "active"}]}, clock=FakeClock())
    async with client:
        first = await client.readiness.wait(ReadinessTarget(batch_id="batch_1"), timeout_s=0)
        then = await client.readiness.wait(ReadinessTarget(batch_id="batch_1"), timeout_s=0)

    assert (first.state, then.state) == (Readiness.PENDING, Readiness.READY)


async def test_a_file_is_followed_through_all_that_took_its_place_meanwhile() -> None:
    """Its successor may be replaced between the two requests; a circle ends the search."""
    client, _ = scripted_client(
        {
            path("f1"): [replaced_by("f2")],
            path("f2"): [replaced_by("f3")],
            path("f3"): [file("f3", "indexed", "active")],
            path("f4"): [replaced_by("f5")],
            path("f5"): [replaced_by("f4")],
        }
    )
    async with client:
        report = await client.readiness.wait(ReadinessTarget(file_ids=("f1", "f4")), timeout_s=0)

    assert report.ready == ("f1",)
    assert [state.id for state in report.failed] == ["f4"]
