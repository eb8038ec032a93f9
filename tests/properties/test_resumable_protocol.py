"""The protocol machine against a storage that does whatever the protocol allows, in any order."""

from __future__ import annotations

import re
from enum import Enum

from hypothesis import given, strategies as st

from calypso_mcp.domain.limits import CHUNK_GRANULARITY
from calypso_mcp.domain.uploads.resumable import ResumableUpload, UploadRequest


class Event(Enum):
    """What becomes of one request."""

    ARRIVES = "it arrives whole"
    IN_PART = "a part of it arrives, and the connection breaks"
    KEPT_IN_PART = "it arrives, but a part is kept, which the answer tells"
    ANSWER_LOST = "it arrives, but its answer does not"
    NEVER_ARRIVES = "nothing arrives"
    REFUSED = "the storage is busy"


class Storage:
    """An object that is stored in granules; remembers how often each byte came in."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept = 0
        self.stored: list[tuple[int, int]] = []

    @property
    def complete(self) -> bool:
        return self.kept == self.size and (self.size > 0 or bool(self.stored))

    def take(self, request: UploadRequest, arriving: int) -> None:
        match = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\d+)", request.content_range)
        assert match is not None
        assert int(match[3]) == self.size
        if match[1] is None:
            if self.size == 0:
                self.stored.append((0, 0))
            return
        start, end = int(match[1]), int(match[2]) + 1
        assert (start, end) == (request.offset, request.offset + request.length)
        assert start <= self.kept, "a gap"
        reached = min(end, start + arriving)
        if reached < self.size:
            reached -= reached % CHUNK_GRANULARITY
        if reached > self.kept:
            self.stored.append((self.kept, reached))
            self.kept = reached

    def answer(self) -> tuple[int, str | None]:
        if self.complete:
            return 200, None
        return 308, f"bytes=0-{self.kept - 1}" if self.kept else None


SIZES = st.one_of(
    st.sampled_from([0, 1, CHUNK_GRANULARITY - 1, CHUNK_GRANULARITY, CHUNK_GRANULARITY + 1]),
    st.integers(0, 5 * CHUNK_GRANULARITY),
)
EVENTS = st.lists(st.tuples(st.sampled_from(Event), st.floats(0, 1)), max_size=30)
CHUNKS = st.one_of(st.none(), st.integers(1, 3).map(lambda granules: granules * CHUNK_GRANULARITY))


@given(size=SIZES, chunk=CHUNKS, events=EVENTS, restarts=st.sets(st.integers(0, 30)))
def test_whatever_happens_each_byte_is_stored_once_and_in_order(
    size: int, chunk: int | None, events: list[tuple[Event, float]], restarts: set[int]
) -> None:
    storage = Storage(size)
    machine = ResumableUpload(size, chunk)
    exchanges = 0
    while not machine.is_done:
        event, share = events[exchanges] if exchanges < len(events) else (Event.ARRIVES, 1.0)
        if exchanges in restarts:
            machine = ResumableUpload(size, chunk, resumed=True)
        exchanges += 1
        assert exchanges < len(events) + 100, "it does not come to an end"
        request = machine.next_request()
        part = event in {Event.IN_PART, Event.KEPT_IN_PART}
        if event not in {Event.NEVER_ARRIVES, Event.REFUSED}:
            storage.take(request, int(request.length * share) if part else request.length)
        if event in {Event.ARRIVES, Event.KEPT_IN_PART}:
            machine.receive(*storage.answer())
        elif event is Event.REFUSED:
            machine.receive(503, None)
        else:
            machine.lost()

    assert storage.complete
    assert machine.offset == size
    # No byte twice, none left out, in order.
    position = 0
    for start, end in storage.stored:
        assert start == position
        position = end
    assert position == size
