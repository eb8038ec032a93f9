"""Signs of life of processes. Locks belong to open files, so threads stand for processes here."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from calypso_mcp.local.processes.presence import Presence

BOUND_S = 60.0


@contextmanager
def alive(folder: Path) -> Generator[Presence]:
    presence = Presence(folder)
    presence.enter()
    try:
        yield presence
    finally:
        presence.leave()


def test_a_process_is_gone_when_it_has_left_or_died(tmp_path: Path) -> None:
    looking = Presence(tmp_path)
    with alive(tmp_path) as one, alive(tmp_path) as other:
        assert not looking.is_gone(one.owner)
        other.leave()
        assert looking.is_gone(other.owner)
        # A killed process leaves its file behind, and no process holds it.
        (tmp_path / "worker_killed").touch()
        assert looking.is_gone("worker_killed")
        assert [sign.name for sign in tmp_path.iterdir()] == [one.owner]


def test_the_signs_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path: Path) -> None:
    (tmp_path / "worker_killed").touch()
    with alive(tmp_path) as one, alive(tmp_path) as other:
        one.forget_ended()
        assert {sign.name for sign in tmp_path.iterdir()} == {one.owner, other.owner}


def test_a_process_that_starts_while_others_look_around_is_not_taken_for_a_dead_one(tmp_path: Path) -> None:
    over = Event()

    def look_around() -> None:
        looking = Presence(tmp_path)
        while not over.is_set():
            looking.forget_ended()

    with ThreadPoolExecutor(3) as pool:
        lookers = [pool.submit(look_around) for _ in range(3)]
        try:
            for _ in range(300):
                with alive(tmp_path) as started:
                    assert not Presence(tmp_path).is_gone(started.owner)
        finally:
            over.set()
        for looker in lookers:
            looker.result(BOUND_S)
