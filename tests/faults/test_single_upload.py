"""One file, one fault at every step: it arrives once and whole, or a clear error and the next call helps."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from calypso_mcp import errors
from calypso_mcp.client import ClientPolicies
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.errors import (
    CalypsoError,
    ConnectionFailed,
    ContractError,
    InvalidRequest,
    ServerError,
    UploadError,
)
from tests.support.fault_script import (
    CREATE,
    FINALIZE,
    OFFSET_QUESTION,
    PUT,
    STORAGE,
    Answer,
    Drop,
    ExpiredSession,
    Fault,
    Garbage,
    Hang,
    Kind,
    LoseAnswer,
    NoRangeOn308,
    NotHttp,
    On,
    RateLimited,
    Rule,
    Script,
    Slow,
)
from tests.support.faulty_calypso import (
    FakeTime,
    FaultyCalypso,
    as_stored,
    content,
    faulty_calypso,
    upload_of,
)
from tests.support.live_backend import held_open

#: Not a multiple of 256 KiB, and large enough to be cut in the middle twice.
SIZE = 700_001
UPLOAD = upload_of("report.md", content(1, SIZE))

STEPS = {"create": CREATE, "put": STORAGE, "finalize": FINALIZE}
EVERYWHERE: dict[str, Fault] = {
    "broken before a byte": Drop(after_bytes=0),
    "503 twice": Answer(503, times=2),
    "500 and no JSON": Answer(500, b"<html>oops</html>"),
    "429 with Retry-After": RateLimited(retry_after_s=2),
    "answer lost": LoseAnswer(),
    "answer lost twice": LoseAnswer(times=2),
    "slow": Slow(bytes_per_s=1_000),
    "hanging": Hang(),
    "no HTTP": NotHttp(),
}
DURING_PUT: dict[str, tuple[Rule, ...]] = {
    "cut after 300 kB": (On(PUT, Drop(after_bytes=300_000)),),
    "cut after 300 kB, again and again": (On(PUT, Drop(after_bytes=300_000, times=2)),),
    "cut on the last byte": (On(PUT, Drop(after_bytes=SIZE)),),
    "cut below 256 KiB, six times": (On(PUT, Drop(after_bytes=200_000, times=6)),),
    "cut, and no Range afterwards": (
        On(PUT, Drop(after_bytes=300_000)),
        On(OFFSET_QUESTION, NoRangeOn308()),
    ),
    "cut, and the question fails, too": (
        On(PUT, Drop(after_bytes=600_000)),
        On(OFFSET_QUESTION, Answer(503, times=2)),
        On(OFFSET_QUESTION, LoseAnswer(), nth=3),
    ),
    "complete, answer lost, question lost": (
        On(PUT, LoseAnswer()),
        On(OFFSET_QUESTION, LoseAnswer(times=2)),
    ),
    "address gone": (On(PUT, ExpiredSession(410)),),
    "address unknown": (On(PUT, ExpiredSession(404)),),
    "address gone in the middle": (
        On(PUT, Drop(after_bytes=300_000)),
        On(OFFSET_QUESTION, ExpiredSession()),
    ),
}


@pytest.fixture
async def calypso(tmp_path: Path) -> AsyncGenerator[FaultyCalypso]:
    async with held_open(lambda: faulty_calypso(tmp_path / "data", Script())) as running:
        yield running


async def assert_stored_once(calypso: FaultyCalypso) -> None:
    assert await calypso.stored() == await as_stored([UPLOAD])
    assert calypso.sealed_bytes() == SIZE


@pytest.mark.parametrize("fault", EVERYWHERE.values(), ids=EVERYWHERE)
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
async def test_a_passing_fault_at_any_step_only_costs_time(
    calypso: FaultyCalypso, step: Kind, fault: Fault
) -> None:
    calypso.script.add(On(step, fault))

    async with calypso.client() as client:
        with anyio.fail_after(30):
            uploaded = await client.uploads.upload(UPLOAD)

    assert len(calypso.script.struck) == fault.times
    assert uploaded.size_bytes == SIZE
    await assert_stored_once(calypso)


@pytest.mark.parametrize("rules", DURING_PUT.values(), ids=DURING_PUT)
async def test_whatever_happens_to_the_bytes_they_are_stored_once(
    calypso: FaultyCalypso, rules: tuple[Rule, ...]
) -> None:
    calypso.script.add(*rules)

    async with calypso.client() as client:
        with anyio.fail_after(30):
            await client.uploads.upload(UPLOAD)

    assert calypso.script.struck
    await assert_stored_once(calypso)


async def test_after_a_cut_only_what_is_missing_is_sent_again(calypso: FaultyCalypso) -> None:
    calypso.script.add(On(PUT, Drop(after_bytes=600_000)))

    async with calypso.client() as client:
        await client.uploads.upload(UPLOAD)

    first, second = calypso.script.of(PUT)
    assert first.content_range == f"bytes 0-{SIZE - 1}/{SIZE}"
    assert second.content_range == f"bytes {2 * 262_144}-{SIZE - 1}/{SIZE}"


async def test_the_wait_that_the_server_asks_for_is_kept(calypso: FaultyCalypso) -> None:
    calypso.script.add(On(CREATE, RateLimited(retry_after_s=7)))

    async with calypso.client() as client:
        await client.uploads.upload(UPLOAD)

    assert max(calypso.time.slept) >= 7


async def test_progress_never_runs_ahead_and_ends_at_the_size(calypso: FaultyCalypso) -> None:
    calypso.script.add(On(PUT, Drop(after_bytes=300_000, times=2)), On(PUT, LoseAnswer(), nth=3))
    told: list[int] = []

    async with calypso.client() as client:
        await client.uploads.upload(UPLOAD, on_progress=told.append)

    assert min(told) > 0
    assert sum(told) == SIZE


LASTING: dict[str, tuple[Kind, Fault, type[CalypsoError]]] = {
    "create: down": (CREATE, Drop(times=99), ConnectionFailed),
    "create: 503": (CREATE, Answer(503, times=99), ServerError),
    "create: 429 for an hour": (CREATE, RateLimited(retry_after_s=3_600, times=99), errors.RateLimited),
    "create: garbage": (CREATE, Garbage(times=99), ContractError),
    "put: down": (PUT, Drop(times=99), UploadError),
    "put: 503": (PUT, Answer(503, times=99), UploadError),
    "put: refused": (PUT, Answer(403, b"<Error/>", times=99), UploadError),
    "put: cut, never 256 KiB": (PUT, Drop(after_bytes=100_000, times=99), UploadError),
    "finalize: down": (FINALIZE, Drop(times=99), ConnectionFailed),
    "finalize: hanging": (FINALIZE, Hang(times=99), ConnectionFailed),
    "finalize: garbage": (FINALIZE, Garbage(times=99), ContractError),
    "finalize: answers lost": (FINALIZE, LoseAnswer(times=99), ConnectionFailed),
}


@pytest.mark.parametrize(("kind", "fault", "error"), LASTING.values(), ids=LASTING)
async def test_a_lasting_fault_is_a_clear_error_and_the_next_call_continues(
    calypso: FaultyCalypso, kind: Kind, fault: Fault, error: type[CalypsoError]
) -> None:
    calypso.script.add(On(kind, fault))
    async with calypso.client() as client:
        with anyio.fail_after(30), pytest.raises(error) as raised:
            await client.uploads.upload(UPLOAD)
    calypso.script.clear()
    sent_before = sum(request.body_bytes for request in calypso.script.of(PUT))

    async with calypso.client() as client:
        await client.uploads.upload(UPLOAD)

    assert raised.value.hint
    assert len(calypso.script.struck) <= ClientPolicies().storage_retry.attempts
    if kind is FINALIZE:
        assert sum(request.body_bytes for request in calypso.script.of(PUT)) == sent_before == SIZE
    await assert_stored_once(calypso)


async def test_a_refusal_is_not_repeated(calypso: FaultyCalypso) -> None:
    calypso.script.add(On(CREATE, Answer(400, times=99)))

    async with calypso.client() as client:
        with pytest.raises(InvalidRequest):
            await client.uploads.upload(UPLOAD)

    assert len(calypso.script.of(CREATE)) == 1
    assert calypso.time.slept == []


async def test_a_storage_that_only_pretends_is_found_out(calypso: FaultyCalypso) -> None:
    """A captive portal answers 200 to everything; no byte has reached the storage."""
    calypso.script.add(On(PUT, Garbage()))
    async with calypso.client() as client:
        with pytest.raises(CalypsoError) as raised:
            await client.uploads.upload(UPLOAD)
        assert raised.value.message

        await client.uploads.upload(UPLOAD)

    await assert_stored_once(calypso)


async def test_attempts_are_bounded_by_the_policy(calypso: FaultyCalypso) -> None:
    calypso.script.add(On(PUT, Answer(503, times=99)))
    calypso.script.add(On(OFFSET_QUESTION, Answer(503, times=99)))
    policies = ClientPolicies(storage_retry=RetryPolicy(attempts=3))

    async with calypso.client(policies) as client:
        with pytest.raises(UploadError):
            await client.uploads.upload(UPLOAD)

    assert len(calypso.script.of(PUT)) + len(calypso.script.of(OFFSET_QUESTION)) == 3


async def test_an_address_that_died_of_age_is_replaced_and_its_bytes_are_kept(tmp_path: Path) -> None:
    """Not scripted: the backend's own clock moves on while the client waits as long as it was told to."""
    time = FakeTime()
    script = Script(On(PUT, Drop(after_bytes=300_000)), On(OFFSET_QUESTION, RateLimited(retry_after_s=15)))
    async with faulty_calypso(
        tmp_path / "data", script, time=time, clock=time.now, session_lifetime_s=10
    ) as calypso:
        async with calypso.client() as client:
            await client.uploads.upload(UPLOAD)

        assert [request.status for request in script.of(OFFSET_QUESTION)] == [429, 410]
        assert len(script.of(CREATE)) == 2
        await assert_stored_once(calypso)


async def test_a_file_whose_finalize_was_lost_is_found_even_when_its_addresses_are_gone(
    calypso: FaultyCalypso,
) -> None:
    """Storage hosts forget an address once its object is complete; a new session would be a second file."""
    calypso.script.add(On(FINALIZE, LoseAnswer(times=99)))
    async with calypso.client() as client:
        with pytest.raises(ConnectionFailed):
            await client.uploads.upload(UPLOAD)
    calypso.script.clear()
    calypso.script.add(On(STORAGE, ExpiredSession(404, times=99)))

    async with calypso.client() as client:
        found = await client.uploads.upload(UPLOAD)

    assert found.is_replayed
    await assert_stored_once(calypso)
