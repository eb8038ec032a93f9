"""What is counted against a quota, when, and what is given back."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from calypso_mcp.client.transport.sources import BytesSource
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.domain.callers.quota import Quota
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.errors import CalypsoError, ConnectionFailed, ContentError
from calypso_mcp.server.access.upload_quotas import QUOTA_FILE, Arrival, UploadQuotas, make_arrivals
from tests.support.oauth_issuer import Clock

DAY_S = 86_400.0


@pytest.fixture
def quotas(tmp_path: Path, clock: Clock) -> Generator[UploadQuotas]:
    with closing(UploadQuotas(tmp_path / QUOTA_FILE, clock=clock)) as quotas:
        yield quotas


def grant(**quota: int) -> AccessGrant:
    return AccessGrant("agent", quota=Quota(**quota))


def arrivals(*sizes: int, bucket: str = "b") -> list[Arrival]:
    return [Arrival(bucket, f"key-{position}", size) for position, size in enumerate(sizes)]


async def codes(quotas: UploadQuotas, caller: AccessGrant, asked: list[Arrival]) -> list[str | None]:
    admission = await quotas.admit(caller, asked)
    return [refusal.code if refusal else None for refusal in admission.refusals]


REFUSED = "quota_exceeded"


async def test_exactly_the_quota_fits(quotas: UploadQuotas) -> None:
    assert await codes(quotas, grant(bytes_per_bucket=10), arrivals(4, 6, 1)) == [None, None, REFUSED]


async def test_what_does_not_fit_leaves_room_for_what_does(quotas: UploadQuotas) -> None:
    assert await codes(quotas, grant(bytes_per_bucket=10), arrivals(4, 7, 6)) == [None, REFUSED, None]


async def test_a_new_day_begins_at_midnight_utc_and_a_bucket_stays_full(
    quotas: UploadQuotas, clock: Clock
) -> None:
    caller = grant(bytes_per_day=10, bytes_per_bucket=15)
    assert await codes(quotas, caller, [Arrival("b", "one", 10)]) == [None]
    assert await codes(quotas, caller, [Arrival("b", "two", 1)]) == [REFUSED]
    clock.now_s += DAY_S
    assert await codes(quotas, caller, [Arrival("b", "two", 5)]) == [None]
    clock.now_s += DAY_S
    assert await codes(quotas, caller, [Arrival("b", "three", 1)]) == [REFUSED]


async def test_callers_do_not_share_a_quota(quotas: UploadQuotas) -> None:
    other = AccessGrant("other", quota=Quota(sources_per_bucket=1))
    assert await codes(quotas, grant(sources_per_bucket=1), arrivals(1)) == [None]
    assert await codes(quotas, other, arrivals(1)) == [None]


async def test_a_call_that_was_cut_off_neither_loses_nor_repeats_its_count(
    quotas: UploadQuotas, tmp_path: Path, clock: Clock
) -> None:
    caller = grant(bytes_per_bucket=10)
    await quotas.admit(caller, arrivals(10))
    # Another process, or the same after a kill.
    with closing(UploadQuotas(tmp_path / QUOTA_FILE, clock=clock)) as other:
        assert await codes(other, caller, arrivals(10)) == [None]
        assert await codes(other, caller, [Arrival("b", "more", 1)]) == [REFUSED]


@pytest.mark.parametrize(
    ("outcome", "is_free_again"),
    [
        (FileState(outcome="accepted"), False),
        (FileState(outcome="pending"), False),
        (FileState(outcome="replayed"), True),
        (FileState.of_error(ContentError("no")), True),
        (FileState.of_error(ConnectionFailed()), False),
        (None, False),
    ],
    ids=["accepted", "pending", "replayed", "rejected", "may-go-on", "unknown"],
)
async def test_only_what_is_not_stored_is_given_back(
    quotas: UploadQuotas, outcome: FileState | None, *, is_free_again: bool
) -> None:
    caller = grant(bytes_per_bucket=10)
    admission = await quotas.admit(caller, arrivals(10))
    await quotas.settle(caller, admission, [outcome])
    assert await codes(quotas, caller, [Arrival("b", "more", 10)]) == [None if is_free_again else REFUSED]


async def test_a_replay_of_what_was_counted_gives_nothing_back(quotas: UploadQuotas) -> None:
    caller = grant(bytes_per_bucket=10)
    await quotas.settle(caller, await quotas.admit(caller, arrivals(10)), [FileState(outcome="accepted")])
    await quotas.settle(caller, await quotas.admit(caller, arrivals(10)), [FileState(outcome="replayed")])
    assert await codes(quotas, caller, [Arrival("b", "more", 1)]) == [REFUSED]


async def test_other_content_and_other_labels_are_other_sources(quotas: UploadQuotas, tmp_path: Path) -> None:
    caller = grant(sources_per_bucket=1)
    place = Destination(bucket_ids=("b",))
    file = tmp_path / "a.txt"
    file.write_text("one")
    os.utime(file, ns=(1, 1))
    text = Upload(BytesSource(b"one"), Declaration("a.txt", place))

    async def fits(upload: Upload) -> bool:
        return (await quotas.admit(caller, await make_arrivals([(upload, 3)]))).refusals == (None,)

    assert await fits(text)
    assert await fits(Upload(BytesSource(b"one"), Declaration("a.txt", place)))
    assert not await fits(Upload(BytesSource(b"two"), Declaration("a.txt", place)))
    assert not await fits(Upload(BytesSource(b"one"), Declaration("b.txt", place)))
    elsewhere = Declaration("a.txt", Destination(bucket_ids=("c",)))
    assert await fits(Upload(lambda: pytest.fail("not opened"), elsewhere, str(file)))
    os.utime(file, ns=(2, 2))
    assert not await fits(Upload(lambda: pytest.fail("not opened"), elsewhere, str(file)))


async def test_what_is_foreseen_is_not_counted(quotas: UploadQuotas) -> None:
    caller = grant(sources_per_bucket=1)
    for _ in range(2):
        assert await quotas.foresee(caller, arrivals(1)) == (None,)
    await quotas.admit(caller, arrivals(1))
    (refusal,) = await quotas.foresee(caller, [Arrival("b", "other", 1)])
    assert "1 source a bucket" in str(refusal)


async def stored(quotas: UploadQuotas, caller: AccessGrant, arrival: Arrival, file_id: str) -> bool:
    admission = await quotas.admit(caller, [arrival])
    await quotas.settle(caller, admission, [FileState(outcome="accepted", file_id=file_id)])
    return admission.refusals == (None,)


async def test_a_replacement_adds_bytes_and_no_source(quotas: UploadQuotas) -> None:
    caller = grant(sources_per_bucket=1, bytes_per_bucket=10)
    assert await stored(quotas, caller, Arrival("b", "first", 4), "file-1")
    assert not await stored(quotas, caller, Arrival("b", "another", 4), "file-x")

    assert await stored(quotas, caller, Arrival("b", "second", 4, replaces="file-1"), "file-2")
    # Both are there until the new one is searchable.
    assert not await stored(quotas, caller, Arrival("b", "third", 4, replaces="file-2"), "file-3")
    await quotas.give_back(caller, "b", ["file-1"])
    assert await stored(quotas, caller, Arrival("b", "third", 4, replaces="file-2"), "file-3")
    assert not await stored(quotas, caller, Arrival("b", "another", 1), "file-x")


async def test_one_source_is_replaced_once(quotas: UploadQuotas) -> None:
    caller = grant(sources_per_bucket=1)
    await stored(quotas, caller, Arrival("b", "first", 1), "file-1")
    successors = [Arrival("b", f"successor {number}", 1, replaces="file-1") for number in range(2)]

    assert [refusal is None for refusal in await quotas.foresee(caller, successors)] == [True, False]
    assert await codes(quotas, caller, successors) == [None, REFUSED]
    assert await codes(quotas, caller, [Arrival("b", "later", 1, replaces="file-1")]) == [REFUSED]


async def test_a_file_that_was_counted_twice_gives_back_all_its_room(quotas: UploadQuotas) -> None:
    caller = grant(sources_per_bucket=2)
    for label in ("one", "other"):
        assert await stored(quotas, caller, Arrival("b", label, 1), "file-1")

    await quotas.give_back(caller, "b", ["file-1"])
    assert await codes(quotas, caller, arrivals(1, 1)) == [None, None]


@pytest.mark.parametrize("bucket", ["b", "other"])
async def test_only_what_the_caller_itself_counts_for_can_be_replaced(
    quotas: UploadQuotas, bucket: str
) -> None:
    caller, another = grant(sources_per_bucket=1), AccessGrant("another", quota=Quota(sources_per_bucket=1))
    await stored(quotas, another, Arrival(bucket, "first", 1), "file-1")
    await stored(quotas, caller, Arrival("b", "own", 1), "file-2")

    assert await codes(quotas, caller, [Arrival("b", "key", 1, replaces="file-1")]) == [REFUSED]


async def test_a_replacement_that_failed_leaves_the_source_counted(quotas: UploadQuotas) -> None:
    caller = grant(sources_per_bucket=2)
    await stored(quotas, caller, Arrival("b", "first", 1), "file-1")
    admission = await quotas.admit(caller, [Arrival("b", "second", 1, replaces="file-1")])
    await quotas.settle(caller, admission, [FileState(outcome="failed")])

    assert await codes(quotas, caller, [Arrival("b", f"new {number}", 1) for number in range(2)]) == [
        None,
        REFUSED,
    ]


async def test_without_a_quota_no_record_is_made_and_with_one_it_must_be_usable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    quotas = UploadQuotas(tmp_path / "file" / QUOTA_FILE)
    assert await codes(quotas, grant(), arrivals(10**15)) == [None]
    assert await quotas.foresee(grant(), arrivals(10**15)) == (None,)
    with pytest.raises(CalypsoError) as unusable:
        await quotas.admit(grant(bytes_per_day=1), arrivals(1))
    assert unusable.value.code == "quota_record_unusable"
