from __future__ import annotations

import logging
import stat
import sys
from pathlib import Path

import pytest

from calypso_mcp.assembly.server import conversations
from calypso_mcp.server.access.credentials import ANYONE
from calypso_mcp.server.conversations import Turn
from calypso_mcp.settings import settings_from

TURN = Turn("calypso-agent:support", "resp_1", "0123456789ab")


def test_workers_on_one_data_folder_read_each_others_ids_and_those_on_another_do_not(tmp_path: Path) -> None:
    here, there = ({"data_dir": str(tmp_path / name)} for name in ("here", "there"))
    made = conversations(settings_from(here, {})).seal(TURN, ANYONE)
    assert conversations(settings_from(here, {})).open(made, ANYONE) == TURN
    assert conversations(settings_from(there, {})).open(made, ANYONE) is None
    if sys.platform != "win32":
        (seal,) = (tmp_path / "here").iterdir()
        assert stat.S_IMODE(seal.stat().st_mode) == 0o600


def test_the_folder_is_not_touched_before_the_first_id(tmp_path: Path) -> None:
    conversations(settings_from({"data_dir": str(tmp_path / "data")}, {}))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("garbage", [None, "not hex", "\n", "00"])
def test_without_a_usable_folder_ids_are_good_in_this_process_and_that_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, garbage: str | None
) -> None:
    folder = tmp_path / "data"
    if garbage is None:
        folder.write_text("in the way")
    else:
        folder.mkdir()
        (folder / "sealing-secret").write_text(garbage)
    settings = settings_from({"data_dir": str(folder)}, {})
    with caplog.at_level(logging.WARNING):
        made = conversations(settings)
        assert made.open(made.seal(TURN, ANYONE), ANYONE) == TURN
    assert "in this process only" in caplog.text
    assert conversations(settings).open(made.seal(TURN, ANYONE), ANYONE) is None
