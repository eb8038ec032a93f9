"""Many files, one fault at every step: one outcome for each, each stored once, the next call continues."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from calypso_mcp.client import ClientPolicies
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.states.file_state import FileState
from tests.support.fault_script import (
    CREATE_BATCH,
    FINALIZE_BATCH,
    OFFSET_QUESTION,
    PUT,
    STORAGE,
    Answer,
    AtRandom,
    Drop,
    ExpiredSession,
    Fault,
    Garbage,
    Hang,
    Kind,
    LoseAnswer,
    NotHttp,
    On,
    RateLimited,
    Rule,
    Script,
    Slow,
)
from tests.support.faulty_calypso import (
    FaultyCalypso,
    as_stored,
    content,
    faulty_calypso,
    sizes,
    small_uploads,
    upload_of,
)
from tests.support.live_backend import held_open

FILES: list[Upload] = [*small_uploads(10), upload_of("large.md", content(99, 600_001))]

STEPS = {"create": CREATE_BATCH, "put": STORAGE, "finalize": FINALIZE_BATCH}
PASSING: dict[str, Fault] = {
    "broken before a byte": Drop(after_bytes=0),
    "503 twice": Answer(503, times=2),
    "429 with Retry-After": RateLimited(retry_after_s=2),
    "answer lost": LoseAnswer(),
    "answer lost twice": LoseAnswer(times=2),
    "slow": Slow(bytes_per_s=1_000),
    "hanging": Hang(),
    "no HTTP": NotHttp(),
}
DURING_PUT: dict[str, tuple[Rule, ...]] = {
    "every one cut": (On(PUT, Drop(after_bytes=100, times=len(FILES))),),
    "every answer lost": (On(PUT, LoseAnswer(times=len(FILES))),),
    "all lost, then every question, too": (
        On(PUT, LoseAnswer(times=len(FILES))),
        On(OFFSET_QUESTION, LoseAnswer(times=len(FILES))),
    ),
    "the large one cut": (On(PUT, Drop(after_bytes=300_000, times=len(FILES))),),
    "one address gone": (On(PUT, ExpiredSession()),),
    "all addresses gone": (On(PUT, ExpiredSession(times=len(FILES))),),
}


@pytest.fixture
async def calypso(tmp_path: Path) -> AsyncGenerator[FaultyCalypso]:
    async with held_open(lambda: faulty_calypso(tmp_path / "data", Script())) as running:
        yield running


async def upload_all(calypso: FaultyCalypso, uploads: list[Upload]) -> list[FileState]:
    async with calypso.client() as client:
        with anyio.fail_after(30):
            return await client.uploads.upload_all(uploads)


def statuses(outcomes: list[FileState]) -> Counter[str]:
    return Counter(outcome.outcome or "" for outcome in outcomes)


async def assert_stored_once(calypso: FaultyCalypso, uploads: list[Upload]) -> None:
    assert await calypso.stored() == await as_stored(uploads)
    assert calypso.sealed_bytes() == sizes(uploads)


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
async def test_a_passing_fault_at_any_step_only_costs_time(
    calypso: FaultyCalypso, step: Kind, fault: Fault
) -> None:
    calypso.script.add(On(step, fault))

    outcomes = await upload_all(calypso, FILES)

    assert len(calypso.script.struck) == fault.times
    assert statuses(outcomes) == {"accepted": len(FILES)}
    assert all(outcome.file_id for outcome in outcomes)
    assert [outcome.name for outcome in outcomes] == [file.declaration.filename for file in FILES]
    await assert_stored_once(calypso, FILES)


@pytest.mark.parametrize("rules", DURING_PUT.values(), ids=DURING_PUT)
async def test_whatever_happens_to_the_bytes_each_file_is_stored_once(
    calypso: FaultyCalypso, rules: tuple[Rule, ...]
) -> None:
    calypso.script.add(*rules)

    outcomes = await upload_all(calypso, FILES)

    assert calypso.script.struck
    assert statuses(outcomes) == {"accepted": len(FILES)}
    await assert_stored_once(calypso, FILES)


async def test_a_second_call_sends_nothing(calypso: FaultyCalypso) -> None:
    first = await upload_all(calypso, FILES)
    sent = len(calypso.script.of(PUT))

    second = await upload_all(calypso, FILES)

    assert statuses(second) == {"replayed": len(FILES)}
    assert [outcome.file_id for outcome in second] == [outcome.file_id for outcome in first]
    assert len(calypso.script.of(PUT)) == sent == len(FILES)
    assert calypso.script.of(OFFSET_QUESTION) == []
    await assert_stored_once(calypso, FILES)


LASTING: dict[str, tuple[Kind, Fault]] = {
    "create: down": (CREATE_BATCH, Drop(times=99)),
    "create: 503": (CREATE_BATCH, Answer(503, times=99)),
    "create: garbage": (CREATE_BATCH, Garbage(times=99)),
    "create: answers lost": (CREATE_BATCH, LoseAnswer(times=99)),
    "put: down": (PUT, Drop(times=999)),
    "put: 503": (PUT, Answer(503, times=999)),
    "put: refused": (PUT, Answer(403, times=999)),
    "put: hanging": (PUT, Hang(times=999)),
    "put: pretends": (PUT, Garbage(times=999)),
    "finalize: down": (FINALIZE_BATCH, Drop(times=99)),
    "finalize: garbage": (FINALIZE_BATCH, Garbage(times=99)),
    "finalize: answers lost": (FINALIZE_BATCH, LoseAnswer(times=99)),
}


@pytest.mark.parametrize(("kind", "fault"), LASTING.values(), ids=LASTING)
async def test_a_lasting_fault_is_the_outcome_of_every_file_and_the_next_call_continues(
    calypso: FaultyCalypso, kind: Kind, fault: Fault
) -> None:
    calypso.script.add(On(kind, fault))
    failed = await upload_all(calypso, FILES)
    calypso.script.clear()
    sent_before = sum(request.body_bytes for request in calypso.script.of(PUT))

    outcomes = await upload_all(calypso, FILES)

    assert not any(state.is_uploaded for state in failed)
    assert all(state.code and state.message and state.hint for state in failed)
    assert all(outcome.is_uploaded for outcome in outcomes)
    if kind is FINALIZE_BATCH:
        assert sum(request.body_bytes for request in calypso.script.of(PUT)) == sent_before == sizes(FILES)
    await assert_stored_once(calypso, FILES)


async def test_one_file_that_cannot_arrive_costs_no_other(calypso: FaultyCalypso) -> None:
    calypso.script.add(On(PUT, ExpiredSession(403)))

    outcomes = await upload_all(calypso, FILES)

    assert statuses(outcomes)["accepted"] == len(FILES) - 1
    [lost] = [outcome for outcome in outcomes if not outcome.is_uploaded]
    assert lost.outcome == "failed"
    assert lost.code
    assert lost.hint
    arrived = [file for file, outcome in zip(FILES, outcomes, strict=True) if outcome.is_uploaded]
    await assert_stored_once(calypso, arrived)


async def test_after_a_partial_failure_only_the_missing_files_are_sent(calypso: FaultyCalypso) -> None:
    calypso.script.add(On(PUT, Answer(403, times=4)))
    first = await upload_all(calypso, FILES)
    calypso.script.clear()
    sent = len(calypso.script.of(PUT))

    second = await upload_all(calypso, FILES)

    assert statuses(first)["accepted"] == len(FILES) - 4
    assert statuses(second) == {"replayed": len(FILES) - 4, "accepted": 4}
    assert len(calypso.script.of(PUT)) - sent == 4
    await assert_stored_once(calypso, FILES)


@pytest.mark.parametrize("seed", [1, 2])
async def test_of_200_files_with_every_fifth_put_failing_all_arrive_once(
    calypso: FaultyCalypso, seed: int
) -> None:
    faults = (Answer(503), Drop(after_bytes=50), LoseAnswer(), Hang(), NotHttp(), Answer(429))
    calypso.script.add(AtRandom(PUT, faults, rate=0.2, seed=seed))
    files = small_uploads(200)

    outcomes = await upload_all(calypso, files)

    struck = calypso.script.struck
    assert 25 <= len(struck) <= 75
    assert statuses(outcomes) == {"accepted": 200}
    assert len({outcome.file_id for outcome in outcomes}) == 200
    await assert_stored_once(calypso, files)
    # Each fault is followed by one question and at most one further PUT.
    assert len(calypso.script.of(OFFSET_QUESTION)) <= len(struck)
    assert len(calypso.script.of(PUT)) <= 200 + len(struck)
    most = Counter(request.path for request in calypso.script.of(PUT)).most_common(1)[0][1]
    assert most <= ClientPolicies().storage_retry.attempts


async def test_250_files_in_several_batches_some_failing_have_one_outcome_each(
    calypso: FaultyCalypso,
) -> None:
    """Ignored files never come this far; the empty one does, as the folder may have changed meanwhile."""
    files = [*small_uploads(249), upload_of("empty.md", b"")]
    calypso.script.add(On(PUT, Answer(403, times=10), nth=41), On(CREATE_BATCH, Answer(503, times=2)))

    first = await upload_all(calypso, files)
    calypso.script.clear()
    sent = len(calypso.script.of(PUT))
    second = await upload_all(calypso, files)
    third = await upload_all(calypso, files)

    assert [outcome.name for outcome in first] == [file.declaration.filename for file in files]
    assert statuses(first) == {"accepted": 239, "failed": 10, "rejected": 1}
    assert first[-1].code == "empty_file"
    assert statuses(second) == {"replayed": 239, "accepted": 10, "rejected": 1}
    assert statuses(third) == {"replayed": 249, "rejected": 1}
    assert len(calypso.script.of(PUT)) - sent == 10
    assert len({outcome.batch_id for outcome in third if outcome.batch_id}) >= 3
    await assert_stored_once(calypso, files[:-1])
