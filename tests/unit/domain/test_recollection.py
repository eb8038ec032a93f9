"""What is known of files from earlier calls, driven without I/O through whatever an API may answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.domain.states.file_state import FileState, Reason
from calypso_mcp.domain.states.readiness import Readiness
from calypso_mcp.domain.uploads.recollection import Recollection, choose_sent, is_unfinished

BUSY = FileState(outcome="failed", reason=Reason("busy", "Too busy.", retryable=True))
REFUSED = FileState(outcome="failed", reason=Reason("refused", "No.", retryable=False))
ERRORS = st.sampled_from([BUSY, REFUSED])
#: Where the API has a file: nowhere, stored and not taken over, taken over, or failed since.
TRUTHS = st.sampled_from(["absent", "stored", "present", "gone"])
#: Of each file: whether the memory knows that it arrived, its batch, and the truth about it.
MEMORIES = st.tuples(st.booleans(), st.sampled_from(["b1", "b2", None]), TRUTHS)


class Api:
    """An API with a truth about each file, of which batches and files may fail to be asked."""

    def __init__(
        self,
        memories: list[tuple[bool, str | None, str]],
        failing: dict[str, FileState],
        unlisted: set[str],
        missing: set[str],
    ) -> None:
        self.truths = {str(number): truth for number, (_, _, truth) in enumerate(memories)}
        self.batches = {str(number): batch_id for number, (_, batch_id, _) in enumerate(memories)}
        self.failing = failing
        self.unlisted = unlisted
        self.missing = missing

    def answer_batch(self, recollection: Recollection, batch_id: str) -> dict[str, str]:
        if batch_id in self.missing:
            recollection.batch_missing(batch_id)
            return {}
        if recollection.must_finalize(batch_id):
            for name in self._files(batch_id):
                self.truths[name] = "present" if self.truths[name] == "stored" else self.truths[name]
            taken = {
                name: FileState(file_id=f"k-{name}") for name in self._files(batch_id) if self._has(name)
            }
            recollection.batch_finalized(batch_id, taken)
        if batch_id in self.failing:
            recollection.batch_failed(batch_id, self.failing[batch_id])
            return {}
        listed = {name for name in self._files(batch_id) if self._has(name) and name not in self.unlisted}
        return recollection.batch_seen(batch_id, {name: self._state(name) for name in listed})

    def answer_file(self, recollection: Recollection, name: str) -> None:
        if name in self.failing:
            recollection.file_failed(name, self.failing[name])
        else:
            recollection.file_seen(name, is_present=self.truths[name] == "present")

    def _files(self, batch_id: str) -> list[str]:
        return [name for name, own in self.batches.items() if own == batch_id]

    def _has(self, name: str) -> bool:
        return self.truths[name] in {"present", "gone"}

    def _state(self, name: str) -> FileState:
        readiness = Readiness.FAILED if self.truths[name] == "gone" else Readiness.PENDING
        status = "deleted" if self.truths[name] == "gone" else "indexing"
        return FileState(f"k-{name}", file_id=f"k-{name}", readiness=readiness, status=status)


def play(memories: list[tuple[bool, str | None, str]], api: Callable[[], Api], order: int) -> Recollection:
    """Answer everything that is asked, batches in one of their orders and files in both directions."""
    recollection, server = Recollection(remembered(memories)), api()
    for batch_id in sorted(recollection.batches, reverse=bool(order & 1)):
        server.answer_batch(recollection, batch_id)
    for name in sorted(recollection.alone, reverse=bool(order & 2)):
        server.answer_file(recollection, name)
    return recollection


def went(file_id: str | None, batch_id: str | None, client_file_id: str) -> FileState:
    return FileState(file_id=file_id, batch_id=batch_id, client_file_id=client_file_id)


def remembered(memories: list[tuple[bool, str | None, str]]) -> dict[str, FileState]:
    return {
        str(number): went(f"k-{number}" if has_arrived else None, batch_id, str(number))
        for number, (has_arrived, batch_id, _) in enumerate(memories)
    }


@given(
    st.lists(MEMORIES, max_size=6),
    st.dictionaries(st.sampled_from(["b1", "b2", "0", "1", "2"]), ERRORS),
    st.sets(st.sampled_from(["0", "1", "2", "3"])),
    st.sets(st.sampled_from(["b1", "b2"])),
)
def test_in_any_order_of_answers_a_file_is_replayed_only_if_the_api_has_it(
    memories: list[tuple[bool, str | None, str]],
    failing: dict[str, FileState],
    unlisted: set[str],
    missing: set[str],
) -> None:
    ends = [play(memories, lambda: Api(memories, failing, unlisted, missing), order) for order in range(4)]

    first = ends[0]
    assert all((end.states, end.lost, end.news) == (first.states, first.lost, first.news) for end in ends)
    replayed = {name: state.file_id for name, state in first.states.items() if state.is_replayed}
    assert replayed == {name: f"k-{name}" for name in replayed}
    for name, file in remembered(memories).items():
        truth = memories[int(name)][2]
        assert name not in replayed or truth in {"present", "stored"}
        assert (name in first.news) == (name in replayed and file.file_id is None)
        if file.file_id is not None:
            assert (name in first.states) != (file.file_id in first.lost)
            # A file that arrived is never sent again because its batch could not be asked about.
            assert name in first.states or file.batch_id not in failing.keys() - missing
            was_asked = name not in failing and file.batch_id not in failing
            assert name in replayed or truth != "present" or not was_asked


@pytest.mark.parametrize(("error", "settled"), [(BUSY, {"arrived", "announced"}), (REFUSED, {"arrived"})])
def test_an_announced_file_is_sent_again_unless_asking_later_helps(
    error: FileState, settled: set[str]
) -> None:
    known = {"arrived": went("k", "b", "1"), "announced": went(None, "b", "2")}
    recollection = Recollection(known)

    recollection.batch_failed("b", error)

    assert recollection.states.keys() == settled
    assert {state.batch_id for state in recollection.states.values()} == {"b"}


def test_old_content_that_arrived_with_its_batch_is_reported_with_its_place() -> None:
    recollection = Recollection({}, {"b": {"old-1": "folder/a.md", "old-2": "folder/b.md"}})

    assert recollection.batches == ["b"]
    assert not recollection.must_finalize("b")
    arrived = recollection.batch_seen("b", {"old-1": FileState(file_id="k"), "old-2": FileState()})

    assert arrived == {"folder/a.md": "old-1"}


ANNOUNCED, ARRIVED = went(None, "b", "1"), went("k", "b", "1")


@pytest.mark.parametrize(
    ("known", "batch_id", "expected"),
    [
        ({"1": ANNOUNCED, "2": ANNOUNCED}, "b", True),
        ({"1": ARRIVED, "2": ANNOUNCED}, "b", True),
        ({"1": ARRIVED}, "b", True),
        ({"1": ARRIVED, "2": ARRIVED}, "b", False),
        ({"1": ANNOUNCED, "2": went("k", "elsewhere", "2")}, "b", False),
        ({"1": ANNOUNCED, "2": ANNOUNCED}, None, False),
    ],
)
def test_a_batch_is_continued_only_if_it_was_opened_and_all_its_files_are_in_it(
    known: dict[str, FileState], batch_id: str | None, *, expected: bool
) -> None:
    assert is_unfinished(("1", "2"), known, batch_id) is expected


def test_of_several_memories_one_that_arrived_counts() -> None:
    assert choose_sent([ANNOUNCED, ARRIVED]) is ARRIVED
    assert choose_sent([ANNOUNCED]) is ANNOUNCED
    assert choose_sent([]) is None
