"""Life beyond one machine at full size; the tests do the same with less.

    python -m tests.benchmarks.beyond_one_machine [replicas | move]

`replicas`: three servers with folders of their own over one API, 1,000 calls and 100 one-time uploads spread
at random, one server killed and back. `move`: an embedded folder of 1,000 sources moved to another Calypso,
killed on the way and started again. Either ends with an error unless all is there, once.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import anyio

from tests.commands.test_move import move_with_an_interruption
from tests.protocol.test_replicas import cluster_of, make_bucket, work_off_while_one_is_killed
from tests.support.live_backend import options_for, serving

CALLS, UPLOADS, SOURCES = 1_000, 100, 1_000
_LIMIT_S = 3_600.0


def _replicas(folder: Path) -> None:
    with cluster_of(folder, options_for(folder / "api")) as cluster:
        anyio.run(make_bucket, cluster)
        started = time.perf_counter()
        anyio.run(work_off_while_one_is_killed, cluster, CALLS, UPLOADS, _LIMIT_S)
    print(f"{CALLS} calls, {UPLOADS} uploads: all there, once, in {time.perf_counter() - started:.0f} s")


def _move(folder: Path) -> None:
    there = options_for(folder / "there")
    started = time.perf_counter()
    with serving(there) as origin:
        move_with_an_interruption(folder, there, origin, SOURCES)
    print(f"{SOURCES} sources moved: all there, once, in {time.perf_counter() - started:.0f} s")


def main() -> None:
    for name, run in {"replicas": _replicas, "move": _move}.items():
        if name in (sys.argv[1:] or [name]):
            with tempfile.TemporaryDirectory() as folder:
                run(Path(folder))


if __name__ == "__main__":
    main()
