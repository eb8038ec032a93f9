from __future__ import annotations

import pytest

from calypso_mcp.domain.limits import CHUNK_GRANULARITY
from calypso_mcp.domain.uploads.resumable import ResumableUpload, UploadState
from calypso_mcp.errors import SessionExpired, UploadError, UploadOutOfStep

TOTAL = 1_000_000
KEPT = CHUNK_GRANULARITY
RANGE = f"bytes=0-{KEPT - 1}"


def sending(total: int = TOTAL, chunk: int | None = None, *, resumed: bool = False) -> ResumableUpload:
    """Return a machine whose first request is on its way."""
    machine = ResumableUpload(total, chunk, resumed=resumed)
    machine.next_request()
    return machine


def test_a_new_upload_sends_the_whole_object_at_once() -> None:
    request = ResumableUpload(TOTAL).next_request()

    assert request.content_range == "bytes 0-999999/1000000"
    assert (request.offset, request.length) == (0, TOTAL)


def test_a_resumed_upload_asks_before_it_sends() -> None:
    request = ResumableUpload(TOTAL, resumed=True).next_request()

    assert request.content_range == "bytes */1000000"
    assert request.length == 0


def test_an_empty_object_has_no_first_and_last_byte() -> None:
    assert ResumableUpload(0).next_request().content_range == "bytes */0"


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("resumed", [True, False])
def test_a_finished_object_ends_the_upload(status: int, resumed: bool) -> None:
    machine = sending(resumed=resumed)

    machine.receive(status, None)

    assert machine.is_done
    assert machine.offset == TOTAL


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (None, 0),
        ("", 0),
        ("bytes=0-0", 1),
        (RANGE, KEPT),
        (f"0-{KEPT - 1}", KEPT),
        (f"  {RANGE} ", KEPT),
        ("bytes=0-999999", TOTAL),
    ],
)
def test_the_next_request_starts_after_what_was_kept(header: str | None, kept: int) -> None:
    machine = sending()

    machine.receive(308, header)

    assert machine.offset == kept
    assert machine.setback is (kept == 0)
    request = machine.next_request()
    if kept == TOTAL:
        assert request.content_range == f"bytes */{TOTAL}"
    else:
        assert request.content_range == f"bytes {kept}-{TOTAL - 1}/{TOTAL}"


@pytest.mark.parametrize(
    "header",
    [
        "bytes=0-",
        "bytes=5-10",
        "bytes=0--1",
        "0",
        "bytes 0-10/20",
        "bytes=0-1,5-6",
        "bytes=0-٣",
        "x" * 99,
        "bytes=0-" + "9" * 40,
    ],
)
def test_an_unreadable_range_stops_the_upload(header: str) -> None:
    with pytest.raises(UploadOutOfStep):
        sending().receive(308, header)


def test_more_acknowledged_than_sent_stops_the_upload() -> None:
    machine = sending(chunk=CHUNK_GRANULARITY)

    with pytest.raises(UploadOutOfStep):
        machine.receive(308, f"bytes=0-{KEPT}")


def test_more_than_the_object_has_stops_even_a_resumed_upload() -> None:
    with pytest.raises(UploadOutOfStep):
        sending(resumed=True).receive(308, f"bytes=0-{TOTAL}")


def test_a_resumed_upload_believes_what_an_earlier_run_has_sent() -> None:
    machine = sending(resumed=True)

    machine.receive(308, RANGE)

    assert machine.offset == KEPT
    assert not machine.setback


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_after_a_passing_failure_the_offset_is_asked_for(status: int) -> None:
    machine = sending()

    machine.receive(status, RANGE)

    assert machine.state is UploadState.ASKING
    assert machine.setback
    assert machine.next_request().content_range == f"bytes */{TOTAL}"


def test_after_no_answer_the_offset_is_asked_for() -> None:
    machine = sending()

    machine.lost()
    assert machine.setback
    assert machine.next_request().length == 0
    machine.receive(308, RANGE)

    assert not machine.setback
    assert machine.next_request().content_range == f"bytes {KEPT}-{TOTAL - 1}/{TOTAL}"


@pytest.mark.parametrize("status", [404, 410])
def test_a_dead_address_is_told_apart(status: int) -> None:
    with pytest.raises(SessionExpired):
        sending().receive(status, None)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((400, False), (401, True), (403, True), (412, False), (416, False), (301, False), (204, False)),
        (507, True),
    ],
)
def test_a_refusal_is_not_repeated(status: int, retryable: bool) -> None:
    with pytest.raises(UploadError) as raised:
        sending().receive(status, None)

    assert raised.value.retryable is retryable


@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_a_redirect_is_named_and_not_blamed_on_the_file(status: int) -> None:
    with pytest.raises(UploadError, match="redirect") as raised:
        sending().receive(status, None)

    assert "file" not in raised.value.hint
    assert "operator" in raised.value.hint
    assert not raised.value.retryable


def test_chunks_cover_the_object_without_gap_or_overlap() -> None:
    total = 3 * CHUNK_GRANULARITY + 7
    machine = ResumableUpload(total, CHUNK_GRANULARITY)
    ranges: list[str] = []
    while not machine.is_done:
        request = machine.next_request()
        ranges.append(request.content_range)
        end = request.offset + request.length
        machine.receive(200 if end == total else 308, f"bytes=0-{end - 1}")

    assert ranges == [
        "bytes 0-262143/786439",
        "bytes 262144-524287/786439",
        "bytes 524288-786431/786439",
        "bytes 786432-786438/786439",
    ]


def test_a_storage_that_has_everything_and_does_not_finish_is_a_setback_each_time() -> None:
    machine = sending()
    machine.receive(308, f"bytes=0-{TOTAL - 1}")
    assert not machine.setback

    for _ in range(2):
        machine.next_request()
        machine.receive(308, f"bytes=0-{TOTAL - 1}")
        assert machine.setback


@pytest.mark.parametrize("kept", [KEPT, TOTAL])
def test_a_storage_that_forgot_is_sent_everything_again(kept: int) -> None:
    machine = sending()
    machine.receive(308, f"bytes=0-{kept - 1}")
    machine.next_request()

    machine.receive(308, None)

    assert machine.setback
    assert machine.next_request().offset == 0
