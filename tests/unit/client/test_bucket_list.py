"""Lists of very many buckets: read piece by piece, kept small, parsed once."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest

from calypso_mcp.client.buckets.bucket_list import BucketList, BucketListReader, MalformedListError
from tests.support.scripted_calypso import bucket

MANY = 10_000


def entry(number: int, **fields: Any) -> dict[str, Any]:
    files = tuple(f"file_{number:08}_{place}" for place in range(3))
    return bucket(f"area-{number:06}", files=files, **fields)


def body_of(buckets: list[dict[str, Any]], **fields: Any) -> bytes:
    return json.dumps({"team_id": "team", "buckets": buckets, **fields}, ensure_ascii=False).encode()


def pieces_of(body: bytes, size: int) -> Iterable[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def read(body: bytes, known: BucketList | None = None, piece_bytes: int = 128 * 1024) -> BucketList:
    reader = BucketListReader(known or BucketList())
    for piece in pieces_of(body, piece_bytes):
        reader.feed(piece)
    return reader.end()


@pytest.mark.parametrize("piece_bytes", [1, 2, 7, 64, 10_000])
def test_every_cut_of_a_body_reads_the_same(piece_bytes: int):
    odd = {**entry(0, name='Zoë ]} "\\ 🙂', description="a,\n]"), "more": {"deep": [1.5, None, [{}]]}}
    body = body_of([odd, entry(1, status="archived"), entry(2)], request_id="req_1")
    listed = read(body, piece_bytes=piece_bytes)
    assert [item.slug for item in listed.buckets] == ["area-000000", "area-000001", "area-000002"]
    assert listed.buckets[0].name == odd["name"]
    assert listed.buckets[0].file_ids == tuple(odd["fileKnowledgeIds"])
    assert listed.buckets[0].counts == {"file": 3, "website": 1}
    assert not listed.buckets[1].is_active
    assert listed.request_id == "req_1"
    # Read again from each cut: the same rows.
    again = read(body, listed, piece_bytes)
    assert again.buckets == listed.buckets


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", ""),
        (b'{"buckets": [', ""),
        (b'{"buckets": []} {}', ""),
        (b'{"buckets": [],}', ""),
        (b'{"buckets": [,]}', ""),
        (b'{"buckets": [{"id": "a", "slug": "b"} {}]}', ""),
        (b'{7: 1, "buckets": []}', ""),
        (b"[]", "body"),
        (b"{}", "buckets (missing)"),
        (b'{"buckets": null}', "buckets (tuple_type)"),
        (b'{"buckets": [7]}', "buckets.0"),
        (b'{"buckets": [{"id": "a", "slug": "a"}, {"id": "b"}]}', "buckets.1.slug (missing)"),
        (b'{"buckets": [{"id": "a", "slug": "a", "fileIds": [1]}]}', "buckets.0.fileIds"),
    ],
)
def test_a_body_that_is_no_list_of_buckets_is_refused_with_the_place(body: bytes, said: str):
    with pytest.raises(MalformedListError) as raised:
        read(body, piece_bytes=3)
    assert said in str(raised.value)
    assert bool(said) == bool(str(raised.value))


def test_only_what_changed_is_read_again():
    buckets = [entry(number) for number in range(50)]
    listed = read(body_of(buckets))
    changed = [entry(50), *buckets[:10], *buckets[12:20], {**buckets[20], "name": "New"}, *buckets[21:]]
    again = read(body_of(changed), listed)
    assert [item.id for item in again.buckets] == [item["id"] for item in changed]
    assert again.buckets[19].name == "New"
    before = {id(item) for item in listed.buckets}
    fresh = [item.slug for item in again.buckets if id(item) not in before]
    # The first two after a gap are read once more, to find the place in the list before.
    assert set(fresh) <= {"area-000050", "area-000012", "area-000020"}


@pytest.mark.parametrize("between", ["]", ";", "", " ", ",,", "}, "])
def test_known_rows_excuse_no_malformed_list(between: str):
    entries = [json.dumps(entry(number)) for number in range(3)]
    listed = read(f'{{"buckets": [{", ".join(entries)}]}}'.encode())
    with pytest.raises(MalformedListError):
        read(f'{{"buckets": [{entries[0]}, {entries[1]}{between}{entries[2]}]}}'.encode(), listed)


def test_a_shorter_list_is_not_the_known_one():
    buckets = [entry(number) for number in range(20)]
    listed = read(body_of(buckets))
    assert len(read(body_of(buckets[:-1]), listed).buckets) == 19
    assert [item.slug for item in read(body_of(buckets[:7] + buckets[9:]), listed).buckets][6:8] == [
        "area-000006",
        "area-000009",
    ]
    # Also where a row much longer than the rest is gone: what follows it is less than its text.
    long = read(body_of([entry(0, description="x" * 100_000), *buckets[1:]]))
    assert len(read(body_of(buckets[1:]), long, 1_000).buckets) == 19


def test_what_is_kept_and_used_is_a_fraction_of_the_body_and_of_its_plain_json():
    body = body_of([entry(number) for number in range(MANY)])
    tracemalloc.start()
    plain = json.loads(body)
    plain_kept = tracemalloc.get_traced_memory()[0]
    del plain
    tracemalloc.stop()
    tracemalloc.start()
    listed = read(body)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(listed.buckets) == MANY
    assert kept < plain_kept / 2
    assert kept < 500 * MANY
    assert peak < kept + 4 * 1024 * 1024


def test_an_unchanged_list_is_the_same_rows_and_takes_a_fraction_of_plain_json():
    body = body_of([entry(number) for number in range(MANY)])
    listed = read(body)

    def seconds(again: bool) -> float:
        started = time.process_time()
        if again:
            assert read(body, listed).buckets is listed.buckets
        else:
            json.loads(body)
        return time.process_time() - started

    assert min(seconds(again=True) for _ in range(5)) < 0.5 * min(seconds(again=False) for _ in range(5))


def test_one_long_entry_takes_linear_time():
    def seconds(chars: int) -> float:
        body = body_of([entry(0, description="x" * chars)])
        started = time.process_time()
        read_like_the_client(body)
        return time.process_time() - started

    small = min(seconds(2_000_000) for _ in range(3))
    large = min(seconds(8_000_000) for _ in range(3))
    assert large < 10 * small + 0.05


def read_like_the_client(body: bytes) -> BucketList:
    reader = BucketListReader(BucketList())
    start = 0
    while start < len(body):
        size = max(16 * 1024, reader.wanted)
        reader.feed(body[start : start + size])
        start += size
    return reader.end()
