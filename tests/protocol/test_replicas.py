"""Servers on several machines, with folders of their own, behind one address and over one API.

What they share is the API, the access file and the sealing secret. A balancer without memory sends every
request to any of them, and leaves out one that does not answer.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from calypso_mcp.client.transport.connections import keep_addresses_out
from calypso_mcp.server.access.access_file import tokens
from tests.support.live_backend import API_KEY, BOUND_S, LocalOptions, options_for, over_socket, serving
from tests.support.team_server import Worker, call

REPLICAS = 3
CALLS, UPLOADS, AGENTS = 100, 20, 5
#: A caller repeats what a balancer answers with a gateway's error, as `curl --retry` does.
_PASSING = {502, 503}


class _Balancer(httpx2.AsyncBaseTransport):
    """Sends a request to any replica; one that does not answer is left out, and the next one tried."""

    def __init__(self, replicas: list[Worker], dice: random.Random) -> None:
        self._replicas = replicas
        self._dice = dice
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        chosen = self._dice.sample(self._replicas, len(self._replicas))
        for replica in chosen:
            origin = httpx2.URL(replica.origin)
            request.url = request.url.copy_with(host=origin.host, port=origin.port)
            request.headers["host"] = f"{origin.host}:{origin.port}"
            try:
                return await self._inner.handle_async_request(request)
            except httpx2.ConnectError:
                continue
            except httpx2.TransportError:
                # It broke in the middle: whether the request was carried out is not known.
                return httpx2.Response(502, request=request)
        return httpx2.Response(503, request=request)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Cluster:
    """The replicas, and the token of their one caller."""

    def __init__(self, replicas: list[Worker], token: str, options: LocalOptions) -> None:
        self.replicas = replicas
        self.options = options
        self._token = token
        self._dice = random.Random(7)

    @asynccontextmanager
    async def http(self, *replicas: Worker, **headers: str) -> AsyncGenerator[httpx2.AsyncClient]:
        """Yield a client of the balancer, or of the replicas named."""
        keep_addresses_out()
        transport = _Balancer(list(replicas) or self.replicas, self._dice)
        async with httpx2.AsyncClient(transport=transport, headers=headers, timeout=BOUND_S) as client:
            yield client

    @asynccontextmanager
    async def client(self, *replicas: Worker) -> AsyncGenerator[Client]:
        """Yield an MCP client of the balancer, or of the replicas named."""
        async with (
            self.http(*replicas, Authorization=f"Bearer {self._token}") as http,
            Client(streamable_http_client("http://balancer.test/mcp", http_client=http)) as client,
        ):
            yield client

    async def restart(self, replica: Worker) -> None:
        """Kill a replica and start it again on its port."""
        await anyio.to_thread.run_sync(replica.kill)
        self.replicas[self.replicas.index(replica)] = await anyio.to_thread.run_sync(replica.again)


@contextmanager
def cluster_of(folder: Path, options: LocalOptions) -> Generator[Cluster]:
    token = tokens.new_token("one")
    access_file = folder / "access.toml"
    access_file.write_text(
        f'[agents."one"]\ntoken_hash = "{tokens.hash_token(token)}"\nall_buckets = true\n', encoding="utf-8"
    )
    with serving(options) as origin:
        environment = {
            "CALYPSO_ACCESS_FILE": str(access_file),
            "CALYPSO_API_KEY": API_KEY,
            "CALYPSO_API_BASE_URL": f"{origin}/v1",
            "CALYPSO_SEALING_SECRET": secrets.token_hex(32),
        }
        replicas: list[Worker] = []
        try:
            folders = [folder / f"machine-{number}" for number in range(REPLICAS)]
            replicas.extend(Worker({**environment, "CALYPSO_DATA_DIR": str(data)}) for data in folders)
            yield Cluster(replicas, token, options)
        finally:
            for replica in replicas:
                replica.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with cluster_of(folder, options_for(folder / "api")) as running:
        anyio.run(make_bucket, running)
        yield running


async def make_bucket(cluster: Cluster) -> None:
    """Make the bucket that everything goes to, with one searchable answer."""
    async with cluster.client() as client:
        await call(client, "create_bucket", name="docs")
        await call(client, "add_qa", question="How long is notice?", answer="It is six weeks.", bucket="docs")
        assert (await call(client, "wait_for_bucket_sync", bucket="docs"))["readiness"] == "ready"


async def issued(client: Client, filename: str, **arguments: Any) -> tuple[str, str]:
    """Return the upload id and the path of its address."""
    address = await call(client, "upload_file", filename=filename, **arguments)
    url = re.search(r"http://[^\s']+", address["next_step"])
    assert url is not None
    return address["file_id"], urlsplit(url[0]).path


async def sent(http: httpx2.AsyncClient, path: str, content: bytes) -> httpx2.Response:
    """PUT until the answer is none of a balancer whose server has just died; the test's limit bounds it."""
    while True:
        answer = await http.put(f"http://balancer.test{path}", content=content)
        if answer.status_code not in _PASSING:
            return answer
        await anyio.sleep(0.2)


async def test_an_address_works_on_any_machine_once(cluster: Cluster) -> None:
    first, second, third = cluster.replicas
    async with cluster.client(first) as client:
        upload_id, path = await issued(client, "leave.md", bucket="docs", external_id="hr/leave")
    async with cluster.http(second) as http:
        stored = await sent(http, path, b"Every employee has 27 days of leave.")
        assert stored.status_code == 201, stored.text
    async with cluster.http(third) as http:
        for content in (b"Every employee has 27 days of leave.", b"Every employee has 99 days of leave."):
            again = await sent(http, path, content)
            assert (again.status_code, again.json()["error"]) == (409, "already_used")
    for replica in cluster.replicas:
        async with cluster.client(replica) as client:
            waited = await call(client, "wait_for_bucket_sync", file_ids=[upload_id])
            assert waited["readiness"] == "ready", waited
            listed = await call(client, "list_sources", bucket="docs", query="leave.md")
            assert len(listed["sources"]) == 1


async def test_an_upload_that_has_not_arrived_is_known_on_any_machine(cluster: Cluster) -> None:
    first, second, _ = cluster.replicas
    async with cluster.client(first) as client:
        upload_id, _ = await issued(client, "later.md", bucket="docs")
    async with cluster.client(second) as client:
        waited = await call(client, "wait_for_bucket_sync", file_ids=[upload_id], timeout_s=0)
        assert (waited["readiness"], waited["status"]) == ("pending", "issued")
        made_up = await client.call_tool("wait_for_bucket_sync", {"file_ids": [f"{upload_id[:-4]}AAAA"]})
        assert made_up.is_error


async def test_a_conversation_goes_on_on_any_machine(cluster: Cluster) -> None:
    conversation: dict[str, Any] = {}
    for replica in cluster.replicas:
        async with cluster.client(replica) as client:
            answer = await call(client, "ask_agent", question="How long is notice?", **conversation)
            conversation = {"conversation_id": answer["conversation_id"]}


_Job = tuple[Callable[[int], Awaitable[None]], int]


@dataclass
class _Load:
    """Calls and uploads of several agents at once, and what came of them."""

    cluster: Cluster
    answered: int = 0
    stored: list[str] = field(default_factory=list[str])
    halfway: anyio.Event = field(default_factory=anyio.Event)

    async def ask(self, _number: int) -> None:
        async def once() -> Any:
            async with self.cluster.client() as client:
                return await call(client, "list_buckets")

        found = await _repeated(once)
        assert [bucket["slug"] for bucket in found["buckets"]] == ["docs"]
        self.answered += 1

    async def upload(self, number: int) -> None:
        async def once() -> tuple[str, str]:
            async with self.cluster.client() as client:
                return await issued(client, f"note-{number}.md", bucket="docs")

        _, path = await _repeated(once)
        async with self.cluster.http() as http:
            answer = await sent(http, path, f"The code word of note {number} is w{number}.".encode())
        # 409: the file is there, and only the answer of the machine that was killed is not.
        assert answer.status_code in {201, 409}, answer.text
        self.stored.append(f"note-{number}.md")

    async def work_off(self, jobs: list[_Job]) -> None:
        for position, (job, number) in enumerate(jobs):
            if position == len(jobs) // 2:
                self.halfway.set()
            await job(number)

    async def kill_one(self, dice: random.Random) -> None:
        await self.halfway.wait()
        await self.cluster.restart(dice.choice(self.cluster.replicas))


async def _repeated(work: Callable[[], Awaitable[Any]]) -> Any:
    """Repeat what a killed server has cut off: it is refused clearly, and a caller may try again."""
    problems: list[Exception] = []
    for _ in range(20):
        try:
            return await work()
        except Exception as problem:  # noqa: BLE001 - the client wraps them in groups of several kinds
            problems.append(problem)
            await anyio.sleep(0.2)
    raise ExceptionGroup("never answered", problems)


async def work_off_while_one_is_killed(cluster: Cluster, calls: int, uploads: int, limit_s: float) -> None:
    """Make calls and uploads in any order while one machine is killed and comes back; all of them succeed."""
    dice = random.Random(11)
    load = _Load(cluster)
    jobs: list[_Job] = []
    jobs += [(load.ask, number) for number in range(calls)]
    jobs += [(load.upload, number) for number in range(uploads)]
    dice.shuffle(jobs)
    with anyio.fail_after(limit_s):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(load.kill_one, dice)
            for agent in range(AGENTS):
                tasks.start_soon(load.work_off, jobs[agent::AGENTS])
    assert (load.answered, len(load.stored)) == (calls, uploads)
    async with over_socket(cluster.options) as api:
        listed = (await api.get("/knowledge/sources", bucket="docs", query="note-", limit="1000")).json()
    assert sorted(source["name"] for source in listed["sources"]) == sorted(load.stored)


async def test_with_one_machine_killed_and_back_every_call_is_answered_and_every_file_is_there_once(
    cluster: Cluster,
) -> None:
    await work_off_while_one_is_killed(cluster, CALLS, UPLOADS, limit_s=8 * BOUND_S)
