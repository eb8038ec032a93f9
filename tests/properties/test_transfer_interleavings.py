"""Whatever is cut, lost, refused or restarted, in any order: each byte is stored once, and right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import anyio
from hypothesis import Phase, given, settings, strategies as st

from calypso_mcp.client import ClientPolicies
from calypso_mcp.client.uploading.upload import Upload
from calypso_mcp.domain.retry import RetryPolicy
from tests.support.fault_script import (
    STORAGE,
    Answer,
    Die,
    Drop,
    ExpiredSession,
    Fault,
    Kind,
    LoseAnswer,
    NoRangeOn308,
    On,
    ProcessDied,
    Script,
)
from tests.support.faulty_calypso import FaultyCalypso, as_stored, content, faulty_calypso, sizes, upload_of

#: Every request that changes something, and every question for the offset.
ANYTHING: Final = Kind("PUT|POST", r"/.*")
#: More patient than any script is long.
PATIENT: Final = ClientPolicies(
    retry=RetryPolicy(attempts=30), storage_retry=RetryPolicy(attempts=30), parallel_uploads=3
)

#: Around the 256 KiB that a storage keeps of an incomplete part.
SIZES: Final = st.sampled_from([1, 1_000, 262_143, 262_144, 262_145, 524_288, 700_001])
OFFSETS: Final = st.sampled_from([0, 1, 1_000, 262_143, 262_144, 262_145, 300_000, 524_288, 699_999, 800_000])

PASSING: Final[st.SearchStrategy[Fault | None]] = st.one_of(
    st.none(),
    OFFSETS.map(Drop),
    st.just(LoseAnswer()),
    st.sampled_from([Answer(503), Answer(429), Answer(408)]),
    st.just(NoRangeOn308()),
    st.just(ExpiredSession()),
)


@dataclass(frozen=True)
class Life:
    """One run of the client's process: what happens to its requests in order, and how it ends after those."""

    faults: tuple[Fault | None, ...]
    death: Die


LIVES: Final = st.lists(
    st.builds(Life, st.lists(PASSING, max_size=6).map(tuple), OFFSETS.map(Die)), max_size=2
)


def play(script: Script, kind: Kind, faults: tuple[Fault | None, ...]) -> None:
    script.clear()
    for nth, fault in enumerate(faults, start=1):
        if fault is not None:
            # Only upload addresses expire.
            script.add(On(STORAGE if isinstance(fault, ExpiredSession) else kind, fault, nth=nth))


async def live(calypso: FaultyCalypso, uploads: list[Upload], *, in_batch: bool) -> bool:
    """Upload everything; False when the process died on the way."""
    try:
        async with calypso.client(PATIENT) as client:
            if in_batch:
                outcomes = await client.uploads.upload_all(uploads)
                assert all(outcome.is_uploaded for outcome in outcomes), outcomes
            else:
                for upload in uploads:
                    await client.uploads.upload(upload)
    except ProcessDied:
        return False
    except BaseExceptionGroup as group:
        _, others = group.split(ProcessDied)
        if others is not None:
            raise
        return False
    return True


async def run(
    uploads: list[Upload],
    backend_runs: list[list[Life]],
    last: tuple[Fault | None, ...],
    *,
    in_batch: bool,
) -> None:
    script = Script()
    with TemporaryDirectory() as folder, anyio.fail_after(30):
        for number, lives in enumerate(backend_runs, start=1):
            async with faulty_calypso(Path(folder), script) as calypso:
                for life in lives:
                    play(script, ANYTHING, (*life.faults, life.death))
                    await live(calypso, uploads, in_batch=in_batch)
                if number == len(backend_runs):
                    play(script, STORAGE, last)
                    assert await live(calypso, uploads, in_batch=in_batch)
                    assert await calypso.stored() == await as_stored(uploads)
                    assert calypso.sealed_bytes() == sizes(uploads)


@settings(max_examples=30, phases=[Phase.explicit, Phase.generate])
@given(
    file_sizes=st.lists(SIZES, min_size=1, max_size=3),
    backend_runs=st.lists(LIVES, min_size=1, max_size=3),
    last=st.lists(PASSING, max_size=8).map(tuple),
    in_batch=st.booleans(),
)
def test_any_interleaving_of_faults_and_restarts_ends_with_each_byte_stored_once(
    file_sizes: list[int], backend_runs: list[list[Life]], last: tuple[Fault | None, ...], in_batch: bool
) -> None:
    uploads = [upload_of(f"file-{n}.md", content(n, size)) for n, size in enumerate(file_sizes)]

    anyio.run(lambda: run(uploads, backend_runs, last, in_batch=in_batch))
