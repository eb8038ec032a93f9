"""Uploaded bytes on the disk."""

from __future__ import annotations

import base64
import hashlib
import sys
from contextlib import closing
from pathlib import Path

import google_crc32c
import pytest

from calypso_mcp.local.blobs import AlreadySealed, BlobBusy, Blobs, Digests, HashMismatch, Whole

UNIT = 262_144


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    made = Blobs(tmp_path)
    made.prepare()
    return made


def test_bytes_are_sealed_with_their_hashes(blobs: Blobs) -> None:
    with closing(blobs.open_partial("s", 5)) as partial:
        digests = partial.seal(b"hello", {})
    assert digests.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert blobs.sealed_path("s").read_bytes() == b"hello"
    assert blobs.is_sealed("s", 5)
    assert not blobs.is_sealed("s", 6)
    assert blobs.digests("s").md5 == digests.md5
    with pytest.raises(AlreadySealed):
        blobs.open_partial("s", 5)


def test_one_session_is_open_once(blobs: Blobs) -> None:
    with closing(blobs.open_partial("s", 5)):
        with pytest.raises(BlobBusy):
            blobs.open_partial("s", 5)
        blobs.open_partial("other", 5).close()
    blobs.open_partial("s", 5).close()


@pytest.mark.parametrize(
    ("arrived", "size", "kept"),
    [
        (0, 10, 0),
        (9, 10, 0),
        (UNIT, 2 * UNIT, UNIT),
        (UNIT + 1, 2 * UNIT, UNIT),
        (2 * UNIT - 1, 2 * UNIT, UNIT),
        (2 * UNIT, 2 * UNIT, UNIT),
        (2 * UNIT, 2 * UNIT + 1, 2 * UNIT),
    ],
)
def test_what_was_not_acknowledged_is_dropped_down_to_whole_units(
    blobs: Blobs, arrived: int, size: int, kept: int
) -> None:
    with closing(blobs.open_partial("s", size)) as partial:
        partial.append(b"x" * arrived)
    assert blobs.stored("s", size) == kept


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_what_a_full_disk_cut_off_is_not_there_twice_when_it_is_written_again(blobs: Blobs) -> None:
    import resource

    data = hashlib.shake_128(b"data").digest(2 * UNIT)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(blobs.open_partial("s", len(data))) as partial:
        resource.setrlimit(resource.RLIMIT_FSIZE, (UNIT + 1, before[1]))
        try:
            with pytest.raises(OSError, match="large"):
                partial.append(data)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        digests = partial.seal(data, {})
    assert digests.sha256 == hashlib.sha256(data).hexdigest()
    assert blobs.sealed_path("s").read_bytes() == data


def test_bytes_that_would_leave_too_little_of_the_disk_free_are_not_written(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path, min_free_bytes=10**18)
    blobs.prepare()
    with closing(blobs.open_partial("s", 5)) as partial, pytest.raises(OSError, match="No space"):
        partial.seal(b"hello", {})
    assert blobs.stored("s", 5) == 0


def test_a_wrong_hash_keeps_nothing(blobs: Blobs) -> None:
    with closing(blobs.open_partial("s", 5)) as partial, pytest.raises(HashMismatch):
        partial.seal(b"hello", {"md5": "AAAA"})
    assert not blobs.is_sealed("s", 5)
    assert blobs.stored("s", 5) == 0


def test_whole_contents_are_sealed_together_and_each_has_its_own_end(blobs: Blobs) -> None:
    with closing(blobs.open_partial("done", 5)) as partial:
        partial.seal(b"hello", {})
    with closing(blobs.open_partial("busy", 5)):
        ends = blobs.seal_together(
            [
                Whole("a", b"hello", {}),
                Whole("done", b"hello", {}),
                Whole("busy", b"hello", {}),
                Whole("wrong", b"hello", {"md5": "AAAA"}),
                Whole("b", b"world", {"md5": blobs.digests("done").md5.replace("X", "Y")}),
                Whole("c", b"world!", {}),
            ]
        )
    kinds = [type(end) for end in ends]
    assert kinds == [Digests, AlreadySealed, BlobBusy, HashMismatch, HashMismatch, Digests]
    assert ends[0] == blobs.digests("done")
    assert blobs.sealed_path("c").read_bytes() == b"world!"
    assert not blobs.is_sealed("wrong", 5)


def test_a_crc_is_checked_when_it_is_announced(blobs: Blobs) -> None:
    right = base64.b64encode(google_crc32c.value(b"hello").to_bytes(4, "big")).decode()
    with closing(blobs.open_partial("s", 5)) as partial:
        assert partial.seal(b"hello", {"crc32c": right}).crc32c == right


def test_discarding_takes_complete_and_incomplete_bytes(blobs: Blobs) -> None:
    blobs.open_partial("half", 5).close()
    with closing(blobs.open_partial("whole", 5)) as partial:
        partial.seal(b"hello", {})
    assert blobs.session_ids() == {"half", "whole"}
    for session_id in ("half", "whole", "never"):
        blobs.discard(session_id)
    assert blobs.session_ids() == set()
