"""A pytest plugin: a test marked `alone` runs while no other worker of a parallel run runs one.

Every test shares a lock, and a test that is alone holds it exclusively. Each asks for it behind a gate, so
that the next tests of other workers wait for a test that waits to be alone.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

if sys.platform != "win32":  # where runs are not parallel
    import fcntl

    @contextmanager
    def _locked(path: Path, kind: int) -> Generator[None]:
        with path.open("ab") as file:
            fcntl.flock(file, kind)
            try:
                yield
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)  # a child that was forked meanwhile holds the file open

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # the wait for a turn counts for no limit of the test
    def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
        if not hasattr(item.config, "workerinput"):
            return (yield)
        of_this_run = Path(item.config.option.basetemp).parent
        kind = fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH
        with ExitStack() as turn:
            with _locked(of_this_run / "gate", fcntl.LOCK_EX):
                turn.enter_context(_locked(of_this_run / "turn", kind))
            return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests that are alone to the end, so that the others wait for few of them."""
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)
