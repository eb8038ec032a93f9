"""Long calls as tasks: who may ask about them, from where, and what becomes of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client import Client, ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
)

from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.server.build import build_server
from calypso_mcp.server.tasks.task_records import KEPT_OF_CALLER, KEPT_S, SILENCE_S, TaskRecords
from calypso_mcp.server.tasks.task_runs import TaskPolicy, TaskRuns
from calypso_mcp.server.transport.http import HttpPolicy, create_http_app
from tests.support.mcp_answers import error, facts
from tests.support.scripted_calypso import ScriptedCalypso, agent
from tests.support.served_mcp import serving_mcp
from tests.support.task_client import DeclaresTasks, about, begin, begin_task, until

#: Every call that waits becomes a task at once.
AT_ONCE = TaskPolicy(after_s=0, beat_s=0.01)
ENDED = ("completed", "failed", "cancelled")


class Clock:
    """Seconds since 1970, as the test says."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def connected(
    api: ScriptedCalypso,
    records: TaskRecords | None = None,
    *,
    policy: TaskPolicy = AT_ONCE,
    declares: bool = True,
    **decisions: Any,
) -> AsyncGenerator[Client]:
    """Yield a client of a server of its own, which remembers tasks in `records`."""
    runs = TaskRuns(records or TaskRecords(), policy)
    extensions = [DeclaresTasks()] if declares else []
    with anyio.fail_after(20):
        async with (
            api.state(**decisions) as state,
            Client(build_server(state, tasks=runs), extensions=extensions) as client,
        ):
            yield client


def sync(api: ScriptedCalypso) -> None:
    """Let the bucket that is behind catch up."""
    api.buckets[1]["bucketStore"].update(pending_member_count=0, indexed_member_count=1)


async def refused(client: Client, verb: str, task_id: str, **params: Any) -> tuple[int, str]:
    with pytest.raises(MCPError) as raised:
        await about(client, verb, task_id, **params)
    return raised.value.code, raised.value.message


async def test_a_wait_becomes_a_task_with_its_progress_and_its_result(api: ScriptedCalypso):
    async with connected(api) as client:
        task_id = await begin_task(client, "wait_for_bucket_sync", bucket="pricing")
        working = await until(client, task_id, "working", *ENDED)
        assert working["status"] == "working"
        assert "result" not in working
        while "statusMessage" not in working:
            working = await about(client, "get", task_id)
        assert working["statusMessage"].startswith("indexing")
        assert working["pollIntervalMs"] > 0
        assert working["ttlMs"] == KEPT_S * 1_000
        sync(api)
        ended = await until(client, task_id, *ENDED)
    assert ended["status"] == "completed"
    assert facts(CallToolResult.model_validate(ended["result"]))["readiness"] == "ready"


async def test_a_short_call_is_answered_itself(api: ScriptedCalypso):
    async with connected(api, policy=TaskPolicy()) as client:
        answer = await begin(client, "wait_for_bucket_sync", bucket="handbook")
        assert isinstance(answer, CallToolResult)
        assert isinstance(await begin(client, "list_buckets"), CallToolResult)


async def test_a_tool_that_is_not_here_is_no_task(api: ScriptedCalypso):
    async with connected(api) as client:
        for name in ("list_bucket", "fetch"):
            answer = await begin(client, name)
            assert isinstance(answer, CallToolResult)
            assert error(answer)["code"] == "unknown_tool"


async def test_nothing_changes_for_a_client_that_does_not_declare_tasks(api: ScriptedCalypso):
    async with connected(api) as client:
        with_tasks = await client.list_tools()
    async with connected(api, declares=False) as client:
        assert (await client.list_tools()).tools == with_tasks.tools
        answer = await client.call_tool("wait_for_bucket_sync", {"bucket": "pricing", "timeout_s": 0})
        assert facts(answer)["readiness"] == "pending"
        for verb in ("get", "update", "cancel"):
            assert (await refused(client, verb, "any"))[0] == MISSING_REQUIRED_CLIENT_CAPABILITY


async def test_a_given_time_still_limits_the_wait(api: ScriptedCalypso):
    async with connected(api) as client:
        task_id = await begin_task(client, "wait_for_bucket_sync", bucket="pricing", timeout_s=1)
        ended = await until(client, task_id, *ENDED)
    assert ended["result"]["structuredContent"]["readiness"] == "pending"


async def test_a_cancelled_task_stops_and_says_so(api: ScriptedCalypso):
    async with connected(api) as client:
        task_id = await begin_task(client, "wait_for_bucket_sync", bucket="pricing")
        await about(client, "cancel", task_id)
        ended = await until(client, task_id, *ENDED)
        assert ended["status"] == "cancelled"
        asked = len(api.requests)
        await about(client, "cancel", task_id)
        assert (await about(client, "get", task_id))["status"] == "cancelled"
        assert len(api.requests) == asked


async def test_any_process_of_the_folder_answers_after_a_reconnect(api: ScriptedCalypso, tmp_path: Path):
    """Over real ports: the client that began the task is gone when the others ask and cancel."""
    path = tmp_path / "tasks.sqlite"
    async with api.state() as state:
        apps = [
            create_http_app(build_server(state, tasks=TaskRuns(TaskRecords(path), AT_ONCE)), HttpPolicy())
            for _ in range(2)
        ]
        with anyio.fail_after(20):
            async with serving_mcp(apps[0]) as first, serving_mcp(apps[1]) as second:
                async with over_http(first) as client:
                    waited = await begin_task(client, "wait_for_bucket_sync", bucket="pricing")
                    dropped = await begin_task(client, "wait_for_bucket_sync", bucket="pricing")
                async with over_http(second) as client:
                    assert (await about(client, "get", waited))["status"] == "working"
                    await about(client, "cancel", dropped)
                    assert (await until(client, dropped, *ENDED))["status"] == "cancelled"
                    sync(api)
                    ended = await until(client, waited, *ENDED)
                    assert ended["result"]["structuredContent"]["readiness"] == "ready"


@asynccontextmanager
async def over_http(origin: str, buckets: str = "") -> AsyncGenerator[Client]:
    narrowed = f"?buckets={buckets}" if buckets else ""
    async with (
        httpx2.AsyncClient(timeout=10) as http,
        Client(
            streamable_http_client(f"{origin}/mcp{narrowed}", http_client=http), extensions=[DeclaresTasks()]
        ) as client,
    ):
        yield client


def named(name: str, *slugs: str) -> dict[str, Any]:
    return granted(AccessGrant(name, ScopeLimit(frozenset(slugs)) if slugs else None))


def granted(grant: AccessGrant) -> dict[str, Any]:
    def grant_for(_request: object) -> AccessGrant:
        return grant

    return {"grant_for": grant_for}


@pytest.mark.parametrize(
    "other",
    [
        named("b", "pricing"),
        named("a"),
        named("a", "pricing", "handbook"),
        {**named("a", "pricing"), "pins": (ScopeLimit(frozenset({"pricing"})),)},
    ],
    ids=["another caller", "no limit", "other limits", "other pins"],
)
async def test_a_task_of_another_caller_does_not_exist(
    api: ScriptedCalypso, tmp_path: Path, other: dict[str, Any]
):
    path = tmp_path / "tasks.sqlite"
    async with (
        connected(api, TaskRecords(path), **named("a", "pricing")) as owner,
        connected(api, TaskRecords(path), **other) as stranger,
        connected(api, TaskRecords(path), **named("a", "pricing")) as same,
    ):
        task_id = await begin_task(owner, "wait_for_bucket_sync", bucket="pricing")
        for verb in ("get", "update", "cancel"):
            unknown = await refused(stranger, verb, "x" * len(task_id))
            assert await refused(stranger, verb, task_id) == unknown
            assert unknown[0] == INVALID_PARAMS
        assert (await about(same, "get", task_id))["status"] == "working"


async def test_a_task_ends_when_its_caller_may_do_less(api: ScriptedCalypso):
    grant = AccessGrant("a", ScopeLimit(frozenset({"pricing", "handbook"})))
    current: AccessGrant | None = grant

    async def current_grant(_grant: AccessGrant, _key: str | None) -> AccessGrant | None:
        return current

    operator: dict[str, Any] = {**named("a", "pricing", "handbook"), "current_grant": current_grant}
    async with connected(api, **operator) as client:
        for now in (None, AccessGrant("a", ScopeLimit(frozenset({"handbook"})))):
            current = grant
            task_id = await begin_task(client, "wait_for_bucket_sync", bucket="pricing")
            current = now
            assert (await until(client, task_id, *ENDED))["status"] == "cancelled"


WAITING = AccessGrant("a", ScopeLimit(frozenset({"pricing", "handbook"})))


@pytest.mark.parametrize("declares", [False, True], ids=["no tasks", "beyond its share"])
@pytest.mark.parametrize(
    "now",
    [None, replace(WAITING, limit=ScopeLimit(frozenset({"handbook"}))), replace(WAITING, read_only=True)],
    ids=["withdrawn", "narrowed", "read-only"],
)
async def test_a_wait_within_its_request_ends_when_its_caller_may_do_less(
    api: ScriptedCalypso, declares: bool, now: AccessGrant | None
):
    """It went on for as long as it was asked to, and told of its progress."""
    current: AccessGrant | None = WAITING

    async def current_grant(_grant: AccessGrant, _key: str | None) -> AccessGrant | None:
        return current

    operator: dict[str, Any] = {**granted(WAITING), "current_grant": current_grant}
    policy = replace(AT_ONCE, most_per_caller=0)
    answers: list[CallToolResult] = []
    api.held.add("GET /knowledge/buckets")
    async with connected(api, policy=policy, declares=declares, **operator) as client:

        async def wait() -> None:
            answers.append(
                await client.call_tool("wait_for_bucket_sync", {"bucket": "pricing", "timeout_s": 300})
            )

        async with anyio.create_task_group() as calls:
            calls.start_soon(wait)
            await api.reached.wait()
            current = now
    assert error(answers[0])["code"] == "permission_denied"


async def test_a_task_and_its_result_go_when_its_agent_is_bound_elsewhere(api: ScriptedCalypso):
    """The limit keeps its words, and means other buckets."""
    sync(api)
    api.agents = [agent("desk", "pricing")]
    grant = AccessGrant("a", ScopeLimit(agents=frozenset({"desk"})))
    async with connected(api, **granted(grant)) as client:
        finished = await begin_task(client, "wait_for_bucket_sync", bucket="pricing")
        assert (await until(client, finished, *ENDED))["status"] == "completed"
        api.buckets[1]["bucketStore"].update(pending_member_count=1, indexed_member_count=0)
        running = await begin_task(client, "wait_for_bucket_sync", bucket="pricing")
        api.agents = [agent("desk", "handbook")]
        for task_id in (finished, running):
            with pytest.raises(MCPError, match="unknown"):
                # What is known of agents is remembered for a moment.
                await until(client, task_id, "gone")
        api.agents = [agent("desk", "pricing")]
        while True:
            try:
                assert (await until(client, running, *ENDED))["status"] == "cancelled"
                break
            except MCPError:
                await anyio.sleep(0.01)


async def test_tasks_count_for_their_caller_whatever_its_requests_narrow(
    api: ScriptedCalypso, tmp_path: Path
):
    """Each narrowing is an owner of its own: a caller could have had the tasks of everybody."""
    asked = ["pricing", "pricing,handbook"]
    for grant, most in ((AccessGrant("a"), 1), (AccessGrant("a", concurrent_calls=1), 8)):
        policy = TaskPolicy(after_s=0, beat_s=0.01, most_per_caller=most)
        runs = TaskRuns(TaskRecords(tmp_path / f"{most}.sqlite"), policy)
        async with api.state(**granted(grant)) as state:
            app = create_http_app(build_server(state, tasks=runs), HttpPolicy())
            with anyio.fail_after(20):
                async with serving_mcp(app) as origin:
                    async with over_http(origin, asked[0]) as client:
                        await begin_task(client, "wait_for_bucket_sync", bucket="pricing")
                    async with over_http(origin, asked[1]) as client:
                        answer = await begin(client, "wait_for_bucket_sync", bucket="pricing", timeout_s=1)
                        assert isinstance(answer, CallToolResult)


async def test_results_of_one_caller_do_not_pile_up(tmp_path: Path):
    clock = Clock()
    records = TaskRecords(tmp_path / "tasks.sqlite", clock=clock)
    await records.add("running", "a limited", "a", "")
    await records.add("theirs", "b limited", "b", "")
    await records.settle("theirs", "completed", "", {})
    for number in range(KEPT_OF_CALLER + 3):
        clock.now += 1
        await records.add(str(number), f"a narrowed {number}", "a", "")
        await records.settle(str(number), "completed", "", {"number": number})
    kept = [
        await records.find(str(number), f"a narrowed {number}") is not None
        for number in range(KEPT_OF_CALLER + 3)
    ]
    assert kept == [False] * 2 + [True] * (KEPT_OF_CALLER + 1)
    assert await records.find("running", "a limited") is not None
    assert await records.find("theirs", "b limited") is not None
    records.close()


async def test_a_task_whose_server_ended_says_how_to_go_on(api: ScriptedCalypso, tmp_path: Path):
    path = tmp_path / "tasks.sqlite"
    async with connected(api, TaskRecords(path)) as client:
        task_id = await begin_task(client, "wait_for_bucket_sync", bucket="pricing")
    async with connected(api, TaskRecords(path)) as client:
        ended = await about(client, "get", task_id)
    assert ended["status"] == "failed"
    assert "Make the same call again" in ended["error"]["message"]


@pytest.mark.parametrize("then_s", [1, -3_600])
async def test_a_task_whose_server_was_killed_is_found_out_and_at_last_forgotten(
    api: ScriptedCalypso, tmp_path: Path, then_s: int
):
    clock = Clock()
    silent = TaskPolicy(after_s=0, beat_s=60)
    records = TaskRecords(tmp_path / "tasks.sqlite", clock=clock)
    async with connected(api, records, policy=silent) as client:
        task_id = await begin_task(client, "wait_for_bucket_sync", bucket="pricing")
        clock.now += SILENCE_S
        assert (await about(client, "get", task_id))["status"] == "working"
        clock.now += then_s
        ended = await about(client, "get", task_id)
        assert ended["status"] == "failed"
        assert "Make the same call again" in ended["statusMessage"]
        clock.now += KEPT_S - min(then_s, 0)
        assert (await refused(client, "get", task_id))[0] == INVALID_PARAMS


async def test_beyond_its_share_a_caller_waits_within_the_request(api: ScriptedCalypso):
    async with connected(api, policy=TaskPolicy(after_s=0, beat_s=0.01, most_per_caller=1)) as client:
        await begin_task(client, "wait_for_bucket_sync", bucket="pricing")
        answer = await begin(client, "wait_for_bucket_sync", bucket="pricing", timeout_s=1)
        assert isinstance(answer, CallToolResult)
        assert facts(answer)["readiness"] == "pending"


async def test_a_question_of_a_task_is_answered_through_the_task(api: ScriptedCalypso):
    items = [{"text": f"text {number}", "filename": f"{number}.txt"} for number in range(3)]
    for action in ("decline", "cancel"):
        async with asked_client(api) as client:
            task_id = await begin_task(client, "upload_batch", bucket="handbook", items=items)
            waiting = await until(client, task_id, "input_required", *ENDED)
            (key,) = waiting["inputRequests"]
            assert "3 files" in waiting["inputRequests"][key]["params"]["message"]
            assert (await refused(client, "update", task_id, inputResponses={key: {"action": 7}}))[0] == (
                INVALID_PARAMS
            )
            await about(client, "update", task_id, inputResponses={"nobody-asked": 1})
            assert (await about(client, "get", task_id))["status"] == "input_required"
            await about(client, "update", task_id, inputResponses={key: {"action": action}})
            ended = await until(client, task_id, *ENDED)
            assert error(CallToolResult.model_validate(ended["result"]))["code"] == "not_confirmed"
    assert not api.asked("POST /knowledge/files")


@asynccontextmanager
async def asked_client(api: ScriptedCalypso) -> AsyncGenerator[Client]:
    async def never(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context, params
        raise AssertionError("the question belongs to the task")

    runs = TaskRuns(TaskRecords(), AT_ONCE)
    with anyio.fail_after(20):
        async with (
            api.state(confirm_uploads_over=2) as state,
            Client(
                build_server(state, tasks=runs), extensions=[DeclaresTasks()], elicitation_callback=never
            ) as client,
        ):
            yield client


async def test_a_call_whose_task_cannot_be_remembered_runs_within_its_request(
    api: ScriptedCalypso, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "tasks.sqlite").write_text("no database", encoding="utf-8")
    async with connected(api, TaskRecords(tmp_path / "tasks.sqlite")) as client:
        answer = await begin(client, "wait_for_bucket_sync", bucket="pricing", timeout_s=1)
    assert isinstance(answer, CallToolResult)
    assert facts(answer)["readiness"] == "pending"
    assert "delete it" in caplog.text
