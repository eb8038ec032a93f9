"""`upload_all` against an API that behaves as the sheet allows, not as the embedded backend happens to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from calypso_mcp.client import CalypsoClient, ClientPolicies
from calypso_mcp.client.transport.sources import ByteSource, BytesSource
from calypso_mcp.client.uploading.progress import TransferProgress
from calypso_mcp.client.uploading.sent_files import SentFiles
from calypso_mcp.client.uploading.sent_ledger import LedgerFile, SentLedger, account_of
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from tests.support.faulty_transport import API_KEY, BASE_URL, FakeClock, problem

BUCKET = Destination(bucket="support")


def upload(number: int, text: str | None = None, **fields: Any) -> Upload:
    """Return one small file."""
    data = (text or f"Content of file {number}.").encode()
    return Upload(BytesSource(data), declared(f"file-{number}.md", **fields))


def declared(filename: str, destination: Destination = BUCKET, **fields: Any) -> Declaration:
    """Return what is declared about a file."""
    return Declaration(filename, destination, **fields)


@dataclass
class Batches(httpx2.AsyncBaseTransport):
    """The batch API and its storage in memory. Every hook may change an answer before it is sent.

    Attributes:
        states: Status of each knowledge file, by id; changed by tests.
        on_create: Sees each create body and its answer.
        on_finalize: Sees each finalize answer.
        on_put: Sees the client file id of each PUT that carries bytes.
        says_replayed: Whether replays are marked by the header.
    """

    states: dict[str, str] = field(default_factory=dict[str, str])
    on_create: Callable[[dict[str, Any], dict[str, Any]], httpx2.Response | None] = lambda _body, _answer: (
        None
    )
    on_finalize: Callable[[dict[str, Any]], httpx2.Response | None] = lambda _answer: None
    on_put: Callable[[str], httpx2.Response | None] = lambda _name: None
    on_get: Callable[[dict[str, Any]], httpx2.Response | None] = lambda _answer: None
    says_replayed: bool = True
    batches: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    bytes_of: dict[str, bytes] = field(default_factory=dict[str, bytes])
    finalized: dict[str, str] = field(default_factory=dict[str, str])
    seen: list[str] = field(default_factory=list[str])
    under_way: int = 0
    most_under_way: int = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        path = request.url.path
        if request.method == "PUT":
            return await self._put(request)
        body = json.loads(await request.aread() or b"{}")
        if path.endswith("files:batch/upload-session"):
            self.seen.append("create")
            return self._create(body)
        batch_id = path.split("/")[-2] if path.endswith("/finalize") else path.split("/")[-1]
        if path.endswith("/finalize"):
            self.seen.append("finalize")
            answer = self._finalize(batch_id)
            return self.on_finalize(answer) or httpx2.Response(202, json=answer)
        self.seen.append("get")
        items = [
            {"client_file_id": name, "status": self.states.get(self.finalized.get(key, ""), "pending")}
            for name, key in self._addresses(batch_id)
        ]
        answer = {"id": batch_id, "status": "accepted", "items": items}
        return self.on_get(answer) or httpx2.Response(200, json=answer)

    def _create(self, body: dict[str, Any]) -> httpx2.Response:
        key = body["manifest"]["batch_idempotency_key"]
        batch_id = f"batch_{key[-8:]}"
        replayed = batch_id in self.batches
        self.batches[batch_id] = body
        accepted = [
            {
                "client_file_id": name,
                "session_id": f"s-{address}",
                "upload_url": f"https://storage.test/u/{address}",
            }
            for name, address in self._addresses(batch_id)
        ]
        answer: dict[str, Any] = {"batch_id": batch_id, "accepted": accepted, "rejected": []}
        headers = {"Idempotency-Replayed": "true"} if replayed and self.says_replayed else {}
        return self.on_create(body, answer) or httpx2.Response(201, json=answer, headers=headers)

    def _addresses(self, batch_id: str) -> list[tuple[str, str]]:
        files = self.batches[batch_id]["files"]
        return [(file["client_file_id"], f"{batch_id}--{file['client_file_id']}") for file in files]

    async def _put(self, request: httpx2.Request) -> httpx2.Response:
        address = request.url.path.split("/")[-1]
        asks = request.headers["content-range"].startswith("bytes */")
        self.seen.append("ask" if asks else "put")
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await anyio.wait_all_tasks_blocked()
            body = await request.aread()
        finally:
            self.under_way -= 1
        if address in self.bytes_of:
            return httpx2.Response(200)
        if asks:
            return httpx2.Response(308)
        answer = self.on_put(address.split("--")[1])
        if answer is None:
            self.bytes_of[address] = body
        return answer or httpx2.Response(200)

    def _finalize(self, batch_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = {"batch_id": batch_id, "status": "finalized"}
        found: dict[str, list[dict[str, Any]]] = {
            "finalized": [],
            "pending": [],
            "failed": [],
            "replayed": [],
        }
        for name, address in self._addresses(batch_id):
            ids = {"client_file_id": name, "session_id": f"s-{address}"}
            if address not in self.bytes_of:
                found["pending"].append(ids)
                continue
            kind = "replayed" if address in self.finalized else "finalized"
            file_id = self.finalized.setdefault(address, f"file_{len(self.finalized)}")
            self.states.setdefault(file_id, "queued")
            found[kind].append({**ids, "knowledge_id": file_id, "task_id": f"task_of_{file_id}"})
        return answer | found

    def counts(self) -> Counter[str]:
        """Return how many requests of each kind arrived since the last call."""
        seen, self.seen = Counter(self.seen), []
        return seen


async def send(
    api: Batches,
    uploads: Sequence[Upload],
    *,
    sent: SentFiles | None = None,
    clock: FakeClock | None = None,
    parallel: int = 8,
    on_progress: Callable[[TransferProgress], None] | None = None,
) -> list[FileState]:
    """Upload everything with a client of its own, and check what holds for every answer."""
    client = CalypsoClient(
        base_url=BASE_URL,
        api_key=API_KEY,
        transport=api,
        clock=(clock or FakeClock()).clock,
        policies=ClientPolicies(parallel_uploads=parallel),
        dice=lambda: 1.0,
        sent=sent,
    )
    with anyio.fail_after(20):
        async with client:
            outcomes = await client.uploads.upload_all(uploads, on_progress=on_progress)
    assert [outcome.name for outcome in outcomes] == [upload.declaration.filename for upload in uploads]
    assert all((outcome.file_id is not None) == outcome.is_uploaded for outcome in outcomes)
    assert all(outcome.id == outcome.file_id for outcome in outcomes if outcome.is_uploaded)
    assert all(outcome.is_uploaded or (outcome.code and outcome.message) for outcome in outcomes)
    return outcomes


def statuses(outcomes: Sequence[FileState]) -> Counter[str]:
    """Return how many outcomes there are of each status."""
    return Counter(outcome.outcome or "" for outcome in outcomes)


async def test_a_batch_is_created_sent_and_finalized_once() -> None:
    api = Batches()

    outcomes = await send(api, [upload(n, title=f"T{n}", tags=("a",)) for n in range(3)])

    assert api.counts() == {"create": 1, "put": 3, "finalize": 1}
    assert statuses(outcomes) == {"accepted": 3}
    first = outcomes[0]
    assert (first.file_id, first.task_id) == ("file_0", "task_of_file_0")
    assert first.batch_id in api.batches
    body = api.batches[first.batch_id or ""]
    assert body["manifest"]["version"] == 1
    assert body["manifest"]["bucket"] == "support"
    assert {
        "client_file_id": first.client_file_id,
        "filename": "file-0.md",
        "title": "T0",
        "tags": ["a"],
    } in (body["manifest"]["items"])
    assert {
        "client_file_id": first.client_file_id,
        "filename": "file-0.md",
        "content_type": "text/markdown",
        "size_bytes": first.size_bytes,
    } in body["files"]


async def test_nothing_to_upload_is_nothing_to_send() -> None:
    api = Batches()

    assert await send(api, []) == []
    assert api.seen == []


@pytest.mark.parametrize("says_replayed", [True, False])
async def test_a_second_call_in_another_order_makes_no_new_file(says_replayed: bool) -> None:
    api = Batches(says_replayed=says_replayed)
    uploads = [upload(n) for n in range(120)]
    first = await send(api, uploads)
    api.counts()

    second = await send(api, uploads[::-1])

    assert statuses(second) == {"replayed": 120}
    assert [outcome.file_id for outcome in second[::-1]] == [outcome.file_id for outcome in first]
    counts = api.counts()
    assert counts["create"] == 2
    # A server that marks replays is not even asked about single files.
    assert counts["put"] == (0 if says_replayed else 120)


async def test_250_files_become_three_batches() -> None:
    api = Batches()

    outcomes = await send(api, [upload(n) for n in range(250)])

    assert statuses(outcomes) == {"accepted": 250}
    assert api.counts()["create"] == 3
    assert all(len(body["files"]) <= 100 for body in api.batches.values())


@pytest.mark.parametrize("parallel", [1, 8])
async def test_no_more_files_are_sent_at_once_than_allowed(parallel: int) -> None:
    api = Batches()

    await send(api, [upload(n) for n in range(130)], parallel=parallel)

    assert api.most_under_way == parallel


async def test_only_files_in_flight_are_open() -> None:
    open_now, most = 0, 0

    @contextmanager
    def opening(number: int) -> Generator[ByteSource]:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            yield BytesSource(f"{number}".encode())
        finally:
            open_now -= 1

    uploads = [Upload(lambda n=n: opening(n), declared(f"{n}.md")) for n in range(60)]
    outcomes = await send(Batches(), uploads, parallel=5)

    assert statuses(outcomes) == {"accepted": 60}
    assert most <= 5
    assert open_now == 0


async def test_the_same_file_twice_in_one_call_is_sent_once() -> None:
    api = Batches()

    outcomes = await send(api, [upload(1), upload(2), upload(1)])

    assert [outcome.outcome for outcome in outcomes] == ["accepted", "accepted", "replayed"]
    assert outcomes[0].file_id == outcomes[2].file_id
    assert api.counts()["put"] == 2


async def test_equal_files_in_different_folders_are_different_files() -> None:
    api = Batches()

    outcomes = await send(api, [upload(1, path="a/x.md"), upload(1, path="b/x.md")])

    assert len({outcome.file_id for outcome in outcomes}) == 2


async def test_what_the_api_rejects_is_told_with_its_reason() -> None:
    def reject(_: dict[str, Any], answer: dict[str, Any]) -> None:
        for shape in (
            {"error": {"code": "type_not_allowed", "message": "No."}},
            {"code": "type_not_allowed", "message": "No."},
            {"error": "No."},
            {},
        ):
            item = answer["accepted"].pop(0)
            answer["rejected"].append({"client_file_id": item["client_file_id"], **shape})

    outcomes = await send(Batches(on_create=reject), [upload(n) for n in range(6)])

    assert statuses(outcomes) == {"rejected": 4, "accepted": 2}
    told = [(outcome.code, outcome.message) for outcome in outcomes if outcome.outcome == "rejected"]
    assert told[:3] == [("type_not_allowed", "No."), ("type_not_allowed", "No."), ("rejected", "No.")]
    assert told[3][1]


async def test_the_rest_of_a_batch_with_a_rejected_file_is_not_sent_again_although_no_header_says_replayed(
    tmp_path: Path,
) -> None:
    def reject_one(_: dict[str, Any], answer: dict[str, Any]) -> None:
        item = answer["accepted"].pop(0)
        answer["rejected"].append({"client_file_id": item["client_file_id"]})

    api = Batches(on_create=reject_one, says_replayed=False)
    uploads = [upload(n) for n in range(6)]
    with closing(LedgerFile(tmp_path / "sent.sqlite")) as file:
        memory = SentLedger(file, account_of(BASE_URL, API_KEY))
        first = await send(api, uploads, sent=memory)
        assert api.counts()["put"] == 5
        again = await send(api, uploads, sent=memory)

    assert (statuses(first)["accepted"], statuses(again)["replayed"]) == (5, 5)
    assert api.counts()["put"] == 0


async def test_what_the_api_forgets_to_mention_has_failed() -> None:
    def forget(_: dict[str, Any], answer: dict[str, Any]) -> None:
        answer["accepted"].pop()

    outcomes = await send(Batches(on_create=forget), [upload(n) for n in range(3)])

    assert statuses(outcomes) == {"accepted": 2, "failed": 1}
    lost = next(outcome for outcome in outcomes if outcome.outcome == "failed")
    assert (lost.code, lost.retryable) == ("missing_from_answer", True)


async def test_what_finalize_forgets_to_mention_has_failed() -> None:
    outcomes = await send(
        Batches(on_finalize=lambda answer: answer["finalized"].pop() and None), [upload(1), upload(2)]
    )

    assert statuses(outcomes) == {"accepted": 1, "failed": 1}


async def test_what_finalize_calls_failed_has_failed_with_its_reason() -> None:
    def fail(answer: dict[str, Any]) -> None:
        item = answer["finalized"].pop()
        error = {"code": "size_mismatch", "message": "Too short.", "retryable": True}
        answer["failed"].append({"client_file_id": item["client_file_id"], "error": error})

    outcomes = await send(Batches(on_finalize=fail), [upload(1), upload(2)])

    lost = next(outcome for outcome in outcomes if outcome.outcome == "failed")
    assert (lost.code, lost.message, lost.retryable) == ("size_mismatch", "Too short.", True)


async def test_a_file_that_cannot_be_sent_costs_no_other() -> None:
    def refuse(name: str) -> httpx2.Response | None:
        return httpx2.Response(400) if name.startswith("file-3") else None

    api = Batches(on_put=refuse)
    outcomes = await send(api, [upload(n) for n in range(6)])

    assert [outcome.outcome for outcome in outcomes] == ["accepted"] * 3 + ["failed"] + ["accepted"] * 2
    assert (outcomes[3].code, outcomes[3].retryable) == ("upload_failed", False)
    assert outcomes[3].batch_id

    api.on_put = lambda _: None
    api.counts()
    again = await send(api, [upload(n) for n in range(6)])

    assert [outcome.outcome for outcome in again] == ["replayed"] * 3 + ["accepted"] + ["replayed"] * 2
    assert api.counts()["put"] == 1


async def test_a_fault_of_ours_in_one_file_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(BytesSource):
        reads = 0

        async def read(self, offset: int, length: int) -> bytes:
            self.reads += 1
            if self.reads > 1:
                raise RuntimeError("a bug")
            return await super().read(offset, length)

    broken = Upload(Broken(b"x"), declared("broken.md"))
    outcomes = await send(Batches(), [upload(1), broken])

    assert [outcome.outcome for outcome in outcomes] == ["accepted", "failed"]
    assert (outcomes[1].code, outcomes[1].retryable) == ("internal_error", False)
    assert "a bug" in caplog.text


async def test_bad_input_is_rejected_and_the_rest_is_sent() -> None:
    @contextmanager
    def vanished() -> Generator[ByteSource]:
        raise FileNotFoundError(2, "No such file or directory")
        yield BytesSource(b"")

    api = Batches()
    outcomes = await send(
        api,
        [
            upload(1),
            Upload(BytesSource(b""), declared("empty.md")),
            upload(2, destination=Destination()),
            upload(3, tags=("t",) * 21),
            Upload(vanished, declared("gone.md")),
        ],
    )

    assert [(outcome.outcome, outcome.code) for outcome in outcomes] == [
        ("accepted", None),
        ("rejected", "empty_file"),
        ("rejected", "bucket_required"),
        ("rejected", "too_many_tags"),
        ("rejected", "unreadable_file"),
    ]
    assert all(outcome.hint for outcome in outcomes[1:])
    assert api.counts() == {"create": 1, "put": 1, "finalize": 1}


async def test_when_the_second_batch_cannot_be_created_the_first_ones_outcomes_stand() -> None:
    calls = 0

    def full(_: dict[str, Any], _answer: dict[str, Any]) -> httpx2.Response | None:
        nonlocal calls
        calls += 1
        return problem(403, "quota_exceeded", **{"X-Request-Id": "req_7"}) if calls == 2 else None

    outcomes = await send(Batches(on_create=full), [upload(n) for n in range(150)])

    counts = statuses(outcomes)
    assert counts["accepted"] + counts["failed"] == 150
    assert 50 <= counts["failed"] <= 100
    failed = next(outcome for outcome in outcomes if outcome.outcome == "failed")
    assert (failed.code, failed.retryable, failed.reason and failed.reason.request_id) == (
        "quota_exceeded",
        False,
        "req_7",
    )


async def test_one_bad_destination_costs_only_its_own_files() -> None:
    def assign(body: dict[str, Any], _answer: dict[str, Any]) -> httpx2.Response | None:
        wanted = {body["manifest"].get("bucket"), *(item.get("bucket") for item in body["manifest"]["items"])}
        return problem(400, "bucket_assignment_failed") if "nowhere" in wanted else None

    nowhere = Destination(bucket="nowhere")
    uploads = [upload(n, destination=nowhere if n % 2 else BUCKET) for n in range(6)]
    outcomes = await send(Batches(on_create=assign), uploads)

    assert [outcome.outcome for outcome in outcomes] == ["accepted", "failed"] * 3
    assert outcomes[1].code == "bucket_assignment_failed"


async def test_files_with_their_own_destinations_share_a_batch() -> None:
    api = Batches()

    await send(api, [upload(1), upload(2, destination=Destination(bucket_ids=("b2",)))])

    (body,) = api.batches.values()
    assert "bucket" not in body["manifest"]
    assert {json.dumps(item.get("bucket") or item["bucket_ids"]) for item in body["manifest"]["items"]} == {
        '"support"',
        '["b2"]',
    }


async def test_arrived_files_that_stay_pending_are_finalized_again_and_then_told() -> None:
    def withhold(answer: dict[str, Any]) -> None:
        answer["pending"], answer["finalized"], answer["replayed"] = (
            answer["finalized"] + answer["replayed"],
            [],
            [],
        )

    clock = FakeClock()
    api = Batches(on_finalize=withhold)
    outcomes = await send(api, [upload(1)], clock=clock)

    assert (outcomes[0].outcome, outcomes[0].code, outcomes[0].retryable) == (
        "pending",
        "upload_pending",
        True,
    )
    assert outcomes[0].hint
    assert api.counts()["finalize"] == 5

    patient = 0

    def relent(answer: dict[str, Any]) -> None:
        nonlocal patient
        patient += 1
        if patient < 3:
            withhold(answer)

    api.on_finalize = relent
    assert [outcome.outcome for outcome in await send(api, [upload(2)])] == ["accepted"]


async def test_a_finalize_that_fails_leaves_the_files_pending() -> None:
    outcomes = await send(Batches(on_finalize=lambda _: problem(503, "overloaded")), [upload(1), upload(2)])

    assert statuses(outcomes) == {"pending": 2}
    assert {(outcome.code, outcome.retryable) for outcome in outcomes} == {("overloaded", True)}


@pytest.mark.parametrize("says_replayed", [True, False])
@pytest.mark.parametrize("state", ["failed", "deleted"])
async def test_a_replayed_file_that_is_gone_is_uploaded_again(state: str, says_replayed: bool) -> None:
    api = Batches(says_replayed=says_replayed)
    uploads = [upload(n) for n in range(5)]
    first = await send(api, uploads)
    api.states[first[2].file_id or ""] = state

    second = await send(api, uploads)

    assert [outcome.outcome for outcome in second] == [
        "replayed",
        "replayed",
        "accepted",
        "replayed",
        "replayed",
    ]
    assert second[2].file_id != first[2].file_id
    assert second[2].client_file_id == first[2].client_file_id

    third = await send(api, uploads)

    assert statuses(third) == {"replayed": 5}
    assert third[2].file_id == second[2].file_id


async def test_a_file_that_fails_every_time_is_given_up_at_some_point() -> None:
    api = Batches()
    for _ in range(8):
        (outcome,) = await send(api, [upload(1)])
        assert outcome.outcome == "accepted"
        api.states[outcome.file_id or ""] = "failed"

    (outcome,) = await send(api, [upload(1)])

    assert (outcome.outcome, outcome.code, outcome.retryable) == ("failed", "upload_came_to_nothing", False)


async def test_replays_stand_when_their_state_cannot_be_asked() -> None:
    api = Batches()
    await send(api, [upload(1)])
    api.on_get = lambda _: problem(500)

    assert [outcome.outcome for outcome in await send(api, [upload(1)])] == ["replayed"]


async def test_expired_addresses_are_renewed_under_the_same_key() -> None:
    dead: set[str] = set()

    def expire(name: str) -> httpx2.Response | None:
        if name in dead:
            return None
        dead.add(name)
        return httpx2.Response(410)

    def renew(_: dict[str, Any], answer: dict[str, Any]) -> None:
        for item in answer["accepted"]:
            item["upload_url"] += f"?renewal={len(dead)}"

    api = Batches(on_put=expire, on_create=renew)
    outcomes = await send(api, [upload(1), upload(2)])

    assert statuses(outcomes) == {"accepted": 2}
    assert len(api.batches) == 1
    assert api.counts() == {"create": 2, "put": 4, "finalize": 1}


@pytest.mark.parametrize("is_renewed", [False, True])
async def test_a_storage_that_knows_no_address_is_given_up_soon(is_renewed: bool) -> None:
    def renew(_: dict[str, Any], answer: dict[str, Any]) -> None:
        for item in answer["accepted"] if is_renewed else ():
            item["upload_url"] += f"?renewal={api.counts()['create']}"

    api = Batches(on_put=lambda _: httpx2.Response(410), on_create=renew)
    outcomes = await send(api, [upload(1), upload(2)])

    for outcome in outcomes:
        assert (outcome.outcome, outcome.code, outcome.retryable) == (
            "failed",
            "upload_session_expired",
            False,
        )
        assert "had just issued" in (outcome.message or "")
    assert api.counts()["create"] <= 3


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("is_lasting", [False, True])
async def test_a_batch_that_finalize_does_not_know_is_replaced_once(status: int, is_lasting: bool) -> None:
    unknown: set[str] = set()

    def forget(answer: dict[str, Any]) -> httpx2.Response | None:
        if not unknown or is_lasting:
            unknown.add(answer["batch_id"])
        return problem(status, "batch_not_found") if answer["batch_id"] in unknown else None

    api = Batches(on_finalize=forget)
    outcomes = await send(api, [upload(1), upload(2)])

    assert len(api.batches) == 2
    assert statuses(outcomes) == ({"failed": 2} if is_lasting else {"accepted": 2})
    assert {outcome.code for outcome in outcomes} == {"batch_not_found" if is_lasting else None}


async def test_addresses_that_stay_dead_lead_to_a_new_batch() -> None:
    old: set[str] = set()

    def expire(name: str) -> httpx2.Response | None:
        return httpx2.Response(404) if name in old else None

    api = Batches(on_put=expire)
    first = await send(api, [upload(1)])
    old.add(first[0].client_file_id or "")
    api.bytes_of.clear()
    api.finalized.clear()

    (outcome,) = await send(api, [upload(1)])

    assert outcome.outcome == "accepted"
    assert len(api.batches) == 2


async def test_a_changed_file_is_new_content_and_the_others_are_untouched() -> None:
    api = Batches()
    before = await send(api, [upload(n) for n in range(3)])

    after = await send(api, [upload(0), upload(1, "Changed."), upload(2)])

    assert after[1].outcome == "accepted"
    assert after[1].client_file_id != before[1].client_file_id
    assert [after[n].client_file_id == before[n].client_file_id for n in (0, 2)] == [True, True]


async def test_progress_counts_every_file_and_byte_and_ends_with_all() -> None:
    told: list[TransferProgress] = []
    uploads = [*(upload(n) for n in range(20)), Upload(BytesSource(b""), declared("empty.md"))]

    await send(Batches(), uploads, on_progress=told.append)

    assert list(dict.fromkeys(entry.phase for entry in told)) == [
        "hashing",
        "uploading",
        "finalizing",
        "done",
    ]
    last = told[-1]
    assert (last.files_done, last.files_total) == (21, 21)
    assert last.bytes_done == last.bytes_total == sum(len(f"Content of file {n}.") for n in range(20))
    for phase in ("hashing", "uploading"):
        done = [(entry.files_done, entry.bytes_done) for entry in told if entry.phase == phase]
        assert done == sorted(done)


async def test_cancelling_stops_at_once_and_the_next_call_continues() -> None:
    reached = anyio.Event()

    class Hanging(Batches):
        async def _put(self, request: httpx2.Request) -> httpx2.Response:
            if len(self.bytes_of) >= 10:
                reached.set()
                await anyio.sleep_forever()
            return await super()._put(request)

    api = Hanging()
    uploads = [upload(n) for n in range(40)]
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(send, api, uploads)
            await reached.wait()
            group.cancel_scope.cancel()

    arrived = len(api.bytes_of)
    assert 10 <= arrived < 40
    calm = Batches(batches=api.batches, bytes_of=api.bytes_of, finalized=api.finalized, states=api.states)
    outcomes = await send(calm, uploads)

    assert all(outcome.is_uploaded for outcome in outcomes)
    assert calm.counts()["put"] == 40 - arrived
