import os
from dataclasses import replace
from pathlib import Path

import pytest

from calypso_mcp.server.one_time.upload_ledger import (
    REMEMBERED_S,
    UploadLedger,
    UploadRecord,
    is_upload_id,
    owner_of,
)
from tests.support.oauth_issuer import Clock

RECORD = UploadRecord(
    "upload_0123456789abcdefghijkl", owner_of("support"), "issued", "bucket_1", "a.pdf", 1900
)


@pytest.fixture(params=["memory", "folder"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "ledger" if request.param == "folder" else None


def test_the_last_news_of_an_upload_is_what_counts(folder: Path | None) -> None:
    clock = Clock()
    ledger = UploadLedger(folder, clock=clock)
    assert ledger.read(RECORD.upload_id) is None
    ledger.write(RECORD)
    stored = UploadRecord(
        RECORD.upload_id, RECORD.owner, "stored", "bucket_1", "a.pdf", 1900, file_id="file_1"
    )
    ledger.write(stored)
    found = ledger.read(RECORD.upload_id)
    assert found is not None
    assert (found.state, found.file_id, found.changed_at) == ("stored", "file_1", 1000)
    clock.now_s += REMEMBERED_S + 1
    assert ledger.read(RECORD.upload_id) is None


def test_of_all_who_know_the_same_one_claims_an_upload(folder: Path | None) -> None:
    ledgers = [UploadLedger(folder)] * 2 if folder is None else [UploadLedger(folder), UploadLedger(folder)]
    ledgers[0].write(RECORD)
    receiving, interrupted = replace(RECORD, state="receiving"), replace(RECORD, state="interrupted")
    for _ in range(3):
        known = [ledger.read(RECORD.upload_id) for ledger in ledgers]
        claimed = [ledger.claim(receiving, one) for ledger, one in zip(ledgers, known, strict=True)]
        assert claimed == [True, False]
        ledgers[1].write(interrupted)
        # Whoever still knows an earlier state cannot claim on it.
        assert not ledgers[1].claim(receiving, known[1])


def test_workers_with_one_folder_know_the_same(tmp_path: Path) -> None:
    UploadLedger(tmp_path).write(RECORD)
    found = UploadLedger(tmp_path).read(RECORD.upload_id)
    assert found is not None
    assert found.filename == "a.pdf"
    assert "support" not in next(tmp_path.glob("*.json")).read_text()


def test_a_worker_that_ends_right_after_its_claim_leaves_an_upload_that_another_can_claim(
    tmp_path: Path,
) -> None:
    ledger = UploadLedger(tmp_path)
    ledger.write(RECORD)
    receiving = replace(RECORD, state="receiving")
    target = tmp_path / f"{RECORD.upload_id}.json"
    issued = target.read_text()
    assert ledger.claim(receiving, ledger.read(RECORD.upload_id))
    # As if it had ended before it could tell the news in the upload's own file, too.
    target.unlink()
    target.write_text(issued)
    known = UploadLedger(tmp_path).read(RECORD.upload_id)
    assert known is not None
    assert known.state == "receiving"
    assert UploadLedger(tmp_path).claim(receiving, known)
    assert not UploadLedger(tmp_path).claim(receiving, known)


def test_old_outcomes_are_swept_away(tmp_path: Path) -> None:
    old = tmp_path / "upload_aaaaaaaaaaaaaaaaaaaaaa.json"
    old.write_text("{}")
    os.utime(old, (1, 1))
    UploadLedger(tmp_path).write(RECORD)
    assert not old.exists()


@pytest.mark.parametrize(
    "text",
    ["", "file_1", "upload_", "upload_../../etc/passwd000000", "upload_" + "a" * 23, "upload_" + "ä" * 22],
)
def test_what_is_no_upload_id_is_never_a_path(tmp_path: Path, text: str) -> None:
    assert not is_upload_id(text)
    assert UploadLedger(tmp_path).read(text) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", "{broken", '{"upload_id": 1, "more": 2}'])
def test_a_damaged_record_is_no_record(tmp_path: Path, content: str) -> None:
    (tmp_path / f"{RECORD.upload_id}.json").write_text(content)
    assert UploadLedger(tmp_path).read(RECORD.upload_id) is None
