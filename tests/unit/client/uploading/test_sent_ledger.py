from __future__ import annotations

import sqlite3
import stat
import sys
import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from calypso_mcp.client.uploading import sent_ledger as module
from calypso_mcp.client.uploading.sent_ledger import LedgerFile, SentLedger, account_of
from calypso_mcp.domain.states.file_state import FileState

ARRIVED = FileState(file_id="file_1", task_id="task_1", batch_id="batch_1", client_file_id="a.md-1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sent.sqlite"


@pytest.fixture
def file(path: Path) -> Generator[LedgerFile]:
    with closing(LedgerFile(path)) as opened:
        yield opened


async def test_what_was_noted_is_found_by_the_next_process_and_by_no_other_account(path: Path) -> None:
    with closing(LedgerFile(path)) as file:
        mine = SentLedger(file, account_of("https://a.test/v1", "sk_1"))
        await mine.note({"one": ARRIVED, "two": FileState()})
        await mine.note_opened("batch key", "batch_1")
    with closing(LedgerFile(path)) as file:
        mine = SentLedger(file, account_of("https://a.test/v1", "sk_1"))
        assert await mine.find(["one", "two", "three"]) == {"one": ARRIVED, "two": FileState()}
        assert await mine.opened(["batch key", "other"]) == {"batch key": "batch_1"}
        for other in (account_of("https://a.test/v1", "sk_2"), account_of("https://b.test/v1", "sk_1")):
            theirs = SentLedger(file, other)
            assert await theirs.find(["one"]) == {}
            assert await theirs.opened(["batch key"]) == {}


async def test_an_announced_file_replaces_an_arrived_one_only_in_another_batch(file: LedgerFile) -> None:
    ledger = SentLedger(file, "a")
    await ledger.note({"key": ARRIVED})
    await ledger.note({"key": FileState(batch_id="batch_1", client_file_id="a.md-1")})
    assert await ledger.find(["key"]) == {"key": ARRIVED}
    announced = FileState(batch_id="batch_2", client_file_id="a.md-2")
    await ledger.note({"key": announced})
    assert await ledger.find(["key"]) == {"key": announced}


async def test_a_place_has_changed_when_something_else_was_sent_from_there_last(file: LedgerFile) -> None:
    ledger = SentLedger(file, "a")
    assert await ledger.changed({"place": "1", "other": "1"}) == set()
    assert await ledger.changed({"place": "2", "other": "1"}) == {"place"}
    assert await ledger.changed({"place": "2"}) == set()
    assert await ledger.changed({"place": "1"}) == {"place"}
    assert await ledger.changed({}) == set()


async def test_thousands_of_files_are_found_at_once(file: LedgerFile) -> None:
    ledger = SentLedger(file, "a")
    many = {f"key {number}": FileState(file_id=f"file_{number}") for number in range(2_500)}
    await ledger.note(many)
    assert await ledger.find(many.keys()) == many


async def test_the_oldest_are_forgotten_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(LedgerFile(path)) as file:
        for number in range(10):
            await SentLedger(file, "a").note({f"key {number}": ARRIVED})
    monkeypatch.setattr(module, "_MOST_ROWS", 4)
    with closing(LedgerFile(path)) as file:
        found = await SentLedger(file, "a").find([f"key {number}" for number in range(10)])
    assert sorted(found) == ["key 6", "key 7", "key 8", "key 9"]


async def test_several_processes_write_at_once_and_nothing_is_lost(path: Path) -> None:
    async def write(name: str) -> None:
        with closing(LedgerFile(path)) as file:
            for number in range(20):
                await SentLedger(file, "a").note({f"{name} {number}": ARRIVED})

    with anyio.fail_after(30):
        async with anyio.create_task_group() as writers:
            for name in ("one", "two", "three", "four"):
                writers.start_soon(write, name)
    with closing(LedgerFile(path)) as file:
        keys = [f"{name} {number}" for name in ("one", "two", "three", "four") for number in range(20)]
        assert len(await SentLedger(file, "a").find(keys)) == 80


async def test_of_several_processes_that_make_the_file_one_does_and_the_others_keep_what_is_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def open_and_note(path: Path, place: str) -> None:
        with closing(LedgerFile(path)) as file:
            await SentLedger(file, "a").changed({place: "1"})

    places = ["one", "two", "three", "four", "five", "six"]
    with anyio.fail_after(30):
        for number in range(25):
            path = tmp_path / f"{number}" / "sent.sqlite"
            async with anyio.create_task_group() as openers:
                for place in places:
                    openers.start_soon(open_and_note, path, place)
            with closing(LedgerFile(path)) as file:
                assert await SentLedger(file, "a").changed(dict.fromkeys(places, "2")) == set(places)
    assert not caplog.records


async def test_another_process_that_ends_takes_nothing_from_one_that_has_the_file_open_twice(
    path: Path, file: LedgerFile, caplog: pytest.LogCaptureFixture
) -> None:
    note_and_end = (
        "import anyio, sys; from pathlib import Path\n"
        "from calypso_mcp.client.uploading.sent_ledger import LedgerFile, SentLedger\n"
        "file = LedgerFile(Path(sys.argv[1])); "
        "anyio.run(SentLedger(file, 'a').note_opened, 'other', 'batch_2')\n"
        "file.close()"
    )
    with closing(LedgerFile(path)) as again:
        await SentLedger(file, "a").note({"one": ARRIVED})
        await SentLedger(again, "a").note({"two": ARRIVED})
        # Did it believe to be the last, it would remove the log that the other two go on writing to.
        await anyio.run_process([sys.executable, "-c", note_and_end, str(path)])
        await SentLedger(file, "a").note({"three": ARRIVED})
        with closing(LedgerFile(path)) as last:
            assert set(await SentLedger(last, "a").find(["one", "two", "three"])) == {"one", "two", "three"}
    assert not caplog.records


async def test_a_full_disk_ends_no_record(path: Path, file: LedgerFile) -> None:
    ledger = SentLedger(file, "a")
    await ledger.note({"before": ARRIVED})
    file.run(lambda connection: connection.execute("PRAGMA max_page_count = 1"), None)
    await ledger.note({f"meanwhile {number}": ARRIVED for number in range(500)})
    assert await ledger.find(["before", "meanwhile 1"]) == {"before": ARRIVED}
    file.run(lambda connection: connection.execute("PRAGMA max_page_count = 1000000"), None)
    await ledger.note({"after": ARRIVED})
    with closing(LedgerFile(path)) as again:
        assert set(await SentLedger(again, "a").find(["before", "after"])) == {"before", "after"}


async def test_nothing_is_lost_to_processes_that_write_for_seconds(path: Path, file: LedgerFile) -> None:
    ledger = SentLedger(file, "a")
    await ledger.note({"before": ARRIVED})
    with closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(4.0, other.commit)
        release.start()
        with anyio.fail_after(30):
            await ledger.note({"meanwhile": ARRIVED})
        release.join()
    assert set(await ledger.find(["before", "meanwhile"])) == {"before", "meanwhile"}


async def test_while_another_process_holds_the_file_nothing_waits_long_and_it_is_used_again_after(
    path: Path, file: LedgerFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.01)
    ledger = SentLedger(file, "a")
    await ledger.note({"before": ARRIVED})
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        await ledger.note({"meanwhile": ARRIVED})
        assert await ledger.find(["before"]) == {"before": ARRIVED}
    await ledger.note({"after": ARRIVED})
    assert set(await ledger.find(["before", "meanwhile", "after"])) == {"before", "after"}
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


async def test_a_file_damaged_while_in_use_is_given_up_with_one_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(LedgerFile(path)) as file:
        await SentLedger(file, "a").note({f"key {number}": ARRIVED for number in range(500)})
    data = bytearray(path.read_bytes())
    data[4_096:] = b"\xa5" * (len(data) - 4_096)
    path.write_bytes(data)
    with closing(LedgerFile(path)) as file:
        ledger = SentLedger(file, "a")
        await ledger.note({"new": ARRIVED})
        assert await ledger.find(["new", "key 1"]) == {"new": ARRIVED}
        await ledger.note({"newer": ARRIVED})
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    assert path.read_bytes()[4_096:8_192] == data[4_096:8_192]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
async def test_only_its_owner_can_read_it(path: Path, file: LedgerFile) -> None:
    await SentLedger(file, "a").note({"key": ARRIVED})
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
