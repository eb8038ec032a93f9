"""What a batch may cost, as ratios and counts: the benchmark's own measurement, on few files."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks.uploads import Scenario, run

_MIB = 1 << 20


async def test_files_are_sent_side_by_side_with_no_request_too_many():
    cost = await run(Scenario("small", files=40, size_bytes=4096, put_delay_ms=50), repeat=1)

    # Eight at a time would be an eighth; the rest is room for a busy machine.
    assert cost["wall_s"] < 0.6 * cost["bare sequential s"]
    # Every file once; the buckets, what this one holds, create and finalize.
    assert cost["requests"] <= 40 + 5


@pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's account of a process's memory")
async def test_memory_does_not_grow_with_what_is_sent():
    cost = await run(Scenario("large", files=24, size_bytes=5 * _MIB, put_delay_ms=0, suffix="pdf"), repeat=1)

    # Far less than the 120 MiB that are sent.
    assert cost["peak MB"] - cost["idle MB"] < 40
