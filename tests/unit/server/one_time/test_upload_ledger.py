from __future__ import annotations

import sqlite3
import stat
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from calypso_mcp.domain.callers.access import owner_of
from calypso_mcp.errors import CalypsoError
from calypso_mcp.server.one_time.upload_ledger import (
    REMEMBERED_S,
    UploadLedger,
    UploadRecord,
    is_upload_id,
)
from tests.support.oauth_issuer import Clock

RECORD = UploadRecord(
    "upload_0123456789abcdefghijkl", owner_of("support"), "issued", "bucket_1", "a.pdf", 1900
)


@pytest.fixture(params=["memory", "file"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "data" / "uploads.sqlite" if request.param == "file" else None


@contextmanager
def opened(path: Path | None, clock: Clock | None = None) -> Generator[UploadLedger]:
    with closing(UploadLedger(path, clock=clock or Clock())) as ledger:
        yield ledger


async def test_the_last_news_of_an_upload_is_what_counts(path: Path | None) -> None:
    clock = Clock()
    with opened(path, clock) as ledger:
        assert await ledger.read(RECORD.upload_id) is None
        await ledger.write(RECORD)
        await ledger.write(replace(RECORD, state="stored", file_id="file_1"))
        found = await ledger.read(RECORD.upload_id)
        assert found is not None
        assert (found.state, found.file_id, found.changed_at) == ("stored", "file_1", 1000)
        clock.now_s += REMEMBERED_S + 1
        assert await ledger.read(RECORD.upload_id) is None


async def test_of_all_who_know_the_same_one_claims_an_upload(path: Path | None) -> None:
    with opened(path) as one, opened(path) as another:
        ledgers = [one, one] if path is None else [one, another]
        await ledgers[0].write(RECORD)
        receiving, interrupted = replace(RECORD, state="receiving"), replace(RECORD, state="interrupted")
        for _ in range(3):
            known = [await ledger.read(RECORD.upload_id) for ledger in ledgers]
            claimed = [
                await ledger.claim(receiving, record) for ledger, record in zip(ledgers, known, strict=True)
            ]
            assert claimed == [True, False]
            await ledgers[1].write(interrupted)
            # A process that knows only an earlier state cannot claim it.
            assert not await ledgers[1].claim(receiving, known[1])


async def test_workers_with_one_file_know_the_same_and_callers_stand_there_as_hashes(tmp_path: Path) -> None:
    path = tmp_path / "uploads.sqlite"
    with opened(path) as one, opened(path) as another:
        await one.write(RECORD)
        found = await another.read(RECORD.upload_id)
    assert found is not None
    assert found.filename == "a.pdf"
    assert b"support" not in b"".join(part.read_bytes() for part in tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
async def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with opened(tmp_path / "uploads.sqlite") as ledger:
        await ledger.write(RECORD)
        assert {stat.S_IMODE(part.stat().st_mode) for part in tmp_path.iterdir()} == {0o600}


async def test_a_caller_has_only_so_many_unused_addresses_and_others_are_not_concerned(
    path: Path | None,
) -> None:
    clock = Clock()
    with opened(path, clock) as ledger:
        for number in range(3):
            address = replace(RECORD, upload_id=f"upload_{number:022}", expires_at=1_900 + number)
            assert await ledger.add(address, most_unused=3) is None
        more = replace(RECORD, upload_id=f"upload_{9:022}")
        assert await ledger.add(more, most_unused=3) == 1_900
        assert await ledger.read(more.upload_id) is None
        assert await ledger.add(replace(more, owner=owner_of("other")), most_unused=3) is None
        # A used address makes room, and so does one that has expired.
        await ledger.write(replace(RECORD, upload_id=f"upload_{2:022}", state="stored"))
        assert await ledger.add(replace(more, upload_id=f"upload_{7:022}"), most_unused=3) is None
        clock.now_s = 1_901
        assert await ledger.add(replace(more, upload_id=f"upload_{8:022}"), most_unused=3) is None


async def test_outdated_records_are_removed_as_new_ones_come(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "uploads.sqlite"
    with opened(path, clock) as ledger:
        for number in range(20):
            await ledger.write(replace(RECORD, upload_id=f"upload_{number:022}"))
        clock.now_s += REMEMBERED_S + 1
        for number in range(20, 27):
            await ledger.write(replace(RECORD, upload_id=f"upload_{number:022}"))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM uploads").fetchone() == (7,)


async def test_200_000_unused_addresses_delay_no_write(tmp_path: Path) -> None:
    path = tmp_path / "uploads.sqlite"
    clock = Clock()
    with opened(path, clock) as ledger:
        await ledger.write(RECORD)
        with closing(sqlite3.connect(path)) as connection, connection:
            row = asdict(replace(RECORD, changed_at=1_000))
            columns = ", ".join(row)
            connection.executemany(
                f"INSERT INTO uploads ({columns}) VALUES ({', '.join(f':{name}' for name in row)})",
                (
                    row | {"upload_id": f"upload_{number:022}", "owner": f"{number % 500}"}
                    for number in range(200_000)
                ),
            )
        slowest_s = 0.0
        for number in range(300):
            begun = time.process_time()
            await ledger.add(replace(RECORD, upload_id=f"upload_x{number:021}"), most_unused=1_000)
            slowest_s = max(slowest_s, time.process_time() - begun)
        # Scanning a folder of as many took 3.2 s, on the event loop.
        assert slowest_s < 1.0


@pytest.mark.parametrize(
    "text",
    ["", "file_1", "upload_", "upload_../../etc/passwd000000", "upload_" + "a" * 2_001, "upload_" + "ä" * 22],
)
async def test_what_is_no_upload_id_is_never_looked_up(tmp_path: Path, text: str) -> None:
    assert not is_upload_id(text)
    with opened(tmp_path / "uploads.sqlite") as ledger:
        assert await ledger.read(text) is None
    assert not (tmp_path / "uploads.sqlite").exists()


async def test_a_fault_ends_no_record_in_memory() -> None:
    with opened(None) as ledger:
        await ledger.write(RECORD)
        with pytest.raises(CalypsoError):
            await ledger._table.run(lambda connection: connection.execute("SELECT nothing"))
        assert await ledger.read(RECORD.upload_id) is not None


async def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "uploads.sqlite"
    path.write_bytes(b"no database" * 1_000)
    with opened(path) as ledger, pytest.raises(CalypsoError) as refused:
        await ledger.write(RECORD)
    assert refused.value.code == "upload_record_unusable"
    assert not refused.value.retryable
    assert "delete it" in refused.value.hint


@pytest.mark.parametrize(
    ("trouble", "end", "hint"),
    [
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", "make room"),
        ("PRAGMA query_only = 1", None, "repair"),
    ],
)
async def test_a_file_that_can_be_written_again_is_used_again(
    tmp_path: Path, trouble: str, end: str | None, hint: str
) -> None:
    long = [replace(RECORD, upload_id=f"upload_{number:022}", filename="a" * 1_000) for number in range(12)]

    async def write_all() -> None:
        for record in long:
            await ledger.write(record)

    with opened(tmp_path / "uploads.sqlite") as ledger:
        await ledger.write(RECORD)
        await ledger._table.run(lambda connection: connection.execute(trouble))
        with pytest.raises(CalypsoError) as refused:
            await write_all()
        if end is not None:
            await ledger._table.run(lambda connection: connection.execute(end))
        await write_all()
    assert hint in refused.value.hint
    assert refused.value.retryable == (end is not None)
