"""The state machine of a batch, driven without I/O through whatever an API and a network may answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from calypso_mcp.domain.states.file_state import FileState, Reason
from calypso_mcp.domain.uploads.batch_upload import MOST_FINALIZES, BatchStep, BatchUpload, FinalizeAnswer

IDS = ("a", "b", "c")
REASON = Reason("broken", "It broke.")
BUSY = FileState(outcome="failed", reason=Reason("busy", "Too busy.", retryable=True))
BROKEN = FileState(outcome="failed", reason=REASON)


class Api:
    """An API that keeps its word about files, and yet answers in any way it may."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.stored: set[str] = set(data.draw(some()))
        self.taken: set[str] = (
            set(data.draw(st.sets(st.sampled_from(sorted(self.stored))))) if self.stored else set()
        )
        self.gone: set[str] = set(data.draw(some()))
        self.steps: list[BatchStep] = []

    def answer(self, machine: BatchUpload) -> None:
        """Answer one step."""
        self.steps.append(machine.step)
        answers: dict[BatchStep, Callable[[BatchUpload], None]] = {
            BatchStep.CREATE: self._create,
            BatchStep.LOOK: self._look,
            BatchStep.SEND: self._send,
            BatchStep.RENEW: self._renew,
            BatchStep.FINALIZE: self._finalize,
            BatchStep.CHECK: self._check,
        }
        answers[machine.step](machine)

    def fails(self) -> bool:
        return self.data.draw(st.sampled_from([False, False, True]))

    def _create(self, machine: BatchUpload) -> None:
        if self.fails():
            machine.refused(BROKEN, key_reused=self.data.draw(st.booleans()))
            return
        rejected = self.data.draw(some())
        accepted = self.data.draw(some()) - rejected
        replayed = bool(self.taken) or self.data.draw(st.booleans())
        machine.created("batch", accepted, dict.fromkeys(rejected, REASON), replayed=replayed)

    def _take_over(self) -> FinalizeAnswer:
        lost = self.data.draw(some()) if self.fails() else set[str]()
        new = self.stored - self.taken - lost
        answer = FinalizeAnswer(
            finalized={file_id: FileState(file_id=f"file-{file_id}") for file_id in new},
            replayed={file_id: FileState(file_id=f"file-{file_id}") for file_id in self.taken},
            failed=dict.fromkeys(lost - self.taken, REASON),
            pending=self.data.draw(some()),
        )
        self.taken |= new
        return answer

    def _look(self, machine: BatchUpload) -> None:
        machine.looked(None if self.fails() else self._take_over())

    def _send(self, machine: BatchUpload) -> None:
        for file_id in self.data.draw(st.permutations(machine.to_send)):
            ending = self.data.draw(st.sampled_from(["arrived", "died", "broke"]))
            if ending == "arrived":
                machine.arrived(file_id, brought=file_id not in self.stored)
                self.stored.add(file_id)
            elif ending == "died":
                machine.died(file_id)
            else:
                machine.broke(file_id, BROKEN)
        machine.sent()

    def _renew(self, machine: BatchUpload) -> None:
        if self.fails():
            machine.renewal_failed(BROKEN)
        else:
            machine.renewed(self.data.draw(some()))

    def _finalize(self, machine: BatchUpload) -> None:
        if self.fails():
            error = self.data.draw(st.sampled_from([BUSY, BROKEN]))
            machine.finalize_failed(error, is_unknown=self.data.draw(st.booleans()))
        else:
            machine.finalized(self._take_over(), repeated=self.data.draw(st.booleans()))

    def _check(self, machine: BatchUpload) -> None:
        states = {file_id: FileState(status="failed") for file_id in self.gone}
        machine.checked({} if self.fails() else states)


def some() -> st.SearchStrategy[set[str]]:
    """Return some of the files."""
    return st.sets(st.sampled_from(IDS))


@given(st.data())
def test_whatever_is_answered_every_file_ends_in_one_place_within_few_steps(data: st.DataObject) -> None:
    machine, api = BatchUpload(IDS), Api(data)
    settled: dict[str, FileState] = {}

    while machine.step is not BatchStep.DONE:
        api.answer(machine)
        assert len(api.steps) <= 6 + MOST_FINALIZES
        # A file is settled once; only the last check takes it back.
        for file_id in settled.keys() & machine.states.keys():
            assert machine.states[file_id] == settled[file_id]
        assert settled.keys() - machine.states.keys() <= machine.again
        settled = dict(machine.states)

    assert machine.states.keys() | machine.again == set(IDS)
    assert not machine.states.keys() & machine.again
    for file_id, state in machine.states.items():
        assert (state.file_id is not None) == state.is_uploaded
        assert file_id in api.taken if state.is_uploaded else state.reason is not None
    assert api.steps.count(BatchStep.RENEW) <= 1
    if BatchStep.CHECK in api.steps:
        assert api.steps[-1] is BatchStep.CHECK


def sent(*, brought: bool, replayed: bool = False) -> BatchUpload:
    """Return a batch of one file whose bytes have arrived."""
    machine = BatchUpload(["a"])
    machine.created("batch", {"a"}, {}, replayed=replayed)
    if replayed:
        machine.looked(None)
    machine.arrived("a", brought=brought)
    machine.sent()
    return machine


FILE = {"a": FileState(file_id="file-a")}


@pytest.mark.parametrize(
    ("brought", "repeated", "outcome"),
    [(True, True, "accepted"), (True, False, "replayed"), (False, True, "replayed")],
)
def test_a_file_is_ours_when_the_answer_that_said_so_may_have_been_lost(
    brought: bool, repeated: bool, outcome: str
) -> None:
    machine = sent(brought=brought)

    machine.finalized(FinalizeAnswer(replayed=FILE), repeated=repeated)

    assert machine.states["a"].outcome == outcome


def test_a_file_called_pending_is_asked_about_a_few_times_and_then_told_as_pending() -> None:
    machine = sent(brought=True)

    for number in range(MOST_FINALIZES):
        assert (machine.step, machine.setbacks) == (BatchStep.FINALIZE, number)
        machine.finalized(FinalizeAnswer(pending={"a"}))

    assert machine.step is BatchStep.DONE
    assert (machine.states["a"].outcome, machine.states["a"].code) == ("pending", "upload_pending")


@pytest.mark.parametrize(("error", "outcome"), [(BUSY, "pending"), (BROKEN, "failed")])
def test_a_finalize_that_fails_leaves_open_what_may_still_come(error: FileState, outcome: str) -> None:
    machine = sent(brought=True)

    machine.finalize_failed(error)

    assert machine.states["a"].outcome == outcome


def test_an_address_that_died_is_renewed_once_and_then_needs_another_key() -> None:
    machine = BatchUpload(["a"])
    machine.created("batch", {"a"}, {}, replayed=True)
    machine.looked(None)
    assert machine.resumed
    machine.died("a")
    machine.sent()
    machine.renewed({"a"})
    assert (machine.to_send, machine.resumed) == (["a"], False)
    machine.died("a")
    machine.sent()
    machine.finalized(FinalizeAnswer(pending={"a"}))

    assert (machine.step, machine.again, machine.states) == (BatchStep.DONE, {"a"}, {})


def test_a_replay_whose_file_has_failed_since_is_sent_again() -> None:
    machine = sent(brought=False, replayed=True)
    machine.finalized(FinalizeAnswer(replayed=FILE))
    assert machine.step is BatchStep.CHECK

    machine.checked({"a": FileState(status="failed")})

    assert (machine.again, machine.states) == ({"a"}, {})
